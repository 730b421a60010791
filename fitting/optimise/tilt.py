"""Rotation of people in the image plane, from their keypoints."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.keypoints import FORMATS, FormatName

HEAD, SHOULDERS = ("nose", "eye", "eye_inner", "eye_outer", "ear", "mouth", "head"), ("shoulder", "neck", "thorax")
HIPS, LEGS = ("hip", "mid_hip", "pelvis"), ("knee", "ankle", "heel", "foot_index", "big_toe", "small_toe")

TORSO_WEIGHT = 10.0
"""Weight of shoulders and hips relative to heads and legs, which bend."""

LEAST_TILT = math.radians(45)
"""Smaller tilts of a body are left as they are: the direction of gravity is information, too."""

LEAST_TILT_OF_HEAD = math.radians(75)
"""The same if neither hips nor legs are seen; heads bend more than bodies."""


def tilt(
    keypoints: Float[Tensor, "people joints 2"], confidence: Float[Tensor, "people joints"], format: FormatName
) -> Float[Tensor, " people"]:
    """How far people are rotated in the image plane, if they are far from upright.

    The body's upward direction is that from hips and legs to shoulders and head, or from the shoulders to the head if
    nothing below is seen.

    Args:
        keypoints: pixels.
        confidence: zero where a keypoint is unseen.
        format: keypoint format.

    Returns:
        Radians clockwise in the image; zero for people who are close to upright and for those of whom too little is
        seen.
    """
    kinds = [name.removeprefix("left_").removeprefix("right_") for name in FORMATS[format].names]
    head, shoulders, hips, legs = (
        confidence * confidence.new_tensor([kind in part for kind in kinds]) for part in (HEAD, SHOULDERS, HIPS, LEGS)
    )
    upper, lower = head + TORSO_WEIGHT * shoulders, TORSO_WEIGHT * hips + legs
    body = _direction(keypoints, lower, upper, LEAST_TILT)
    bust = _direction(keypoints, shoulders, head, LEAST_TILT_OF_HEAD)
    return torch.where(lower.sum(-1) > 0, body, bust)


def _direction(
    keypoints: Float[Tensor, "people joints 2"],
    below: Float[Tensor, "people joints"],
    above: Float[Tensor, "people joints"],
    least: float,
) -> Float[Tensor, " people"]:
    """Angle between up in the image and the line from one weighted mean to another, zero if it is below ``least``."""
    known = (below.sum(-1) > 0) & (above.sum(-1) > 0)
    (low_x, low_y), (high_x, high_y) = (_mean(keypoints, weight).unbind(-1) for weight in (below, above))
    angle = torch.atan2(high_x - low_x, low_y - high_y)
    return torch.where(known & (angle.abs() > least), angle, 0.0)


def _mean(
    points: Float[Tensor, "people joints 2"], weight: Float[Tensor, "people joints"]
) -> Float[Tensor, "people 2"]:
    return (weight[..., None] * points).sum(1) / weight.sum(1, keepdim=True).clamp(min=1e-6)
