"""Conversion between rotations of SMPL's joints relative to the world and to their parents."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from qposer.body_pose.kinematics import forward_kinematics
from qposer.body_pose.skeleton import PARENTS, REST_JOINTS


def to_world(local: Float[np.ndarray, "frames 24 3 3"]) -> Float[np.ndarray, "frames 24 3 3"]:
    """World rotations from rotations relative to the parents."""
    world: np.ndarray = forward_kinematics(torch.from_numpy(local), torch.from_numpy(REST_JOINTS).double())[0].numpy()
    return world


def to_local(world: Float[np.ndarray, "frames 24 3 3"]) -> Float[np.ndarray, "frames 24 3 3"]:
    """Rotations relative to the parents from world rotations."""
    local = world.copy()
    local[:, 1:] = world[:, PARENTS[1:]].swapaxes(-1, -2) @ world[:, 1:]
    return local
