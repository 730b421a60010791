"""Rotation representations, on roma: axis-angle (radians), 3x3 matrices, and the continuous 6D one."""

from __future__ import annotations

import roma
import torch
from jaxtyping import Float
from torch import Tensor


def axis_angle_to_matrix(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation matrices of axis-angle vectors in radians."""
    matrix: Tensor = roma.rotvec_to_rotmat(axis_angle)
    return matrix


def matrix_to_axis_angle(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Axis-angle vectors in radians, with angles in [0, pi]."""
    axis_angle: Tensor = roma.rotmat_to_rotvec(matrix)
    return axis_angle


def matrix_to_6d(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """First two columns of the matrix, one after the other (Zhou et al., CVPR 2019, eq. 15)."""
    return matrix[..., :2].transpose(-1, -2).flatten(-2)


def matrix_from_6d(sixd: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Gram-Schmidt on two column vectors of any length (Zhou et al., CVPR 2019, eq. 16)."""
    matrix: Tensor = roma.special_gramschmidt(sixd.unflatten(-1, (2, 3)).transpose(-1, -2))
    return matrix


def geodesic_angle(a: Float[Tensor, "*#batch 3 3"], b: Float[Tensor, "*#batch 3 3"]) -> Float[Tensor, " *batch"]:
    """Angle in radians of the rotation that takes ``a`` to ``b``.

    Args:
        a: rotations.
        b: other rotations; batch dimensions broadcast.

    Returns:
        Radians, from 0 to pi.
    """
    angle: Tensor = roma.rotmat_geodesic_distance(a, b)
    return angle


def turn_about(rotations: Float[Tensor, "*#batch 3 3"], axes: Float[Tensor, "*#batch 3"]) -> Float[Tensor, " *batch"]:
    """Radians by which rotations turn about unit axes, what else they do left aside (swing and twist).

    Args:
        rotations: any rotations.
        axes: unit vectors; batch dimensions broadcast.

    Returns:
        Radians, from -2 pi to 2 pi.
    """
    skew = (rotations - rotations.mT).flatten(-2)[..., [7, 2, 3]]
    trace = rotations.diagonal(dim1=-2, dim2=-1).sum(-1)
    return 2 * torch.atan2((skew * axes).sum(-1), 1 + trace)
