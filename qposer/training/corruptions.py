"""Poses of which a few joints were disturbed: what a judge of joints learns from."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix, turn_about
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.training.sides import FLEXION_AXES, HINGES

MOST = 6
"""Joints of a pose that are turned, about, from one on."""
SMALLEST, LARGEST = math.radians(8), math.radians(45)
"""Of the turns, which differ by up to 30 % in a pose; smaller ones are how people and their records differ."""
BENT = 0.3
"""Part of the poses of which knees or elbows are bent the wrong way; in half of these nothing else is disturbed."""
OF_HINGES = 0.3
"""Part of the hinges of such poses that are."""
LEAST_BEND, MOST_BEND = math.radians(12), math.radians(60)
"""How far they are bent the wrong way; healthy joints reach 10 degrees."""


def disturbed(
    poses: Float[Tensor, "poses 21 3 3"], generator: torch.Generator
) -> tuple[Float[Tensor, "poses 21 3 3"], Bool[Tensor, "poses 21"]]:
    """Poses with some joints turned about random axes, or hinges bent the wrong way, and which joints those are.

    One joint at least of each pose; sizes of turns are log-uniform.

    Args:
        poses: rotations of the body joints, on any device.
        generator: draws on the CPU.

    Returns:
        The poses, and which joints are disturbed.
    """
    kind = torch.rand(len(poses), 1, generator=generator)
    turns, is_turned = _turns(len(poses), generator)
    is_turned &= kind > BENT / 2
    bends, is_bent = _bends(poses, generator)
    is_bent &= kind < BENT
    turned = poses @ axis_angle_to_matrix((turns * is_turned.unsqueeze(-1)).to(poses))
    spoilt = turned @ axis_angle_to_matrix(bends * is_bent.unsqueeze(-1).to(poses))
    return spoilt, (is_turned | is_bent).to(poses.device)


def _turns(number: int, generator: torch.Generator) -> tuple[Float[Tensor, "number 21 3"], Bool[Tensor, "number 21"]]:
    """Axis-angle vectors for all joints, and which of them are chosen."""
    part = torch.randint(1, MOST + 1, (number, 1), generator=generator) / NUM_BODY_JOINTS
    size = SMALLEST * (LARGEST / SMALLEST) ** torch.rand(number, 1, generator=generator)
    angle = size * (0.7 + 0.6 * torch.rand(number, NUM_BODY_JOINTS, generator=generator))
    axis = torch.nn.functional.normalize(torch.randn(number, NUM_BODY_JOINTS, 3, generator=generator), dim=-1)
    return angle.clamp(SMALLEST, LARGEST).unsqueeze(-1) * axis, _some(number, NUM_BODY_JOINTS, part, generator)


def _bends(
    poses: Float[Tensor, "poses 21 3 3"], generator: torch.Generator
) -> tuple[Float[Tensor, "poses 21 3"], Bool[Tensor, "poses 21"]]:
    """Axis-angle vectors that bend hinges the wrong way, and which of them are chosen."""
    hinges, axes = HINGES.flatten() - 1, FLEXION_AXES.flatten(0, 1).to(poses)
    wrong = LEAST_BEND + (MOST_BEND - LEAST_BEND) * torch.rand(len(poses), len(hinges), generator=generator)
    bends = torch.zeros_like(poses[..., 0])
    bends[:, hinges] = -(turn_about(poses[:, hinges], axes) + wrong.to(poses)).unsqueeze(-1) * axes
    chosen = torch.zeros(len(poses), NUM_BODY_JOINTS, dtype=torch.bool)
    chosen[:, hinges] = _some(len(poses), len(hinges), torch.tensor(OF_HINGES), generator)
    return bends, chosen


def _some(number: int, of: int, part: Tensor, generator: torch.Generator) -> Bool[Tensor, "number of"]:
    """Random choices, of one member at least each."""
    chosen = torch.rand(number, of, generator=generator) < part
    chosen[torch.arange(number), torch.randint(of, (number,), generator=generator)] = True
    return chosen
