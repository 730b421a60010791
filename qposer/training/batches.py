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
    """Random poses as rotation matrices with rig variation, the second half mirrored.

    Args:
        poses: axis-angle in radians, sampled with replacement.
        size: number of poses to draw.
        generator: random generator on the CPU.
        strength: strength of the rig variation; 0 for none.

    Returns:
        Rotation matrices relative to the parents.
    """
    rotations = axis_angle_to_matrix(poses[torch.randint(len(poses), (size,), generator=generator)])
    mirrored = torch.cat([rotations[: size // 2], mirror_body_pose(rotations[size // 2 :])])
    return vary_rig(mirrored, generator, strength)


def varied(poses: Float[Tensor, "poses 21 3"], generator: torch.Generator) -> Float[Tensor, "poses 21 3"]:
    """All poses in order, axis-angle, with rig variation.

    Args:
        poses: axis-angle in radians.
        generator: random generator of the rigs.

    Returns:
        Axis-angle in radians.
    """
    return matrix_to_axis_angle(vary_rig(axis_angle_to_matrix(poses), generator))


def jitter(
    rotations: Float[Tensor, "batch joints 3 3"],
    generator: torch.Generator,
    spread: float | Float[Tensor, "batch 1 1"] = 0.1,
) -> Float[Tensor, "batch joints 3 3"]:
    """Perturb joints by small random rotations.

    Args:
        rotations: rotations of the body joints.
        generator: random generator.
        spread: standard deviation of each axis-angle component in radians, for all poses or for each.

    Returns:
        The perturbed rotations.
    """
    turns = spread * torch.randn(rotations.shape[:-1], generator=generator)
    return rotations @ axis_angle_to_matrix(turns)
