"""Initialisation of a clip: predictions for each frame, with outliers removed and gaps interpolated."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.optimise.problem import Estimate, Problem
from qposer.body_pose.rotations import rotation_lerp

GUESS_SIGHTINGS = 7
"""Number of detections before and after that are used for the initial pose of a frame."""


def rotation_median(rotations: Float[Tensor, "frames joints 3 3"]) -> Float[Tensor, "frames joints 3 3"]:
    """For each frame and joint, the medoid of the rotations in the surrounding frames.

    This corrects rotations that are wrong in only a few frames.
    """
    reach = torch.arange(-GUESS_SIGHTINGS, GUESS_SIGHTINGS + 1, device=rotations.device)
    every = torch.arange(len(rotations), device=rotations.device)
    near = rotations[(every[:, None] + reach).clamp(0, len(rotations) - 1)].transpose(1, 2)
    rows = near.flatten(3)
    apart = (6 - 2 * rows @ rows.mT).clamp(min=0).sqrt().sum(-1)  # Frobenius norms of the differences
    best = apart.argmin(-1)[..., None, None, None].expand(-1, -1, 1, 3, 3)
    return near.gather(2, best)[:, :, 0]


def interpolate_gaps(problem: Problem, estimate: Estimate, frames: Int[Tensor, " seen"]) -> tuple[Problem, Estimate]:
    """Extend from the seen frames, the first numbered 0, to all frames, by interpolation.

    Args:
        problem: problem for the seen frames.
        estimate: estimate for the same frames.
        frames: their numbers, ascending.

    Returns:
        The same for all frames; unseen frames have keypoints with zero confidence.
    """
    before, after, part = _neighbours(frames)
    seen = (before == after).to(estimate.transl)[:, None]
    nearest = problem[torch.where(part < 0.5, before, after)]
    problem = dataclasses.replace(
        nearest,
        confidence=nearest.confidence * seen,
        init_weight=nearest.init_weight * seen,
        height=torch.lerp(problem.height[before], problem.height[after], part.to(problem.height)),
    )
    return problem, between(estimate, frames)


def between(estimate: Estimate, frames: Int[Tensor, " some"]) -> Estimate:
    """Interpolate a motion, of which some frames are known.

    Args:
        estimate: estimate for these frames.
        frames: their numbers, ascending from 0.

    Returns:
        The estimate for all frames up to the last one; a shape of one row is kept.
    """
    before, after, part = _neighbours(frames)
    part = part.to(estimate.transl)

    def mixed(values: Tensor) -> Tensor:
        return torch.lerp(values[before], values[after], part.view(-1, *[1] * (values.ndim - 1)))

    given = {name: value for name, value in vars(estimate).items() if name != "orient"}
    return Estimate(
        orient=rotation_lerp(estimate.orient[before], estimate.orient[after], part),
        **{name: value if name == "betas" and len(value) == 1 else mixed(value) for name, value in given.items()},
    )


def _neighbours(frames: Int[Tensor, " some"]) -> tuple[Int[Tensor, " all"], Int[Tensor, " all"], Float[Tensor, " all"]]:
    """For every frame the indices of the known frames before and after it, and its position between them."""
    every = torch.arange(int(frames[-1]) + 1, device=frames.device)
    after = torch.searchsorted(frames, every)
    before = torch.where(frames[after] == every, after, after - 1)
    return before, after, (every - frames[before]) / (frames[after] - frames[before]).clamp(min=1)
