"""Hands of a clip from hands of single frames: gaps filled, flips removed, smooth in time.

The smoother is Whittaker's (Eilers, Analytical Chemistry 2003): a trade-off between deviations and accelerations, here
of rotation matrices, with robust weights of the frames.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.linalg import solveh_banded
from torch import Tensor

from qposer.body_pose.rotations import geodesic_angle, nearest_rotation, rotation_lerp

LONGEST_GAP = 0.5
"""Seconds: shorter gaps are interpolated; in longer ones hands return to rest within this time."""

FLIP, FLIP_SECONDS = math.radians(50), 0.1
"""Hands within this time are rotated by less than this angle to each other; at lower frame rates, the angle grows with
the time between frames."""

ROUGHNESS = 3.0
"""Weight of squared accelerations, per squared frame at 30 frames per second."""

OUTLIER = 0.3
"""Frames whose rotations are off by well above this angle (radians, root mean square over the joints) count little."""

FILLED = 0.1
"""Weight of frames without a hand."""

ROUNDS = 4
"""Number of times that the weights of the frames are updated."""

INFLUENCE = 1.5
"""Seconds beyond which frames have no noticeable influence on each other."""


def smooth_hand(
    rotations: Float[Tensor, "frames joints 3 3"],
    rest: Float[Tensor, "frames joints 3 3"],
    found: Bool[Tensor, " frames"],
    searched: Bool[Tensor, " frames"],
    fps: float,
    smoothness: float = 1.0,
) -> tuple[Float[Tensor, "frames joints 3 3"], Bool[Tensor, " frames"]]:
    """Smooth the motion of one hand.

    Args:
        rotations: the wrist relative to the forearm, and the joints of the fingers relative to their parents.
        rest: the same of the hand at rest.
        found: frames with a hand.
        searched: frames in which hands were searched.
        fps: frames per second.
        smoothness: factor on the weight of accelerations; with 0 the found hands stay as they are.

    Returns:
        Rotations, and the frames whose hands were used.
    """
    seen = without_flips(rotations[:, 0], found, searched, fps)
    whole = fill_gaps(rotations, rest, seen, fps)
    return (_smoothed(whole, seen, fps, smoothness) if smoothness > 0 else whole), seen


def without_flips(
    wrist: Float[Tensor, "frames 3 3"],
    found: Bool[Tensor, " frames"],
    searched: Bool[Tensor, " frames"],
    fps: float,
) -> Bool[Tensor, " frames"]:
    """The found hands that are oriented like at least half of the others just before and after.

    Args:
        wrist: rotations.
        found: frames with a hand.
        searched: frames in which hands were searched; if others of these are near, a hand alone is wrong.
        fps: frames per second.

    Returns:
        A part of the found frames.
    """
    reach = max(2, round(FLIP_SECONDS * fps))
    every = torch.arange(len(found))[:, None]
    near = every + torch.tensor([step for step in range(-reach, reach + 1) if step])
    inside = near.clamp(0, len(found) - 1)
    others, looked = ((near == inside) & mask[inside] for mask in (found, searched))
    limit = FLIP * max(1.0, reach / (FLIP_SECONDS * fps))
    alike = (others & (geodesic_angle(wrist[:, None], wrist[inside]) < limit)).sum(-1)
    wrong = (2 * alike < others.sum(-1)) | (looked.any(-1) & (alike == 0))
    return found & ~wrong


def fill_gaps(
    rotations: Float[Tensor, "frames joints 3 3"],
    rest: Float[Tensor, "frames joints 3 3"],
    found: Bool[Tensor, " frames"],
    fps: float,
) -> Float[Tensor, "frames joints 3 3"]:
    """Interpolate the hands of short gaps; in long ones, and before the first and after the last, they return to rest.

    Args:
        rotations: of the joints.
        rest: of the hand at rest.
        found: frames with a hand.
        fps: frames per second.

    Returns:
        Rotations of all frames.
    """
    if not found.any():
        return rest
    rows, every = found.nonzero()[:, 0], torch.arange(len(found))
    after = torch.searchsorted(rows, every)
    before = torch.searchsorted(rows, every, right=True) - 1
    earlier, later = rows[before.clamp(min=0)], rows[after.clamp(max=len(rows) - 1)]
    since = torch.where(before >= 0, every - earlier, len(every))
    until = torch.where(after < len(rows), later - every, len(every))
    longest = LONGEST_GAP * fps
    short = (before >= 0) & (after < len(rows)) & (later - earlier - 1 <= longest)
    along = (since / (later - earlier).clamp(min=1)).to(rotations)[:, None]
    between = rotation_lerp(rotations[earlier], rotations[later], along)
    nearest = torch.where(since <= until, earlier, later)
    part = (torch.minimum(since, until) / longest).clamp(max=1.0).to(rotations)[:, None]
    eased = rotation_lerp(rotations[nearest], rest, part * part * (3 - 2 * part))
    return torch.where(short[:, None, None, None], between, eased)


def _smoothed(
    rotations: Float[Tensor, "frames joints 3 3"], found: Bool[Tensor, " frames"], fps: float, smoothness: float
) -> Float[Tensor, "frames joints 3 3"]:
    """Minimise weighted deviations and accelerations; frames far from the result count less and less."""
    values = rotations.double().flatten(1).numpy()
    given = np.where(found.numpy(), 1.0, FILLED)
    bands = smoothness * ROUGHNESS * (fps / 30.0) ** 4 * _second_differences(len(values))
    main = np.array([[0.0], [0.0], [1.0]])
    weights, smooth = given, values
    for _ in range(ROUNDS):
        smooth = solveh_banded(bands + main * weights, weights[:, None] * values)
        squared = np.square(smooth - values).sum(1) / (2 * rotations.shape[1])  # of the angle, if it is small
        weights = given / np.square(1 + squared / OUTLIER**2)
    return nearest_rotation(torch.from_numpy(smooth).view(rotations.shape)).to(rotations)


def _second_differences(frames: int) -> Float[np.ndarray, "3 frames"]:
    """The squared second-difference matrix: two upper diagonals and the main one, as `solveh_banded` expects them."""
    bands = np.zeros((3, frames))
    for first, a in enumerate((1.0, -2.0, 1.0)):
        for ahead, b in enumerate((1.0, -2.0, 1.0)[first:]):
            begin = first + ahead
            bands[2 - ahead, begin : max(frames - 2, 0) + begin] += a * b
    return bands
