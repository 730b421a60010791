"""Optimiser and data term of all baselines."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.skeleton import REST_JOINTS

DECIMETRES = 10.0  # in a metre


def descend(
    start: Float[Tensor, " batch *numbers"],
    objective: Callable[[Float[Tensor, " batch *numbers"], float], Float[Tensor, " batch"]],
    steps: int,
    learning_rate: float,
) -> Float[Tensor, " batch *numbers"]:
    """Minimise an objective independently for each batch member by Adam with a step size that decreases to zero.

    Args:
        start: initial values.
        objective: function of all members and the progress from 0 to 1, with one value per member.
        steps: number of steps.
        learning_rate: initial learning rate, with cosine decay.

    Returns:
        The final values.
    """
    variable = start.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([variable], lr=learning_rate)
    with torch.enable_grad():
        for step in range(steps):
            done = step / steps
            optimizer.param_groups[0]["lr"] = learning_rate * 0.5 * (1 + math.cos(math.pi * done))
            (variable.grad,) = torch.autograd.grad(objective(variable, done).sum(), variable)
            optimizer.step()
    return variable.detach()


def joint_distances(
    rotations: Float[Tensor, "*batch 21 3 3"], joints: Float[Tensor, "*batch 22 3"]
) -> Float[Tensor, " *batch"]:
    """Squared distances in decimetres, summed, of the posed mean skeleton's joints from given positions in metres.

    Args:
        rotations: rotations of the body joints, relative to the parents.
        joints: target positions of the root and the body joints, metres.

    Returns:
        Square decimetres.
    """
    posed = body_joints(rotations, torch.from_numpy(REST_JOINTS).to(rotations))
    return (DECIMETRES * (posed - joints)).square().sum((-1, -2))
