"""Content of a keypoint file: one unchecked entry for each person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ImageId = str | int
"""How a tool refers to an image: by file name, number, or other name."""


@dataclass(frozen=True)
class Entry:
    """One person of a file."""

    values: Any
    """x, y, score of every point, in one list or in a list of rows; only x and y if ``scores`` holds the scores."""
    scores: Any = None
    image: tuple[ImageId, ...] = ()
    """All references of the entry to its image."""
    size: tuple[float, float] | None = None
    """Size of the picture that x and y refer to, (1, 1) if normalised; None for pixels of the image."""
    hands: tuple[Any, Any] = (None, None)
    """x, y, score of 21 points of the left and of the right hand, in lists of their own."""


@dataclass(frozen=True)
class Content:
    """All people of a file, and its table of images: file names by id."""

    entries: list[Entry]
    file_names: tuple[tuple[ImageId, str], ...] = ()
    sizes: Mapping[ImageId, tuple[float, float]] = field(default_factory=dict)
    """Widths and heights by id, as the table states them; exporters also write wrong ones."""


def entry_of(person: Mapping[str, Any], image: tuple[ImageId, ...] = ()) -> Entry:
    """The entry of a person with ``keypoints`` and, in mmpose's files, ``keypoint_scores``.

    Args:
        person: an object of the file.
        image: names and ids of the person's image.

    Returns:
        The entry.
    """
    return Entry(person.get("keypoints"), person.get("keypoint_scores"), image)


def is_list_of_objects(content: Any) -> bool:
    """Whether JSON content is a non-empty list of objects."""
    return isinstance(content, list) and bool(content) and all(isinstance(item, dict) for item in content)
