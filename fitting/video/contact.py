"""Which feet stand in which frames, from their speed and height."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from fitting.inputs.keypoints import FORMATS, FormatName

SPEED, SPEED_WIDTH = 0.45, 0.12
"""Metres per second at which standing and moving are equally likely, and the scale of the transition. Feet that stand
are measured at 0.1 to 0.3, and swing at 1.5 to 4."""

BLUR, LEAST_BLUR = 0.08, 1.5
"""Seconds, and least number of frames, by which positions are smoothed before speeds are measured: those of single
frames are off by 1 to 2 cm."""

ALONG_SIGHT = 0.6
"""Part of the speed along the line of sight that counts: distances from the camera are the least exact."""

HEIGHT, HEIGHT_WIDTH = 0.09, 0.025
"""The same for heights above the ground, in metres."""

STAYS = 0.5
"""Mean number of seconds after which a foot changes between standing and moving, if nothing is seen of it."""

_SURE = 0.02
"""Probabilities of single frames keep this distance from 0 and 1."""

_AROUND = 0.5
"""Seconds before and after in which the lowest point shows the ground's height while the ground is unknown."""

_POINTS = (
    ("left_heel", "left_foot_index", "right_heel", "right_foot_index"),
    ("left_heel", "left_big_toe", "right_heel", "right_big_toe"),
    ("left_ankle", "right_ankle"),
)
"""Landmarks of feet, the best first."""


def foot_points(format: FormatName) -> tuple[str, ...]:
    """Names of the keypoints that show whether feet stand, left ones first.

    Args:
        format: keypoint format.

    Returns:
        Heels and toes, or ankles where the format has no others.
    """
    return next(names for names in _POINTS if set(names) <= set(FORMATS[format].names))


def standing_probability(
    points: Float[np.ndarray, "frames points 3"],
    heights: Float[np.ndarray, "frames points"],
    seen: Float[np.ndarray, "frames points"],
    fps: float,
) -> Float[np.ndarray, "frames points"]:
    """Probability that each point of the feet stands, smoothed over time by a two-state Markov chain.

    Args:
        points: positions in metres, in axes of a camera that does not move and is at the origin.
        heights: above the ground, of the soles below the points; metres.
        seen: from 0 (unseen: position means nothing) to 1.
        fps: frames per second.

    Returns:
        Probabilities.
    """
    if len(points) < 2:
        return np.full(points.shape[:2], 0.5)
    smooth = gaussian_filter1d(points, max(BLUR * fps, LEAST_BLUR), axis=0, mode="nearest")
    velocity = np.gradient(smooth, axis=0) * fps
    sight = smooth / np.maximum(np.linalg.norm(smooth, axis=-1, keepdims=True), 1e-9)
    along = (velocity * sight).sum(-1, keepdims=True) * sight
    speed = np.linalg.norm(velocity - (1 - ALONG_SIGHT) * along, axis=-1)
    stands = _logistic((SPEED - speed) / SPEED_WIDTH) * _logistic((HEIGHT - heights) / HEIGHT_WIDTH)
    return _smoothed(np.clip(0.5 + (stands - 0.5) * seen, _SURE, 1 - _SURE), fps)


def lowest_around(heights: Float[np.ndarray, "frames points"], fps: float) -> Float[np.ndarray, " frames"]:
    """Height of the lowest point in the frames around each frame.

    Args:
        heights: of all points, metres.
        fps: frames per second.

    Returns:
        Metres.
    """
    reach = max(1, round(_AROUND * fps))
    lowest = np.pad(heights.min(1), reach, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(lowest, 2 * reach + 1).min(1))


def _logistic(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -50, 50))))


def _smoothed(stands: Float[np.ndarray, "frames points"], fps: float) -> Float[np.ndarray, "frames points"]:
    """Forward-backward algorithm of a symmetric chain of two states."""
    change = 0.5 * (1 - np.exp(-2.0 / (STAYS * fps)))
    likely = np.stack([1 - stands, stands])  # states frames points

    def passed(states: Float[np.ndarray, "2 points"]) -> Float[np.ndarray, "2 points"]:
        mixed = (1 - change) * states + change * states[::-1]
        return np.asarray(mixed / mixed.sum(0))

    forward, backward = np.empty_like(likely), np.ones_like(likely)
    state = np.full_like(likely[:, 0], 0.5)
    for frame in range(len(stands)):
        state = passed(state) * likely[:, frame]
        state = state / state.sum(0)
        forward[:, frame] = state
    for frame in range(len(stands) - 2, -1, -1):
        backward[:, frame] = passed(backward[:, frame + 1] * likely[:, frame + 1])
    both = forward * backward
    return np.asarray(both[1] / both.sum(0))
