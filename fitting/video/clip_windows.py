"""Clips of any length in windows that overlap, so that memory does not grow with the length."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from fitting.video.clip_output import MOTION
from fitting.video.kept_work import Arrays
from qposer.body_pose.rotations import rotation_lerp

WINDOW = 300
"""Approximate number of frames in a window."""

OVERLAP = 24
"""Minimum number of frames shared by consecutive windows, which are blended there."""


def windows_of(first: int, last: int) -> Iterator[tuple[int, int]]:
    """First and last frames of overlapping windows of equal length.

    Args:
        first: number of the clip's first frame.
        last: number of its last frame.

    Yields:
        First and last frame of each window.
    """
    frames = last - first + 1
    number = max(1, math.ceil((frames - OVERLAP) / (WINDOW - OVERLAP)))
    length = math.ceil((frames + (number - 1) * OVERLAP) / number)
    for begin in np.linspace(first, last + 1 - length, number).astype(int).tolist():
        yield begin, begin + length - 1


def joined(motions: list[tuple[int, Arrays]]) -> Arrays:
    """Join motions, and blend them where they overlap.

    Args:
        motions: of the windows in order, each with the number of its first frame.

    Returns:
        The motion of the whole clip.
    """
    origin, whole = motions[0]
    for begin, motion in motions[1:]:
        common = origin + len(whole["transl"]) - begin
        part = torch.linspace(0, 1, common + 2)[1:-1].to(torch.from_numpy(motion["transl"]))
        ends = {name: torch.from_numpy(whole[name][-common:]) for name in MOTION}
        starts = {name: torch.from_numpy(motion[name][:common]) for name in MOTION}
        between = {
            "orient": rotation_lerp(ends["orient"], starts["orient"], part),
            "transl": torch.lerp(ends["transl"], starts["transl"], part[:, None]),
            **{name: torch.lerp(ends[name], starts[name], part[:, None, None]) for name in ("pose", "residual")},
        }
        whole = {
            name: np.concatenate([whole[name][:-common], between[name].numpy(), motion[name][common:]])
            for name in MOTION
        }
    return whole
