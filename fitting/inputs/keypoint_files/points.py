"""Convert a file's numbers to arrays, with coordinates in pixels and scores as confidences."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from fitting.inputs.keypoint_files.content import Entry
from fitting.inputs.keypoints import MAX_CONFIDENCE, MAX_COORDINATE, SEEN_CONFIDENCE

_PARTS = 2.0
"""Upper bound of normalised coordinates."""

_PERCENT = 50.0
"""Lower bound of the largest score on a scale of 0 to 100."""


def points_of(entry: Entry) -> Float[np.ndarray, "points 3"] | None:
    """x, y and score of a person's points, huge coordinates as NaN; None if there are none, or only zeros.

    Raises:
        ValueError: the values are not numbers, or not two or three for each point.
    """
    if not entry.values:
        return None
    values = _numbers(entry.values)
    if entry.scores is not None:
        scores = _numbers(entry.scores)
        values = values.reshape(-1, 2) if values.ndim == 1 and values.size == 2 * scores.size else values
        if values.ndim != 2 or scores.shape != values.shape[:1]:
            found = f"{scores.size} scores and coordinates of shape {values.shape}"
            raise ValueError(f"expected one score for each keypoint, found {found}")
        if values.shape[1] != 2:
            raise ValueError(f"keypoints have {values.shape[1]} coordinates and a score: give 2D keypoints, in pixels")
        values = np.concatenate([values, scores[:, None]], axis=1)
    if values.ndim == 1 and values.size % 3 == 0:
        values = values.reshape(-1, 3)
    if values.ndim != 2 or values.shape[1] != 3:
        raise ValueError(f"keypoints must be x, y and score of each point, not numbers of shape {values.shape}")
    values[~(np.abs(values[:, :2]) < MAX_COORDINATE).all(axis=1), :2] = np.nan
    values[(values[:, :2] == 0).all(axis=1), 2] = 0.0  # most tools mark missing points this way
    return values if values.any() else None


def hands_of(entry: Entry) -> Float[np.ndarray, "42 3"]:
    """x, y and score of a person's hands in lists of their own, the left one first; zeros if there are none.

    Raises:
        ValueError: a list is not 21 points with x, y and score.
    """
    hands = np.zeros((2, 21, 3))
    for side, values in enumerate(entry.hands):
        if values:
            found = _numbers(values)
            if found.size != hands[side].size:
                raise ValueError(f"a hand needs 21 keypoints with x, y and score, found {found.size} numbers")
            hands[side] = found.reshape(21, 3)
    hands[~(np.abs(hands[..., :2]) < MAX_COORDINATE).all(-1), :] = 0.0
    hands[~np.isfinite(hands[..., 2]), 2] = 0.0
    flat: np.ndarray = hands.reshape(-1, 3)
    return flat


def _numbers(values: Any) -> Float[np.ndarray, "..."]:
    """Numbers, possibly as text, with null as NaN."""
    try:
        if not any(isinstance(value, bool) for value in np.array(values, dtype=object).ravel()):
            return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    raise ValueError("keypoints must contain only numbers: x, y and score of each point")


def to_pixels(
    points: Float[np.ndarray, "points 3"],
    size: tuple[float, float] | None,
    image_size: tuple[int, int] | None,
) -> Float[np.ndarray, "points 3"]:
    """Points in pixels of the image.

    Args:
        points: x, y, score.
        size: size of the picture that they refer to; (1, 1) if normalised, None for pixels.
        image_size: width and height of the image in pixels, if known.

    Returns:
        x and y in pixels of the image, and the unchanged scores.

    Raises:
        ValueError: the points are normalised and the image's size is unknown, they seem normalised but the file does
            not say so, or the picture's aspect ratio differs from the image's.
    """
    found = np.abs(points[points[:, 2] > 0, :2])
    parts = found.size > 0 and bool((found <= _PARTS).all())
    if size is None:
        if parts:
            raise ValueError(
                f"no coordinate is above {found.max():.2g}: give pixels, not fractions of the image size, or one "
                "of the files that support these (YOLO text, Ultralytics, ControlNet)"
            )
        return points
    if parts and size != (1.0, 1.0):
        points = points * [*size, 1.0]
    if size == (1.0, 1.0) and image_size is None:
        raise ValueError("the keypoints are fractions of the image size: give the image size")
    if image_size is None or size == image_size:
        return points
    scale = np.array(image_size) / size
    if size != (1.0, 1.0) and not 0.98 < scale[0] / scale[1] < 1.02:
        raise ValueError(
            f"the keypoints belong to a picture of {size[0]:g} x {size[1]:g} pixels, but the image has "
            f"{image_size[0]} x {image_size[1]}: give the picture that they were detected on"
        )
    pixels: np.ndarray = points * [*scale, 1.0]
    return pixels


def rescaled(
    points: Float[np.ndarray, "points 3"], stated: tuple[float, float] | None, image_size: tuple[int, int] | None
) -> Float[np.ndarray, "points 3"]:
    """Points of an image that has been resized since its size was written down.

    A stated size of the image's proportions within which all points lie is taken to be right; others are ignored.

    Args:
        points: x, y, score.
        stated: width and height that a table of images states.
        image_size: width and height of the image in pixels, where it is known.

    Returns:
        x and y in pixels of the image, and the scores as they were.
    """
    if stated is None or image_size is None or stated == image_size:
        return points
    scale = np.array(image_size) / stated
    inside = bool((points[points[:, 2] > 0, :2] <= stated).all())
    if not inside or not 0.98 < scale[0] / scale[1] < 1.02:
        return points
    pixels: np.ndarray = points * [*scale, 1.0]
    return pixels


def confidences(scores: Float[np.ndarray, "people points"]) -> Float[np.ndarray, "people points"]:
    """Confidences between 0 and 1 from flags of COCO (0, 1 or 2), percentages, or confidences.

    Raises:
        ValueError: the scores are on another scale, or all are too low.
    """
    if np.isin(scores, (0.0, 1.0, 2.0)).all() and (scores == 2.0).any():
        return scores / 2.0
    highest = scores.max()
    if not np.isfinite(scores).all() or scores.min() < -SEEN_CONFIDENCE:
        raise ValueError("confidences of keypoints must be between 0 and 1: some are negative, infinite or NaN")
    if _PERCENT < highest <= 100.0:
        scores, highest = scores / 100.0, highest / 100.0
    if highest > MAX_CONFIDENCE:
        raise ValueError(
            f"scores of up to {highest:.4g} are on an unknown scale: give confidences of 0 to 1, or percentages"
        )
    if 0 < highest <= SEEN_CONFIDENCE:
        raise ValueError(
            f"the highest score is {highest:.2g}, but keypoints count as seen above {SEEN_CONFIDENCE}: "
            "scale the scores to confidences of 0 to 1"
        )
    return scores.clip(0.0, 1.0)
