"""Poses in several notations as one array of rotations."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix

SIZES = {"global_orient": 1, "body_pose": 21, "hand_pose": 30}


def local_rotations(*parts: Float[Tensor, "batch _joints ..."]) -> Float[Tensor, "all_joints 3 3 batch"]:
    """Rotations of all joints relative to their parents, from axis-angle vectors, matrices, or some of each.

    Args:
        *parts: rotations of the root, of the body's joints and, optionally, of the fingers.

    Returns:
        Rotation matrices, with the batch as the last dimension.

    Raises:
        ValueError: a part has another shape.
    """
    batch = len(parts[1])
    for (name, joints), part in zip(SIZES.items(), parts, strict=False):
        if part.shape not in ((batch, joints, 3), (batch, joints, 3, 3)):
            raise ValueError(_wrong(name, joints, part))
    if all(part.ndim == 3 for part in parts):
        matrices = axis_angle_to_matrix(torch.cat(parts, dim=1))
    else:
        matrices = torch.cat([part if part.ndim == 4 else axis_angle_to_matrix(part) for part in parts], dim=1)
    return matrices.permute(1, 2, 3, 0).contiguous()


def _wrong(name: str, joints: int, part: Tensor) -> str:
    if name == "global_orient":
        shape = tuple(part.shape[:1] + part.shape[2:])
        return f"global_orient must be (batch, 3) or (batch, 3, 3), not {shape}"
    return f"{name} must be (batch, {joints}, 3) or (batch, {joints}, 3, 3), not {tuple(part.shape)}"
