"""Errors between poses, one pure function a metric."""

from __future__ import annotations

import roma
import torch
from jaxtyping import Float
from torch import Tensor


def mpjpe(joints: Float[Tensor, "*batch joints 3"], truth: Float[Tensor, "*batch joints 3"]) -> Float[Tensor, "*batch"]:
    """Mean per-joint position error, in the unit of the arguments; align roots before, if that is wanted."""
    return torch.linalg.vector_norm(joints - truth, dim=-1).mean(-1)


def pa_mpjpe(
    joints: Float[Tensor, "*batch joints 3"], truth: Float[Tensor, "*batch joints 3"]
) -> Float[Tensor, "*batch"]:
    """Mean per-joint position error after Procrustes alignment (rotation, translation, scale) of each to its truth."""
    rotation, translation, scale = roma.rigid_points_registration(joints, truth, compute_scaling=True)
    aligned = scale[..., None, None] * torch.einsum("...ij,...kj->...ki", rotation, joints) + translation[..., None, :]
    return mpjpe(aligned, truth)
