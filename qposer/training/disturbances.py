"""Poses of which a few joints were disturbed: what a judge of joints learns from."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from qposer.rotations import axis_angle_to_matrix
from qposer.skeleton import NUM_BODY_JOINTS

MOST = 6
"""Joints of a pose that are disturbed, about, from one on."""
SMALLEST, LARGEST = math.radians(5), math.radians(60)
"""Of the turns of a pose's joints, which differ from each other by up to 30 % besides."""


def disturbed(
    poses: Float[Tensor, "poses 21 3 3"], generator: torch.Generator
) -> tuple[Float[Tensor, "poses 21 3 3"], Bool[Tensor, "poses 21"]]:
    """Poses with some joints turned about random axes, and which those are: any number, by any angle, small ones most.

    One joint at least of each pose; sizes are log-uniform.
    """
    number = len(poses)
    part = torch.randint(1, MOST + 1, (number, 1), generator=generator) / NUM_BODY_JOINTS
    chosen = torch.rand(number, NUM_BODY_JOINTS, generator=generator) < part
    chosen[torch.arange(number), torch.randint(NUM_BODY_JOINTS, (number,), generator=generator)] = True
    size = SMALLEST * (LARGEST / SMALLEST) ** torch.rand(number, 1, generator=generator)
    angle = chosen * size * (0.7 + 0.6 * torch.rand(number, NUM_BODY_JOINTS, generator=generator))
    axis = torch.nn.functional.normalize(torch.randn(number, NUM_BODY_JOINTS, 3, generator=generator), dim=-1)
    turns = axis_angle_to_matrix(angle.unsqueeze(-1) * axis)
    return poses @ turns.to(poses), chosen.to(poses.device)
