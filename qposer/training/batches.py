"""Random batches of training poses."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.training.rig_variation import STRENGTH, vary_rig


def draw_poses(
    poses: Float[Tensor, "poses 21 3"], size: int, generator: torch.Generator, strength: float = STRENGTH
) -> Float[Tensor, "size 21 3 3"]:
    """Random poses as rotation matrices, the second half of them mirrored, all as other rigs would record them.

    Args:
        poses: axis-angle in radians; they are drawn with replacement.
        size: number of poses to draw.
        generator: draws on the CPU.
        strength: of the variation of rigs; 0 for poses as they were recorded.

    Returns:
        Rotation matrices relative to the parents.
    """
    rotations = axis_angle_to_matrix(poses[torch.randint(len(poses), (size,), generator=generator)])
    mirrored = torch.cat([rotations[: size // 2], mirror_body_pose(rotations[size // 2 :])])
    return vary_rig(mirrored, generator, strength)


def varied(poses: Float[Tensor, "poses 21 3"], generator: torch.Generator) -> Float[Tensor, "poses 21 3"]:
    """All the poses in their order, axis-angle, as other rigs would record them.

    Args:
        poses: axis-angle in radians.
        generator: draws the rigs.

    Returns:
        Axis-angle in radians.
    """
    return matrix_to_axis_angle(vary_rig(axis_angle_to_matrix(poses), generator))


def jitter(
    rotations: Float[Tensor, "batch 21 3 3"],
    generator: torch.Generator,
    spread: float | Float[Tensor, "batch 1 1"] = 0.1,
) -> Float[Tensor, "batch 21 3 3"]:
    """Poses whose joints are turned by small random rotations, each component of them of this spread in radians.

    Args:
        rotations: of the body joints.
        generator: of the draws; equal seeds give equal results on one machine.
        spread: standard deviation in radians, of all poses or of each.

    Returns:
        The turned rotations.
    """
    turns = spread * torch.randn(rotations.shape[:-1], generator=generator)
    return rotations @ axis_angle_to_matrix(turns)
