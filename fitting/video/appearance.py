"""How a person looks in a frame: the colours of the torso, and the size."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

from fitting.inputs.detections import Picture
from fitting.inputs.keypoints import FORMATS, Keypoints

HUES, SATURATIONS, GREYS = 12, 3, 6

COLOURS = HUES * SATURATIONS + GREYS
"""Bins of a histogram: hue and saturation of colourful pixels, brightness of the others."""

_GREY = 40
"""Saturation (of 255) below which a pixel has no reliable hue."""

_LEAST_PIXELS = 30


def torso_colours(rgb: Picture, people: Keypoints) -> Float[np.ndarray, "people colours"]:
    """Histograms of the colours inside the quadrilaterals of shoulders and hips.

    Args:
        rgb: the frame.
        people: keypoints in its pixels.

    Returns:
        Histograms of sum 1; zeros where a torso is too small or unseen.
    """
    found = np.zeros((len(people), COLOURS), np.float32)
    height, width = rgb.shape[:2]
    left, right, left_hip, right_hip = FORMATS[people.format].torso
    for person, (xy, seen) in enumerate(zip(people.xy, people.seen, strict=True)):
        corners = xy[[left, right, right_hip, left_hip]]
        if not seen[[left, right, left_hip, right_hip]].all():
            continue
        low = np.clip(np.floor(corners.min(0)), 0, (width, height)).astype(int)
        high = np.clip(np.ceil(corners.max(0)) + 1, 0, (width, height)).astype(int)
        if (high - low < 2).any():
            continue
        mask = np.zeros((high - low)[::-1], np.uint8)
        cv2.fillPoly(mask, [np.round(corners - low).astype(np.int32)], 1)
        if mask.sum() < _LEAST_PIXELS:  # seen from the side, the torso is a line
            cv2.polylines(mask, [np.round(corners - low).astype(np.int32)], True, 1, max(2, int(mask.shape[0] / 8)))
        pixels = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
        found[person] = _histogram(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[mask > 0])
    return found


def colour_distance(
    a: Float[np.ndarray, "*#shape colours"], b: Float[np.ndarray, "*#shape colours"]
) -> Float[np.ndarray, " *shape"]:
    """Hellinger distance of histograms, from 0 to 1; 0 where one of them is unknown.

    Args:
        a: histograms.
        b: histograms.

    Returns:
        Distances.
    """
    known = (a.sum(-1) > 0) & (b.sum(-1) > 0)
    common = np.sqrt(a * b).sum(-1)
    return np.asarray(np.where(known, np.sqrt(np.clip(1.0 - common, 0.0, 1.0)), 0.0))


def person_scale(people: Keypoints) -> Float[np.ndarray, " people"]:
    """Size of each person in pixels, of a metre where the detector has positions in metres, else of the box.

    The former does not depend on the pose.
    """
    if people.world is None:
        return np.asarray(np.linalg.norm(people.boxes[:, 2:] - people.boxes[:, :2], axis=1))
    weight = people.seen[..., None] / people.seen.sum(1)[:, None, None]
    xy = people.xy - (weight * people.xy).sum(1, keepdims=True)
    metres = people.world[..., :2] - (weight * people.world[..., :2]).sum(1, keepdims=True)
    spread = (weight * np.square(metres)).sum((1, 2))
    return np.asarray(np.sqrt((weight * np.square(xy)).sum((1, 2)) / np.maximum(spread, 1e-6)))


def _histogram(hsv: np.ndarray) -> Float[np.ndarray, " colours"]:
    hue, saturation, value = hsv.astype(int).T
    grey = saturation < _GREY
    colourful = (hue * HUES // 180) * SATURATIONS + (saturation - _GREY) * SATURATIONS // (256 - _GREY)
    bins = np.where(grey, HUES * SATURATIONS + value * GREYS // 256, colourful)
    counts = np.bincount(bins, minlength=COLOURS).astype(np.float32)
    return np.asarray(counts / max(counts.sum(), 1.0))
