"""Edits of poses by their codes: what is named changes, and the rest stays."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import roma
import torch
from jaxtyping import Float
from torch import Tensor

from qposer.kinematics import mirror_body_pose
from qposer.model import QPoser, as_matrices
from qposer.rotations import matrix_to_axis_angle
from qposer.skeleton import BODY_JOINT_NAMES, BODY_PARTS

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
    """The pose with the parts' codes taken from a donor."""
    joints = joints_of(parts)
    codes = model.encode(pose).clone()
    codes[..., joints, :] = model.encode(donor)[..., joints, :]
    return _like(pose, model.decode(codes))


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
        ValueError: the numbers of poses and weights differ, a weight is negative, or none is above zero.
    """
    if len(poses) != len(weights) or not poses:
        raise ValueError(f"each pose needs one weight: there are {len(poses)} poses and {len(weights)} weights")
    if min(weights) < 0 or max(weights) <= 0:
        raise ValueError(f"weights must not be negative, and one must be above zero: they are {list(weights)}")
    weighted = [weight * as_matrices(pose) for weight, pose in zip(weights, poses, strict=True)]
    mean = roma.special_procrustes(torch.stack(weighted).sum(0))
    codes = model.encode(mean)
    if parts is not None:
        joints = joints_of(parts)
        blended, codes = codes, model.encode(poses[0]).clone()
        codes[..., joints, :] = blended[..., joints, :]
    return _like(poses[0], model.decode(codes))


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
    return _like(pose, mirror_body_pose(as_matrices(pose)))


def _like(pose: Tensor, matrices: Float[Tensor, "*batch 21 3 3"]) -> Tensor:
    matrices = matrices.to(pose.dtype)
    return matrices if pose.shape[-2:] == (3, 3) else matrix_to_axis_angle(matrices)
