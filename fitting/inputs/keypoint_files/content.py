"""What a reader finds in a file: one entry for each person, not yet checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ImageId = str | int
"""How a tool refers to an image: by file name, by number, or by a name of its own."""


@dataclass(frozen=True)
class Entry:
    """One person as the file has it."""

    values: Any
    """x, y, score of every point, in one list or in a list of rows; x and y alone where ``scores`` holds the rest."""
    scores: Any = None
    image: tuple[ImageId, ...] = ()
    """All that the entry says of the image that it belongs to."""
    size: tuple[float, float] | None = None
    """Width and height of the picture that x and y refer to, (1, 1) for normalised ones; None: the image's pixels."""


@dataclass(frozen=True)
class Content:
    """All people of a file, and its table of images: file names by id."""

    entries: list[Entry]
    file_names: tuple[tuple[ImageId, str], ...] = ()


def entry_of(person: Mapping[str, Any], image: tuple[ImageId, ...] = ()) -> Entry:
    """The entry of a person with ``keypoints`` and, in mmpose's files, ``keypoint_scores``.

    Args:
        person: an object of the file.
        image: names and ids of the image that the person is on.

    Returns:
        The entry.
    """
    return Entry(person.get("keypoints"), person.get("keypoint_scores"), image)


def is_list_of_objects(content: Any) -> bool:
    """Whether JSON content is a list of at least one object, and of nothing else."""
    return isinstance(content, list) and bool(content) and all(isinstance(item, dict) for item in content)
