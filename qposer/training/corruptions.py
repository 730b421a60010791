"""Poses with a few perturbed joints, to train the per-joint detector."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix, turn_about
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.training.sides import FLEXION_AXES, HINGES

MOST = 6
"""Approximate maximum number of perturbed joints of a pose; at least one."""
SMALLEST, LARGEST = math.radians(8), math.radians(45)
"""Range of the rotations, which differ by up to 30 % within a pose; people and recordings differ by smaller ones."""
BENT = 0.3
"""Share of poses with hyperextended knees or elbows; half of these have no other perturbation."""
OF_HINGES = 0.3
"""Share of hyperextended hinges in such poses."""
LEAST_BEND, MOST_BEND = math.radians(12), math.radians(60)
"""Range of the hyperextension; healthy joints reach 10 degrees."""


def perturbed(
    poses: Float[Tensor, "poses 21 3 3"], generator: torch.Generator
) -> tuple[Float[Tensor, "poses 21 3 3"], Bool[Tensor, "poses 21"]]:
    """Perturb some joints by rotations about random axes, or hinges by hyperextension.

    Each pose has at least one perturbed joint; angles are log-uniform.

    Args:
        poses: rotations of the body joints, on any device.
        generator: random generator on the CPU.

    Returns:
        The poses, and a mask of the perturbed joints.
    """
    kind = torch.rand(len(poses), 1, generator=generator)
    turns, is_turned = _turns(len(poses), generator)
    is_turned &= kind > BENT / 2
    bends, is_bent = _bends(poses, generator)
    is_bent &= kind < BENT
    turned = poses @ axis_angle_to_matrix((turns * is_turned.unsqueeze(-1)).to(poses))
    perturbed_poses = turned @ axis_angle_to_matrix(bends * is_bent.unsqueeze(-1).to(poses))
    return perturbed_poses, (is_turned | is_bent).to(poses.device)


def _turns(number: int, generator: torch.Generator) -> tuple[Float[Tensor, "number 21 3"], Bool[Tensor, "number 21"]]:
    """Axis-angle vectors for all joints, and a mask of the selected ones."""
    part = torch.randint(1, MOST + 1, (number, 1), generator=generator) / NUM_BODY_JOINTS
    size = SMALLEST * (LARGEST / SMALLEST) ** torch.rand(number, 1, generator=generator)
    angle = size * (0.7 + 0.6 * torch.rand(number, NUM_BODY_JOINTS, generator=generator))
    axis = torch.nn.functional.normalize(torch.randn(number, NUM_BODY_JOINTS, 3, generator=generator), dim=-1)
    return angle.clamp(SMALLEST, LARGEST).unsqueeze(-1) * axis, _some(number, NUM_BODY_JOINTS, part, generator)


def _bends(
    poses: Float[Tensor, "poses 21 3 3"], generator: torch.Generator
) -> tuple[Float[Tensor, "poses 21 3"], Bool[Tensor, "poses 21"]]:
    """Axis-angle vectors that hyperextend hinges, and a mask of the selected ones."""
    hinges, axes = HINGES.flatten() - 1, FLEXION_AXES.flatten(0, 1).to(poses)
    wrong = LEAST_BEND + (MOST_BEND - LEAST_BEND) * torch.rand(len(poses), len(hinges), generator=generator)
    bends = torch.zeros_like(poses[..., 0])
    bends[:, hinges] = -(turn_about(poses[:, hinges], axes) + wrong.to(poses)).unsqueeze(-1) * axes
    chosen = torch.zeros(len(poses), NUM_BODY_JOINTS, dtype=torch.bool)
    chosen[:, hinges] = _some(len(poses), len(hinges), torch.tensor(OF_HINGES), generator)
    return bends, chosen


def _some(number: int, of: int, part: Tensor, generator: torch.Generator) -> Bool[Tensor, "number of"]:
    """Random masks with at least one true entry each."""
    chosen = torch.rand(number, of, generator=generator) < part
    chosen[torch.arange(number), torch.randint(of, (number,), generator=generator)] = True
    return chosen
