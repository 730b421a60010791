"""Edits of poses by their codes: named parts change, the others stay."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.body_pose.articulation import BODY
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.poses import as_matrices, in_kind_of
from qposer.body_pose.rotations import nearest_rotation
from qposer.prior.code_prior import CodePrior, default_prior
from qposer.prior.model import QPoser

Pose = Tensor
"""Poses, as axis-angle ``(..., joints, 3)`` or matrices ``(..., joints, 3, 3)``; edits return the representation of the
first input."""


def joints_of(parts: str | Sequence[str]) -> list[int]:
    """Indices, among the 21 body joints, of the joints of one part or of several.

    Raises:
        ValueError: no part is named, or an unknown one; the message lists the parts.
    """
    return BODY.indices(parts)


def swap(pose: Pose, donor: Pose, parts: str | Sequence[str], *, model: QPoser | None = None) -> Tensor:
    """The pose with the parts' codes taken from a donor.

    Args:
        pose: the pose to edit.
        donor: the pose that provides the parts.
        parts: names of one or more parts.
        model: default: the shipped one.

    Returns:
        A pose in the representation of ``pose``.

    Raises:
        ValueError: a part does not exist, or one of the two is not a pose.
    """
    model = model or default_prior().model
    codes = _with_parts(model, parts, model.encode(pose), model.encode(donor))
    return in_kind_of(pose, model.decode(codes))


def _with_parts(
    model: QPoser,
    parts: str | Sequence[str],
    codes: Int[Tensor, "*#batch joints heads"],
    donor: Int[Tensor, "*#batch joints heads"],
) -> Int[Tensor, "*batch joints heads"]:
    taken = torch.zeros(model.config.joints, 1, dtype=torch.bool, device=codes.device)
    taken[model.articulation.indices(parts)] = True
    return torch.where(taken, donor, codes)


def blend(
    poses: Sequence[Pose],
    weights: Sequence[float],
    parts: str | Sequence[str] | None = None,
    *,
    model: QPoser | None = None,
) -> Tensor:
    """Decode the codes of a weighted mean of poses; other parts keep the first pose's codes.

    The mean is over the rotation matrices, projected to the nearest rotation.

    Args:
        poses: poses of equal shapes.
        weights: one for each pose; only their ratios matter.
        parts: parts to blend; default: all.
        model: default: the shipped one.

    Returns:
        A pose in the representation of the first.

    Raises:
        ValueError: the numbers of poses and weights differ, a weight is negative or not finite, or none is above zero.
    """
    if len(poses) != len(weights) or not poses:
        raise ValueError(f"each pose needs one weight: got {len(poses)} poses and {len(weights)} weights")
    if not all(0 <= weight < math.inf for weight in weights) or max(weights) == 0:
        raise ValueError(f"weights must not be negative, and one must be positive: got {list(weights)}")
    model = model or default_prior().model
    weighted = [weight * as_matrices(pose, model.articulation) for weight, pose in zip(weights, poses, strict=True)]
    mean = nearest_rotation(torch.stack(weighted).sum(0))
    codes = model.encode(mean)
    if parts is not None:
        codes = _with_parts(model, parts, model.encode(poses[0]), codes)
    return in_kind_of(poses[0], model.decode(codes))


def interpolate(
    start: Pose, end: Pose, steps: int, *, model: QPoser | None = None
) -> Float[Tensor, "steps *batch joints 3"] | Float[Tensor, "steps *batch joints 3 3"]:
    """Interpolate between poses, ends included; each is decoded from the codes of a `blend` of the two.

    Args:
        start: the first pose.
        end: the last pose.
        steps: number of poses.
        model: default: the shipped one.

    Returns:
        Poses in the representation of ``start``.

    Raises:
        ValueError: there are fewer than two steps.
    """
    if steps < 2:
        raise ValueError(f"an interpolation needs at least 2 steps, not {steps}")
    parts = (step / (steps - 1) for step in range(steps))
    return torch.stack([blend([start, end], [1.0 - part, part], model=model) for part in parts])


def mirror(pose: Pose) -> Tensor:
    """The mirrored pose, with left and right swapped."""
    return in_kind_of(pose, mirror_body_pose(as_matrices(pose)))


def vary(
    pose: Pose,
    parts: str | Sequence[str],
    amount: float = 0.5,
    n: int = 1,
    *,
    seed: int = 0,
    generator: torch.Generator | None = None,
    prior: CodePrior | None = None,
) -> Float[Tensor, "n *batch joints 3"] | Float[Tensor, "n *batch joints 3 3"]:
    """Resample parts consistently with the rest of the pose, whose joints keep their rotations.

    Args:
        pose: the pose to vary.
        parts: names of the parts to resample.
        amount: from 0 (only quantisation) to 1 (as if the parts were unknown).
        n: number of poses.
        seed: random seed.
        generator: random generator instead of the seed.
        prior: default: the shipped one.

    Returns:
        Poses in the representation of ``pose``.

    Raises:
        ValueError: a part does not exist, ``amount`` is not from 0 to 1, or ``n`` is below 1.
    """
    prior = prior or default_prior()
    return prior.resample(pose, prior.articulation.indices(parts), amount, n, seed=seed, generator=generator)


def complete(
    pose: Pose,
    unknown: str | Sequence[str],
    n: int = 1,
    temperature: float = 0.7,
    *,
    seed: int = 1,
    generator: torch.Generator | None = None,
    prior: CodePrior | None = None,
) -> Float[Tensor, "n *batch joints 3"] | Float[Tensor, "n *batch joints 3 3"]:
    """Complete parts of a pose from the rest, whose joints keep their rotations (`CodePrior.complete`).

    Args:
        pose: the pose; values at unknown joints are ignored.
        unknown: names of one or more parts.
        n: number of completions, that of the largest cluster first.
        temperature: 1 for the full variety; lower for more common completions.
        seed: random seed.
        generator: random generator instead of the seed.
        prior: default: the shipped one.

    Returns:
        Poses in the representation of ``pose``.

    Raises:
        ValueError: a part does not exist, nothing is known, or ``n`` or ``temperature`` is out of range.
    """
    prior = prior or default_prior()
    known = prior.network.mean.new_ones(prior.articulation.joints, dtype=torch.bool)
    known[prior.articulation.indices(unknown)] = False
    return prior.complete(pose, known, n, temperature, seed=seed, generator=generator)
