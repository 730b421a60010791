"""Random batches of training poses."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.kinematics import mirror_body_pose
from qposer.rotations import axis_angle_to_matrix


def draw_poses(
    poses: Float[Tensor, "poses 21 3"], size: int, generator: torch.Generator
) -> Float[Tensor, "size 21 3 3"]:
    """``size`` poses as rotation matrices, drawn with replacement, the second half of them mirrored."""
    rotations = axis_angle_to_matrix(poses[torch.randint(len(poses), (size,), generator=generator)])
    return torch.cat([rotations[: size // 2], mirror_body_pose(rotations[size // 2 :])])


def jitter(
    rotations: Float[Tensor, "batch 21 3 3"],
    generator: torch.Generator,
    spread: float | Float[Tensor, "batch 1 1"] = 0.1,
) -> Float[Tensor, "batch 21 3 3"]:
    """Poses whose joints are turned by small random rotations, each component of them of this spread in radians."""
    turns = spread * torch.randn(rotations.shape[:-1], generator=generator)
    return rotations @ axis_angle_to_matrix(turns)
