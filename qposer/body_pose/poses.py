"""Body poses as tensors and files: what is one, and what those of the SMPL family that are none should become."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.io.npz import read_npz

FILE_KEYS = ("body_pose", "pose", "poses")
"""Names under which files keep poses: `fitting.write_results` and the demos, `qposer.data.build`, AMASS."""

MOST_RADIANS = 1000.0
"""No number of an axis-angle pose is beyond this: single precision tells nothing of such rotations."""

_TOLERANCE = 1e-3
"""How far ``R^T R`` of a rotation may be from the identity, in any entry."""


class _Layout(NamedTuple):
    """Joints of a pose of the SMPL family, in its order."""

    name: str
    first: int
    """The body pose begins here: 1 where the root comes first."""


_LAYOUTS = {
    21: _Layout("an SMPL body pose", 0),
    22: _Layout("a body pose with its root", 1),
    23: _Layout("an SMPL body pose with its two hand joints", 0),
    24: _Layout("an SMPL pose with root and hands", 1),
    52: _Layout("an SMPL-H pose with root and hands", 1),
    55: _Layout("an SMPL-X pose with root, face and hands", 1),
}
"""By the number of joints; flattened poses are three times as wide."""


def as_matrices(body_pose: Tensor) -> Float[Tensor, "*batch 21 3 3"]:
    """Rotation matrices of a body pose given as axis-angle ``(..., 21, 3)`` or as matrices ``(..., 21, 3, 3)``.

    Values are not checked where ``torch.compile`` or ``torch.export`` traces.

    Raises:
        ValueError: the pose is of another shape (those that SMPL, SMPL-H and SMPL-X use are named, with the way from
            there), is not of floating point, is not finite or beyond any rotation, or its matrices are no rotations.
    """
    given_matrices = body_pose.shape[-3:] == (NUM_BODY_JOINTS, 3, 3)
    if not given_matrices and body_pose.shape[-2:] != (NUM_BODY_JOINTS, 3):
        raise ValueError(
            "a body pose is (..., 21, 3) axis-angle or (..., 21, 3, 3) matrices, "
            f"not {tuple(body_pose.shape)}{_way_from(body_pose.shape)}"
        )
    if not body_pose.is_floating_point():
        raise ValueError(f"a body pose is of floating point, not {body_pose.dtype}: convert it with pose.float()")
    if not torch.compiler.is_compiling():
        _check_values(body_pose.detach(), given_matrices)
    return body_pose if given_matrices else axis_angle_to_matrix(body_pose)


def _way_from(shape: torch.Size) -> str:
    """What poses of this shape are in the SMPL family, and how to take the body pose out of them; or nothing."""
    if len(shape) > 2 and shape[-2:] == (3, 3):
        joints, found, way, rest = shape[-3], f"{shape[-3]} matrices", "pose", ", :, :"
    elif len(shape) > 1 and shape[-1] == 3:
        joints, found, way, rest = shape[-2], f"{shape[-2]} joints", "pose", ", :"
    else:
        width = shape[-1] if shape else 0
        joints = width // 3 if width % 3 == 0 else 0
        found, way, rest = f"{width} numbers", f"pose.unflatten(-1, ({joints}, 3))", ", :"
    if joints not in _LAYOUTS:
        return ""
    layout = _LAYOUTS[joints]
    if joints != NUM_BODY_JOINTS:
        way += f"[..., {layout.first}:{layout.first + NUM_BODY_JOINTS}{rest}]"
    return f"; {found} are {layout.name}: give {way}"


def _check_values(body_pose: Tensor, given_matrices: bool) -> None:
    if not bool(torch.isfinite(body_pose).all()):
        raise ValueError("the body pose holds NaN or infinite numbers: leave out what was not observed")
    if not given_matrices:
        if bool((body_pose.abs() > MOST_RADIANS).any()):
            raise ValueError(f"the body pose holds numbers beyond {MOST_RADIANS:g}: axis-angle is in radians")
        return
    identity = torch.eye(3, dtype=body_pose.dtype, device=body_pose.device)
    tolerance = max(_TOLERANCE, 4 * torch.finfo(body_pose.dtype).eps)
    skewed = (body_pose.mT @ body_pose - identity).abs().amax((-1, -2)) > tolerance
    normal = torch.linalg.cross(body_pose[..., 0], body_pose[..., 1])
    mirrored = (normal * body_pose[..., 2]).sum(-1) < 0
    wrong = skewed | mirrored
    if bool(wrong.any()):
        raise ValueError(
            f"{int(wrong.sum())} of the {wrong.numel()} matrices are no rotations ({int(skewed.sum())} are not "
            f"orthonormal, {int(mirrored.sum())} are mirrored): project them with roma.special_procrustes"
        )


def in_kind_of(
    body_pose: Tensor, matrices: Float[Tensor, "*batch 21 3 3"]
) -> Float[Tensor, "*batch 21 3"] | Float[Tensor, "*batch 21 3 3"]:
    """The matrices in the representation (axis-angle or matrices) and precision of ``body_pose``.

    Args:
        body_pose: whose representation and precision are wanted.
        matrices: the rotations.

    Returns:
        The rotations, as axis-angle in radians or as matrices.
    """
    matrices = matrices.to(body_pose.dtype)
    return matrices if body_pose.shape[-2:] == (3, 3) else matrix_to_axis_angle(matrices)


def check_known_joints(known_joints: Bool[Tensor, "21"]) -> None:
    """Refuse a mask that leaves nothing to complete, or nothing to complete from.

    Raises:
        ValueError: it is not 21 truth values, or they are all false or all true.
    """
    if known_joints.dtype != torch.bool or known_joints.shape != (NUM_BODY_JOINTS,):
        raise ValueError(
            "known_joints is a bool tensor (21,), true where the pose is known, "
            f"not {known_joints.dtype} {tuple(known_joints.shape)}"
        )
    if not known_joints.any():
        raise ValueError("no joint is known: make some of known_joints true, or sample poses instead")
    if known_joints.all():
        raise ValueError("all joints are known, and nothing is left to complete: make some of known_joints false")


def read_poses(path: str | Path) -> Float[Tensor, "poses 21 3"]:
    """Body poses, axis-angle, of an npz file that holds ``body_pose``, ``pose`` or ``poses`` (the first of them).

    The poses may be of SMPL, SMPL-H or SMPL-X (AMASS recordings among them), with root and hands, which are left out,
    flat or not, one or many; of matrices they may not.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such npz file, holds no poses, or some that are not finite or beyond any rotation.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no pose file {path}: give an npz file with {', '.join(FILE_KEYS)}")
    arrays = read_npz(path, FILE_KEYS)
    values = next((arrays[key] for key in FILE_KEYS if key in arrays), None)
    if values is None:
        raise ValueError(f"{path} holds no poses: one of {', '.join(FILE_KEYS)} was expected")
    poses = _body_joints(values)
    if poses is None or not len(poses):
        widths = ", ".join(str(3 * joints) for joints in _LAYOUTS)
        raise ValueError(
            f"{path}: expected axis-angle poses (N, joints, 3), or flat and {widths} wide, "
            f"found {values.dtype} {values.shape}"
        )
    if not (np.abs(poses) <= MOST_RADIANS).all():
        raise ValueError(f"{path} holds poses with NaN or numbers beyond {MOST_RADIANS:g}: radians were expected")
    return torch.from_numpy(np.ascontiguousarray(poses, dtype=np.float32))


def _body_joints(values: np.ndarray) -> Float[np.ndarray, "poses 21 3"] | None:
    """The body joints of poses of one of the layouts; nothing if they are of none."""
    if not np.issubdtype(values.dtype, np.floating) or values.ndim == 0:
        return None
    flat = values.ndim < 2 or values.shape[-1] != 3
    joints, remainder = divmod(values.shape[-1], 3) if flat else (values.shape[-2], 0)
    if remainder or joints not in _LAYOUTS:
        return None
    first = _LAYOUTS[joints].first
    return values.reshape(-1, joints, 3)[:, first : first + NUM_BODY_JOINTS]
