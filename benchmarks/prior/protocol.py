"""Functions shared by all protocols."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS

CHUNK = 2048
"""Batch size of priors."""


def in_chunks(
    function: Callable[[Tensor], Tensor], poses: Float[Tensor, "poses ..."], size: int = CHUNK
) -> Float[Tensor, "poses ..."]:
    """Apply a function to poses in chunks.

    Args:
        function: function of a batch of poses.
        poses: the whole batch.
        size: number of poses in a chunk.

    Returns:
        The concatenated results.
    """
    return torch.cat([function(part) for part in poses.split(size)])


def joints_mm(body_pose: Float[Tensor, "*batch 21 3"]) -> Float[Tensor, "*batch 22 3"]:
    """Joints of the mean skeleton, root-relative, in millimetres."""
    return 1000 * body_joints(axis_angle_to_matrix(body_pose), torch.from_numpy(REST_JOINTS).to(body_pose))
