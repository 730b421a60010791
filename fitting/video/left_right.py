"""Left and right of a person's keypoints, decided over a whole clip.

A detector exchanges the left and right of arms, of legs or of the whole body for some frames, most often when people
are seen from behind or from the side. Which labels are exchanged in each frame is found by dynamic programming: the
motion must be as steady as possible, and as few frames as possible may be exchanged.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from fitting.inputs.keypoints import FORMATS, FormatName
from fitting.video.tracked_keypoints import TrackedKeypoints

EXCHANGED = 0.004
"""Cost of a frame with exchanged labels: a small part of an exchange's jump."""

STEADY = 0.5
"""Weight of a change of velocity, in relation to one of place."""

_FARTHEST = 0.3
"""Differences count no more than this part of the person's size."""

_LONG = 5
"""Frames without a detection after which the motion says nothing."""

_UPPER = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb", "eye", "ear", "mouth", "eye_inner", "eye_outer")
_LOWER = ("hip", "knee", "ankle", "heel", "foot_index", "big_toe", "small_toe")

_STATES = np.array([[False, False], [True, False], [False, True], [True, True]])
"""Whether the upper and the lower half are exchanged."""


def with_steady_sides(seen: TrackedKeypoints) -> tuple[TrackedKeypoints, Int[np.ndarray, " exchanged"]]:
    """The keypoints with left and right such that the motion is steady.

    Args:
        seen: keypoints of one person.

    Returns:
        The keypoints, and the numbers of the frames in which labels were exchanged.
    """
    points = seen.keypoints
    states = exchanged_states(points.xy, points.confidence * points.seen, seen.frames, points.format)
    if not states.any():
        return seen, np.zeros(0, dtype=int)
    order = _orders(points.format)[states]
    rows = np.arange(len(states))[:, None]
    changed = {"xy": points.xy[rows, order], "confidence": points.confidence[rows, order]}
    if points.world is not None:
        changed["world"] = points.world[rows, order]
    return seen.with_keypoints(**changed), seen.frames[states > 0]


def exchanged_states(
    xy: Float[np.ndarray, "frames joints 2"],
    confidence: Float[np.ndarray, "frames joints"],
    frames: Int[np.ndarray, " frames"],
    format: FormatName,
) -> Int[np.ndarray, " frames"]:
    """Which halves are exchanged in each frame: 0 none, 1 the upper, 2 the lower, 3 both.

    Args:
        xy: keypoints.
        confidence: zero where unseen.
        frames: numbers of the frames, ascending.
        format: keypoint format.

    Returns:
        States.
    """
    if len(xy) < 2:
        return np.zeros(len(xy), dtype=int)
    size = [max(float(np.ptp(p[c > 0], axis=0).max()), 1e-6) for p, c in zip(xy, confidence, strict=True)]
    orders = _orders(format)
    placed = np.stack([xy[:, order] for order in orders], 1)  # frames states joints 2
    weight = np.stack([confidence[:, order] for order in orders], 1)
    sided = orders[3] != np.arange(len(orders[3]))
    placed, weight = placed[:, :, sided], weight[:, :, sided]
    own = EXCHANGED * _STATES.sum(1)
    # cost[a, b]: of the best way to the last two frames in the states a and b
    cost = (
        own[:, None] + own + _moved(placed[0][:, None], placed[1], weight[0][:, None], weight[1], size[1], frames[:2])
    )
    back = np.zeros((len(xy), 4, 4), dtype=np.int8)
    for frame in range(2, len(xy)):
        last, now, then = placed[frame - 1], placed[frame], placed[frame - 2]
        seen_now = np.minimum(weight[frame - 1][:, None], weight[frame])
        step = _moved(
            last[:, None], now, weight[frame - 1][:, None], weight[frame], size[frame], frames[frame - 1 :][:2]
        )
        expected = 2 * last[None] - then[:, None]  # states of the frame before the last, of the last
        apart = np.linalg.norm(now - expected[:, :, None], axis=-1) / size[frame]
        steady = frames[frame] - frames[frame - 2] == 2
        both = np.minimum(weight[frame - 2][:, None, None], seen_now)
        bend = _mean(np.minimum(apart, _FARTHEST), both) * STEADY * steady
        total = cost[:, :, None] + bend
        back[frame] = total.argmin(0)
        cost = total.min(0) + step + own
    states = np.zeros(len(xy), dtype=int)
    states[-2:] = np.unravel_index(int(cost.argmin()), (4, 4))
    for frame in range(len(xy) - 1, 1, -1):
        states[frame - 2] = back[frame, states[frame - 1], states[frame]]
    return states


def _moved(
    a: Float[np.ndarray, "..."],
    b: Float[np.ndarray, "..."],
    seen_a: Float[np.ndarray, "..."],
    seen_b: Float[np.ndarray, "..."],
    size: float,
    frames: Int[np.ndarray, "2"],
) -> Float[np.ndarray, "4 4"]:
    """Mean displacement from each state of a frame to each of the next one, as a part of the person's size."""
    if frames[1] - frames[0] > _LONG:
        return np.zeros((4, 4))
    apart = np.minimum(np.linalg.norm(a - b, axis=-1) / size, _FARTHEST)
    return _mean(apart, np.minimum(seen_a, seen_b))


def _mean(values: Float[np.ndarray, "..."], weight: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return np.asarray((values * weight).sum(-1) / np.maximum(weight.sum(-1), 1.0))


def _orders(format: FormatName) -> Int[np.ndarray, "4 joints"]:
    """Indices of the keypoints in each state."""
    form = FORMATS[format]
    kinds = [name.partition("_")[2] if name.startswith(("left_", "right_")) else "" for name in form.names]
    halves: Bool[np.ndarray, "2 joints"] = np.array([[kind in half for kind in kinds] for half in (_UPPER, _LOWER)])
    exchanged = (_STATES[:, :, None] & halves).any(1)
    return np.where(exchanged, np.array(form.mirror), np.arange(len(kinds)))
