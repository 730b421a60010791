"""Impossible fingers, made from real hands."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.hands.angles import angles_of, rotations_of

HandPoses = Float[Tensor, "hands 15 3"]
"""Axis-angle in radians."""

_FIRST_JOINTS = torch.tensor([0, 3, 9, 6])
"""First joints of index, middle, ring and little finger."""


def bent_backwards(poses: HandPoses, generator: torch.Generator) -> HandPoses:
    """One of the four fingers bends backwards: by 40 to 60 degrees at its first joint and 20 to 40 at the others.

    Args:
        poses: poses of hands.
        generator: random generator; equal seeds give equal results on one machine.

    Returns:
        As many impossible poses.
    """
    angles, finger = _angles_and_finger(poses, generator)
    row = torch.arange(len(poses))
    for bone, least in enumerate((40.0, 20.0, 20.0)):
        bend = least + 20 * torch.rand(len(poses), generator=generator)
        angles[row, finger + bone, 0] = -torch.deg2rad(bend)
    return matrix_to_axis_angle(rotations_of(angles))


def last_joint_alone(poses: HandPoses, generator: torch.Generator) -> HandPoses:
    """The last joint of one of the four fingers bends by 55 to 75 degrees, the middle one is straight.

    Args:
        poses: poses of hands.
        generator: random generator; equal seeds give equal results on one machine.

    Returns:
        As many impossible poses.
    """
    angles, finger = _angles_and_finger(poses, generator)
    row = torch.arange(len(poses))
    angles[row, finger + 1, 0] = 0.0
    angles[row, finger + 2, 0] = torch.deg2rad(55 + 20 * torch.rand(len(poses), generator=generator))
    return matrix_to_axis_angle(rotations_of(angles))


def crossed(poses: HandPoses, generator: torch.Generator) -> HandPoses:
    """Two neighbours of the four fingers, equally bent, cross each other: each spreads by 20 to 30 degrees.

    Args:
        poses: poses of hands.
        generator: random generator; equal seeds give equal results on one machine.

    Returns:
        As many impossible poses.
    """
    angles = angles_of(axis_angle_to_matrix(poses))
    row, pair = torch.arange(len(poses)), torch.randint(0, 3, (len(poses),), generator=generator)
    first, second = _FIRST_JOINTS[pair], _FIRST_JOINTS[pair + 1]
    for bone in range(3):
        angles[row, second + bone] = angles[row, first + bone]
    spread = torch.deg2rad(20 + 10 * torch.rand(2, len(poses), generator=generator))
    angles[row, first, 1], angles[row, second, 1] = -spread[0], spread[1]
    return matrix_to_axis_angle(rotations_of(angles))


def randomly_turned(poses: HandPoses, generator: torch.Generator) -> HandPoses:
    """Three different joints turned by 30 degrees about random axes.

    Args:
        poses: poses of hands.
        generator: random generator; equal seeds give equal results on one machine.

    Returns:
        As many disturbed poses.
    """
    chosen = torch.rand(poses.shape[:2], generator=generator).argsort(-1) < 3
    axes = torch.nn.functional.normalize(torch.randn(poses.shape, generator=generator), dim=-1)
    turns = math.radians(30) * axes * chosen.unsqueeze(-1)
    return matrix_to_axis_angle(axis_angle_to_matrix(poses) @ axis_angle_to_matrix(turns))


NEGATIVES: dict[str, Callable[[HandPoses, torch.Generator], HandPoses]] = {
    "bent backwards": bent_backwards,
    "last joint alone": last_joint_alone,
    "crossed": crossed,
    "randomly turned": randomly_turned,
}


def _angles_and_finger(
    poses: HandPoses, generator: torch.Generator
) -> tuple[Float[Tensor, "hands 15 3"], torch.Tensor]:
    """Angles, and the first joint of a random finger of each hand."""
    fingers = torch.randint(0, 4, (len(poses),), generator=generator)
    return angles_of(axis_angle_to_matrix(poses)), _FIRST_JOINTS[fingers]
