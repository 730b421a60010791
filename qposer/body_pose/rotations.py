"""Rotation representations: axis-angle (radians), 3x3 matrices, unit quaternions, and the continuous 6D one.

Gradients are finite everywhere except in `geodesic_angle` and `nearest_rotation`; see there.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def axis_angle_to_matrix(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation matrices of axis-angle vectors in radians (Rodrigues' formula)."""
    angle = torch.linalg.vector_norm(axis_angle, dim=-1)[..., None, None]
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    outer = axis_angle[..., :, None] * axis_angle[..., None, :]
    sine = torch.sinc(angle / math.pi)  # torch's sinc(x) is sin(pi x) / (pi x)
    versine = 0.5 * torch.sinc(angle / (2 * math.pi)).square()  # (1 - cos angle) / angle ** 2
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    matrix: Tensor = (1 - versine * angle.square()) * identity + sine * cross + versine * outer
    return matrix


def matrix_to_quaternion(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternions (x, y, z, w), whose largest component is positive, of rotation matrices."""
    xx, xy, xz, yx, yy, yz, zx, zy, zz = matrix.flatten(-2).unbind(-1)
    rows = [
        *(1 + xx - yy - zz, xy + yx, xz + zx, zy - yz),
        *(xy + yx, 1 - xx + yy - zz, yz + zy, xz - zx),
        *(xz + zx, yz + zy, 1 - xx - yy + zz, yx - xy),
        *(zy - yz, xz - zx, yx - xy, 1 + xx + yy + zz),
    ]
    products = torch.stack(rows, dim=-1).unflatten(-1, (4, 4))  # 4 q q^T: any row is q, the longest most exactly
    longest = products.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    row = products.gather(-2, longest[..., None, None].expand(*longest.shape, 1, 4)).squeeze(-2)
    quaternion: Tensor = row / torch.linalg.vector_norm(row, dim=-1, keepdim=True)
    return quaternion


def matrix_to_axis_angle(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Axis-angle vectors in radians, with angles in [0, pi]."""
    quaternion = matrix_to_quaternion(matrix)
    quaternion = torch.where(quaternion[..., 3:] > 0, quaternion, -quaternion)
    vector, cosine = quaternion[..., :3], quaternion[..., 3:]
    sine = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    divisor = torch.where(sine > 0, sine, 1)
    return vector * torch.where(sine > 0, 2 * torch.atan2(sine, cosine) / divisor, 2)


def matrix_to_6d(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """First two columns of the matrix, one after the other (Zhou et al., CVPR 2019, eq. 15)."""
    return matrix[..., :2].transpose(-1, -2).flatten(-2)


def matrix_from_6d(sixd: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Gram-Schmidt on two column vectors of any length (Zhou et al., CVPR 2019, eq. 16)."""
    first, second = sixd[..., :3], sixd[..., 3:]
    x = first / torch.linalg.vector_norm(first, dim=-1, keepdim=True)
    across = second - (x * second).sum(-1, keepdim=True) * x
    y = across / torch.linalg.vector_norm(across, dim=-1, keepdim=True)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def nearest_rotation(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotations closest to matrices in the Frobenius norm (Umeyama, IEEE TPAMI 1991, lemma).

    They are computed in double precision. Gradients are finite where the singular values are distinct.
    """
    left, _, right = torch.linalg.svd(matrix.double())
    sign = torch.linalg.det(left @ right)
    signs = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], dim=-1)
    rotation: Tensor = (left * signs[..., None, :]) @ right
    return rotation.to(matrix.dtype)


def geodesic_angle(
    a: Float[Tensor, "*#batch 3 3"], b: Float[Tensor, "*#batch 3 3"], largest_sine: float = 1.0
) -> Float[Tensor, " *batch"]:
    """Angle in radians of the rotation from ``a`` to ``b``.

    Args:
        a: rotations.
        b: other rotations; batch dimensions broadcast.
        largest_sine: the sine of half the angle is clamped to it; below 1 the gradient is finite at half a turn, too.

    Returns:
        Radians, from 0 to pi.
    """
    chord = torch.linalg.vector_norm(b - a, dim=(-2, -1))
    return 2 * torch.asin((chord / math.sqrt(8)).clamp_max(largest_sine))


def rotation_lerp(
    begin: Float[Tensor, "*#batch 3 3"], end: Float[Tensor, "*#batch 3 3"], part: Float[Tensor, " *#batch"]
) -> Float[Tensor, "*batch 3 3"]:
    """Interpolate rotations along the shortest path.

    Args:
        begin: rotations.
        end: rotations.
        part: position on the path, from 0 to 1.

    Returns:
        Rotations in between.
    """
    return begin @ axis_angle_to_matrix(part[..., None] * matrix_to_axis_angle(begin.mT @ end))


def reflected(rotations: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Mirrored rotations, with left and right (x and -x) swapped."""
    signs = rotations.new_tensor([-1.0, 1.0, 1.0])
    return signs[:, None] * rotations * signs


def turn_about(rotations: Float[Tensor, "*#batch 3 3"], axes: Float[Tensor, "*#batch 3"]) -> Float[Tensor, " *batch"]:
    """Twist angles of rotations about unit axes in radians (swing-twist decomposition).

    Args:
        rotations: any rotations.
        axes: unit vectors; batch dimensions broadcast.

    Returns:
        Radians, from -2 pi to 2 pi.
    """
    skew = (rotations - rotations.mT).flatten(-2)[..., [7, 2, 3]]
    trace = rotations.diagonal(dim1=-2, dim2=-1).sum(-1)
    return 2 * torch.atan2((skew * axes).sum(-1), 1 + trace)


def turn_derivative(vectors: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Matrices that map a small rotation (axis-angle, radians) to the displacement of vectors: ``turn x vector``."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    derivative: Tensor = torch.stack([zero, z, -y, -z, zero, x, y, -x, zero], dim=-1).unflatten(-1, (3, 3))
    return derivative


def turns_of(
    jacobian: Float[Tensor, "*batch latent 3 3"], rotations: Float[Tensor, "*batch 3 3"]
) -> Float[Tensor, "*batch latent 3"]:
    """Derivatives of rotations as small turns (axis-angle, radians) in the frames of the joints' parents.

    Args:
        jacobian: derivatives of the matrices.
        rotations: the matrices.

    Returns:
        Axis-angle vectors.
    """
    x, y, z = rotations.unsqueeze(-3).unbind(-2)
    by_x, by_y, by_z = jacobian.unbind(-2)  # half the sum of the columns' cross products, faster than small products
    return 0.5 * torch.stack([y * by_z - z * by_y, z * by_x - x * by_z, x * by_y - y * by_x], dim=-2).sum(-1)
