"""Whether the camera moves, and where a video cuts to another shot, from small grey copies of the frames."""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from fitting.inputs.detections import Picture

LONG_SIDE = 256
"""Of the small copies, in pixels."""

LOOKS = 4.0
"""Times a second at which the background is looked at; more would add up rounding."""

MOVES = 0.02
"""A camera moves if the background goes by more than this part of the picture's diagonal within `SECONDS`. On eight
videos of cameras on a stand it goes by 0.004 at most."""

SECONDS = 4.0

_CUT, _OTHER_LEVELS = 0.4, 0.1
"""At a cut the correlation of two frames is below the first, and the total variation between their histograms above the
second. In shots they are above 0.8 and below 0.03, between two cameras in one room below 0.35 and above 0.1."""

_BLANK = 3.0
"""Standard deviation of the grey levels below which a frame shows nothing, as between two shots."""

_GREY_LEVELS = 32
_CORNERS, _INLIERS = 150, 12
_PEOPLE_GROWN = 0.1
"""Parts of people's boxes by which the surroundings that they cover are larger."""

_STILL = 0.1
"""Pixels of the small copy; shifts below are rounding of the flow."""

Thumbnail = UInt8[np.ndarray, "_height _width"]


def thumbnail(rgb: Picture) -> Thumbnail:
    """A small grey copy of a frame."""
    scale = min(1.0, LONG_SIDE / max(rgb.shape[:2]))
    size = [max(1, round(side * scale)) for side in rgb.shape[1::-1]]
    return np.asarray(cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY))


def is_blank(picture: Thumbnail) -> bool:
    """Whether a frame shows nothing."""
    return bool(picture.std() < _BLANK)


def is_cut(before: Thumbnail, after: Thumbnail) -> bool:
    """Whether a frame is of another shot than the one before.

    Args:
        before: small copy of a frame.
        after: of the next one.

    Returns:
        Whether the video cuts between them.
    """

    def levels(picture: Thumbnail) -> Float[np.ndarray, " levels"]:
        counts = np.bincount(picture.ravel() // (256 // _GREY_LEVELS), minlength=_GREY_LEVELS)
        return np.asarray(counts / picture.size)

    differs = np.abs(levels(before) - levels(after)).sum() / 2
    a, b = before - before.mean(), after - after.mean()
    correlation = (a * b).sum() / max(math.sqrt((a * a).sum() * (b * b).sum()), 1e-9)
    return bool(differs > _OTHER_LEVELS and correlation < _CUT)


def background_shift(
    before: Thumbnail, after: Thumbnail, people: Float[np.ndarray, "people 4"]
) -> Float[np.ndarray, "2"]:
    """How far the background went between two frames.

    Args:
        before: small copy of a frame.
        after: of a later one.
        people: boxes of the people in the first, as parts of its width and height.

    Returns:
        The largest motion of a corner of the picture, as a part of the picture's diagonal; NaN if the background shows
        too little.
    """
    unknown = np.full(2, np.nan)
    corners = cv2.goodFeaturesToTrack(before, _CORNERS, 0.01, 6, mask=_background(before, people))
    if corners is None or len(corners) < _INLIERS:
        return unknown
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, corners.copy())  # the copy is overwritten
    there = status[:, 0] == 1
    if there.sum() < _INLIERS:
        return unknown
    cv2.setRNGSeed(0)
    matrix, inliers = cv2.estimateAffinePartial2D(corners[there], moved[there], ransacReprojThreshold=1.0)
    if matrix is None or inliers.sum() < _INLIERS:
        return unknown
    height, width = before.shape
    edges = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=float)
    shifts = edges @ matrix[:, :2].T + matrix[:, 2] - edges
    largest = shifts[np.linalg.norm(shifts, axis=1).argmax()]
    return np.zeros(2) if np.linalg.norm(largest) < _STILL else largest / math.hypot(width, height)


def camera_moves(shifts: Float[np.ndarray, "looks 2"]) -> bool | None:
    """Whether the background goes elsewhere within a few seconds.

    Args:
        shifts: of the background, from each look to the next; NaN where it is unknown.

    Returns:
        Whether the camera moves; None if most looks say nothing.
    """
    window = round(SECONDS * LOOKS)
    for begin in range(0, len(shifts), window // 2):
        way = np.concatenate([np.zeros((1, 2)), np.nan_to_num(shifts[begin : begin + window]).cumsum(0)])
        if np.ptp(way, axis=0).max() > MOVES:
            return True
    return None if len(shifts) and np.isnan(shifts).any(1).mean() > 0.5 else False


def _background(picture: Thumbnail, people: Float[np.ndarray, "people 4"]) -> UInt8[np.ndarray, "height width"]:
    """Where no people are."""
    height, width = picture.shape
    mask = np.full(picture.shape, 255, np.uint8)
    for box in people:
        grown = np.tile((box[2:] - box[:2]) * _PEOPLE_GROWN, 2) * (-1, -1, 1, 1) + box
        left, top, right, bottom = np.round(grown * (width, height, width, height)).astype(int).tolist()
        mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 0
    return mask
