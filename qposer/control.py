"""Edits of poses by their codes: what is named changes, and the rest stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches

import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.codeprior import CodePrior
from qposer.kinematics import mirror_body_pose
from qposer.model import QPoser
from qposer.poses import as_matrices, in_kind_of
from qposer.skeleton import BODY_JOINT_NAMES, BODY_PARTS, NUM_BODY_JOINTS

Pose = Float[Tensor, "*batch 21 3"] | Float[Tensor, "*batch 21 3 3"]
"""Body poses, as axis-angle or as matrices; edits give back the kind that they were given first."""


def joints_of(parts: str | Sequence[str]) -> list[int]:
    """Indices, among the 21 body joints, of the joints of one part or of several.

    Raises:
        ValueError: no part is named, or one that does not exist; the message names those that do.
    """
    names = [parts] if isinstance(parts, str) else list(parts)
    if not names:
        raise ValueError(f"no part is named: use some of {', '.join(BODY_PARTS)}")
    for name in names:
        if name not in BODY_PARTS:
            near = get_close_matches(name, BODY_PARTS, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f"there is no part {name!r}{hint}: the parts are {', '.join(BODY_PARTS)}")
    return sorted({BODY_JOINT_NAMES.index(joint) for name in names for joint in BODY_PARTS[name]})


def swap(model: QPoser, pose: Pose, donor: Pose, parts: str | Sequence[str]) -> Tensor:
    """The pose with the parts' codes taken from a donor.

    Raises:
        ValueError: a part does not exist, or one of the two is no pose.
    """
    codes = _with_parts(parts, model.encode(pose), model.encode(donor))
    return in_kind_of(pose, model.decode(codes))


def _with_parts(
    parts: str | Sequence[str], codes: Int[Tensor, "*batch 21 heads"], donor: Int[Tensor, "*batch 21 heads"]
) -> Int[Tensor, "*batch 21 heads"]:
    taken = torch.zeros(NUM_BODY_JOINTS, 1, dtype=torch.bool, device=codes.device)
    taken[joints_of(parts)] = True
    return torch.where(taken, donor, codes)


def blend(
    model: QPoser, poses: Sequence[Pose], weights: Sequence[float], parts: str | Sequence[str] | None = None
) -> Tensor:
    """The codes of a weighted mean of poses, decoded; the codes of what is not of the parts are the first pose's.

    The mean is that of the rotation matrices, projected to the nearest rotation.

    Args:
        model: the prior.
        poses: of equal shapes.
        weights: one for each pose; only their ratios matter.
        parts: which parts are blended; all if left out.

    Raises:
        ValueError: the numbers of poses and weights differ, a weight is negative or not finite, or none is above zero.
    """
    if len(poses) != len(weights) or not poses:
        raise ValueError(f"each pose needs one weight: there are {len(poses)} poses and {len(weights)} weights")
    if not all(0 <= weight < math.inf for weight in weights) or max(weights) == 0:
        raise ValueError(f"weights are numbers from zero, and one must be above it: they are {list(weights)}")
    weighted = [weight * as_matrices(pose) for weight, pose in zip(weights, poses, strict=True)]
    mean = roma.special_procrustes(torch.stack(weighted).sum(0))
    codes = model.encode(mean)
    if parts is not None:
        codes = _with_parts(parts, model.encode(poses[0]), codes)
    return in_kind_of(poses[0], model.decode(codes))


def interpolate(model: QPoser, start: Pose, end: Pose, steps: int) -> Float[Tensor, "steps *batch 21 3"]:
    """Poses on the way from one to another, ends included, each decoded from the codes of a `blend` of the two.

    Raises:
        ValueError: there are fewer than two steps.
    """
    if steps < 2:
        raise ValueError(f"a way from one pose to another has 2 steps at least, not {steps}")
    parts = torch.linspace(0.0, 1.0, steps).tolist()
    return torch.stack([blend(model, [start, end], [1.0 - part, part]) for part in parts])


def mirror(pose: Pose) -> Tensor:
    """The pose seen in a mirror, left and right swapped."""
    return in_kind_of(pose, mirror_body_pose(as_matrices(pose)))


def vary(
    prior: CodePrior,
    pose: Pose,
    parts: str | Sequence[str],
    amount: float,
    n: int,
    generator: torch.Generator,
) -> Float[Tensor, "n *batch 21 3"] | Float[Tensor, "n *batch 21 3 3"]:
    """Other poses of the parts that go with the rest of the pose, whose joints keep their rotations.

    Args:
        prior: knows which codes go together.
        pose: what is varied.
        parts: whose codes are drawn again.
        amount: from 0, nothing but a way through the codes, to 1, as if the parts were not known.
        n: how many.
        generator: of the draws; equal seeds give equal poses on one machine.

    Raises:
        ValueError: a part does not exist, ``amount`` is not from 0 to 1, or ``n`` is below 1.
    """
    return prior.resample(pose, joints_of(parts), amount, n, generator=generator)
