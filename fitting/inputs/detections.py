"""Checks of detections: duplicates, parts and mixtures of people, and the covered image area."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from fitting.inputs.keypoints import FORMATS, SEEN_CONFIDENCE

Picture = UInt8[np.ndarray, "_height _width 3"]

Detection = Float[np.ndarray, "33 6"]
"""MediaPipe's keypoints of a person: x and y in pixels, confidence, and x, y, z in metres."""

_GIRTH = 0.09
"""Thickness of limbs in masks that hide found people, as a fraction of the person's size."""

_GHOST = 0.7
"""Detections with more than this fraction of keypoints on people already found are rejected. People next to others, arm
in arm with them, or half behind them have 0 to 0.12, and mixtures and parts of people 0.87 and more."""

_SAME_PERSON = 0.1
"""Two detections show one person if their keypoints' median distance is below this fraction of the person's size."""

_ANOTHER = 0.15
"""Minimum mean keypoint distance to another person, as a fraction of the person's size."""

_DIFFERENT, _DIFFERENT_VIEWS = 0.05, 2
"""A crop whose keypoints differ by more than this fraction of the person's size is inconsistent; this many of 8
make the person ambiguous. Of 51 people on 48 photos, cut off or partly hidden, 47 have none and one has one;
two people detected as one have 3, a picture on a wall 5, and a hand detected as a person 8."""

_SHIFTED, _SHIFT = (2.0, 2.5), 0.05
"""Sides of the squares in which people are looked at for ambiguity, as multiples of the longer side of their box, and
the part of that side by which the squares are moved to each side."""

_PART = 0.6
"""A detection in a tile is dropped if more than this fraction of its box is inside that of a person already found."""


def sureness(person: Detection) -> float:
    """Mean confidence of the keypoints."""
    return float(person[:, 2].mean())


def same_person(a: Detection, b: Detection) -> bool:
    """Whether two detections have similar keypoint positions.

    Args:
        a: a detection.
        b: another detection.

    Returns:
        Whether they show the same person.
    """
    size = max(np.ptp(bounding_box(a), axis=0).max(), np.ptp(bounding_box(b), axis=0).max())
    return bool(np.median(np.linalg.norm(a[:, :2] - b[:, :2], axis=1)) < _SAME_PERSON * size)


def is_part(a: Detection, b: Detection) -> bool:
    """Whether most of the box of ``a`` is inside that of ``b``, as for a body part detected as a person in a tile.

    Args:
        a: detection of a possible part.
        b: detection of a person.

    Returns:
        Whether ``a`` is a part.
    """
    box = bounding_box(a)
    common = np.clip(box, *bounding_box(b))
    return bool(np.prod(common[1] - common[0]) > _PART * np.prod(box[1] - box[0]))


def is_ambiguous(person: Detection, views: Sequence[Sequence[Detection]]) -> bool:
    """Whether a person is detected differently, or not at all, in other crops of the picture.

    Args:
        person: the detection.
        views: detections in each of the crops; crops that only show somebody else are ignored.

    Returns:
        Whether the keypoints may belong to several people, or to none.
    """
    seen = person[:, 2] > SEEN_CONFIDENCE
    size = np.ptp(bounding_box(person), axis=0).max()

    def distance(a: Detection, b: Detection) -> float:
        return float(np.linalg.norm(a[seen, :2] - b[seen, :2], axis=1).mean() / size)

    nearest = [min(view, key=lambda other: distance(other, person)) for view in views if view]
    close = [other for other in nearest if distance(other, person) < _ANOTHER]
    median = np.median([person, *close], axis=0)
    different = sum(distance(other, median) > _DIFFERENT for other in close)
    return different + len(views) - len(nearest) >= _DIFFERENT_VIEWS


def bounding_box(person: Detection) -> Float[np.ndarray, "2 2"]:
    """Left and top, right and bottom of the seen keypoints."""
    seen = person[person[:, 2] > SEEN_CONFIDENCE, :2]
    return np.stack([seen.min(axis=0), seen.max(axis=0)])


def paint_over(picture: Picture, people: list[Detection]) -> Picture:
    """Cover people in the picture with its mean colour.

    Args:
        picture: the picture, which is not modified.
        people: people to cover.

    Returns:
        A copy.
    """
    rest = picture.copy()
    rest[_covered(people, picture)] = picture.mean(axis=(0, 1))
    return rest


def is_ghost(person: Detection, people: list[Detection], picture: Picture) -> bool:
    """Whether most of a person's keypoints are on other people, as for a mixture of two people.

    Args:
        person: detection to check.
        people: people already found.
        picture: the picture.

    Returns:
        Whether the detection is a mixture or a part of others.
    """
    if not people:
        return False
    height, width = picture.shape[:2]
    x, y = person[person[:, 2] > SEEN_CONFIDENCE, :2].astype(int).T
    return bool(_covered(people, picture)[y.clip(0, height - 1), x.clip(0, width - 1)].mean() > _GHOST)


def _covered(people: list[Detection], picture: Picture) -> Bool[np.ndarray, "height width"]:
    """Mask of people, drawn as thick limbs, trunk and head."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    form = FORMATS["mediapipe"]
    for person in people:
        thick = max(1, round(_GIRTH * np.ptp(bounding_box(person), axis=0).max()))
        xy = person[:, :2].round().astype(int)
        seen = person[:, 2] > SEEN_CONFIDENCE
        for a, b in form.limbs:
            if seen[a] and seen[b]:
                cv2.line(mask, xy[a].tolist(), xy[b].tolist(), 1, thick)
        left, right, left_hip, right_hip = form.torso
        cv2.fillConvexPoly(mask, xy[[left, right, right_hip, left_hip]].astype(np.int32), 1)
        cv2.circle(mask, xy[0].tolist(), thick, 1, -1)
    return mask.astype(bool)


def square_around(person: Detection, size: float) -> tuple[int, int, int]:
    """Square around a person.

    Args:
        person: the person at its centre.
        size: side as a multiple of the longer side of the person's box.

    Returns:
        Left, top and side in pixels.
    """
    box = bounding_box(person)
    side = round(size * np.ptp(box, axis=0).max())
    left, top = np.round(box.mean(axis=0) - side / 2).astype(int).tolist()
    return left, top, side


def shifted_squares(person: Detection) -> Iterator[tuple[int, int, int]]:
    """Squares around a person, who is not in their middle.

    Args:
        person: in all of them.

    Yields:
        Left, top and side in pixels.
    """
    shift = round(_SHIFT * np.ptp(bounding_box(person), axis=0).max())
    for size in _SHIFTED:
        left, top, side = square_around(person, size)
        for x, y in ((shift, 0), (-shift, 0), (0, shift), (0, -shift)):
            yield left + x, top + y, side


def cut_square(picture: Picture, left: int, top: int, side: int) -> Picture:
    """A square of a picture, black outside it.

    Args:
        picture: the picture.
        left: column of the square's first pixel; may be outside.
        top: row of the square's first pixel; may be outside.
        side: pixels.

    Returns:
        The square.
    """
    square = np.zeros((side, side, 3), np.uint8)
    x, y = max(left, 0), max(top, 0)
    part = picture[y : max(top + side, 0), x : max(left + side, 0)]
    square[y - top : y - top + part.shape[0], x - left : x - left + part.shape[1]] = part
    return square


def tiles(picture: Picture, side: int) -> Iterator[tuple[int, int, int]]:
    """Squares that cover a picture and overlap by half.

    Args:
        picture: to cover.
        side: of the squares in pixels.

    Yields:
        Left, top and side in pixels.
    """
    height, width = picture.shape[:2]
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield left, top, side


def _starts(length: int, side: int) -> list[int]:
    steps = max(0, int(np.ceil((length - side) / (side / 2))))
    starts: list[int] = np.linspace(0, max(0, length - side), steps + 1).astype(int).tolist()
    return starts


def turned_back(person: Detection, quarters: int, picture: Picture) -> Detection:
    """A person found in ``np.rot90(picture, quarters)``, in the picture.

    Args:
        person: as found.
        quarters: number of quarter turns, counterclockwise.
        picture: as it was before.

    Returns:
        The person in the picture's pixels, with positions in metres along its axes.
    """
    turn = np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), quarters)  # of rows, clockwise
    size = np.array(picture.shape[1::-1])
    back = person.copy()
    back[:, :2] = (person[:, :2] - np.roll(size, quarters) / 2) @ turn + size / 2
    back[:, 3:5] = person[:, 3:5] @ turn
    return back
