"""Ultralytics' ``to_json``, and the text files of YOLO poses."""

from __future__ import annotations

from itertools import chain
from typing import Any

from fitting.inputs.keypoint_files.content import Content, Entry, is_list_of_objects

_BOX = 5  # class, x, y, width, height
_POINTS = 17
_NORMALISED = (1.0, 1.0)


def read(content: Any) -> Content | None:
    """The people of lists ``keypoints.x``, ``.y``, ``.visible``, or of lines of numbers in a text file.

    Raises:
        ValueError: the lists of a person have different lengths, or a line is not a box and 17 keypoints.
    """
    if isinstance(content, str):
        return _read_text(content)
    if not is_list_of_objects(content) or not any(isinstance(item.get("keypoints"), dict) for item in content):
        return None
    return Content([_entry(item["keypoints"]) for item in content if isinstance(item.get("keypoints"), dict)])


def _entry(keypoints: dict[str, Any]) -> Entry:
    x, y = keypoints.get("x"), keypoints.get("y")
    if not x:
        return Entry(None)
    scores = keypoints.get("visible") or [1.0] * len(x)
    if not (
        isinstance(x, list) and isinstance(y, list) and isinstance(scores, list) and len(x) == len(y) == len(scores)
    ):
        raise ValueError(
            "keypoints must contain lists x, y and visible of equal length, as written by Ultralytics' to_json"
        )
    numbers = all(isinstance(value, int | float) for value in chain(x, y))
    normalised = numbers and max(chain(x, y)) <= 1.0
    return Entry(list(map(list, zip(x, y, strict=True))), scores, size=_NORMALISED if normalised else None)


def _read_text(text: str) -> Content | None:
    try:
        lines = [[float(word) for word in line.split()] for line in text.splitlines() if line.strip()]
    except ValueError:
        return None
    if not lines or min(map(len, lines)) < _BOX:
        return None
    return Content([_line(numbers, number) for number, numbers in enumerate(lines, start=1)])


def _line(numbers: list[float], number: int) -> Entry:
    """Class, box and keypoints; a confidence and a track may follow."""
    for width in (3, 2):
        if 0 <= len(numbers) - _BOX - width * _POINTS <= 2:
            values = numbers[_BOX : _BOX + width * _POINTS]
            return Entry(values, None if width == 3 else [1.0] * _POINTS, size=_NORMALISED)
    raise ValueError(
        f"line {number} has {len(numbers)} numbers, but a YOLO pose has a class, a box and {_POINTS} keypoints: "
        f"{_BOX + 3 * _POINTS} or {_BOX + 2 * _POINTS}"
    )
