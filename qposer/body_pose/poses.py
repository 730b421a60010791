"""Check and convert body poses as tensors, and read them from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from qposer.body_pose.articulation import BODY, Articulation
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.io.npz import read_npz

FILE_KEYS = ("body_pose", "pose", "poses")
"""Names of poses in files: `fitting.write_results` and the commands, `qposer.data.build`, AMASS."""

MOST_RADIANS = 12.6
"""Upper bound of axis-angle values, two full turns: no recorded pose has more, and most poses in degrees do."""

_TOLERANCE = 1e-3
"""Maximum deviation of ``R^T R`` from the identity, in any entry."""


def as_matrices(pose: Tensor, articulation: Articulation = BODY) -> Float[Tensor, "*batch joints 3 3"]:
    """Rotation matrices of a pose given as axis-angle ``(..., joints, 3)`` or matrices ``(..., joints, 3, 3)``.

    Values are not checked while ``torch.compile`` or ``torch.export`` traces.

    Args:
        pose: a body pose, or a pose of the given joints.
        articulation: the joints; default: the body's 21.

    Returns:
        Rotations relative to the parents.

    Raises:
        ValueError: the pose has a wrong shape (the message explains how to convert poses of SMPL, SMPL-H and SMPL-X),
            is not floating point, is not finite or too large, or its matrices are not rotations.
    """
    joints, name = articulation.joints, articulation.name
    if not isinstance(pose, Tensor):
        raise ValueError(f"a {name} must be a torch tensor, not {type(pose).__name__}: convert it with torch.as_tensor")
    # the last sizes first: torch.export would exclude batches of as many poses as joints
    given_matrices = pose.shape[-2:] == (3, 3) and pose.shape[-3:-2] == (joints,)
    if not given_matrices and pose.shape[-2:] != (joints, 3):
        raise ValueError(
            f"a {name} must be (..., {joints}, 3) axis-angle or (..., {joints}, 3, 3) matrices, "
            f"not {tuple(pose.shape)}{_way_from(pose.shape, articulation)}"
        )
    if not pose.is_floating_point():
        raise ValueError(f"a {name} must be floating point, not {pose.dtype}: convert it with pose.float()")
    if not torch.compiler.is_compiling():
        _check_values(pose.detach(), given_matrices, name)
    return pose if given_matrices else axis_angle_to_matrix(pose)


def _way_from(shape: torch.Size, articulation: Articulation) -> str:
    """How to extract the joints from an SMPL-family pose of this shape, or nothing."""
    if len(shape) > 2 and shape[-2:] == (3, 3):
        joints, found, way, rest = shape[-3], f"{shape[-3]} matrices", "pose", ", :, :"
    elif len(shape) > 1 and shape[-1] == 3:
        joints, found, way, rest = shape[-2], f"{shape[-2]} joints", "pose", ", :"
    else:
        width = shape[-1] if shape else 0
        joints = width // 3 if width % 3 == 0 else 0
        found, way, rest = f"{width} numbers", f"pose.unflatten(-1, ({joints}, 3))", ", :"
    if joints not in articulation.layouts:
        return ""
    layout = articulation.layouts[joints]
    if joints != articulation.joints:
        way += f"[..., {layout.first}:{layout.first + articulation.joints}{rest}]"
    return f"; {found} are {layout.name}: give {way}"


def _check_values(pose: Tensor, given_matrices: bool, name: str) -> None:
    if not bool(torch.isfinite(pose).all()):
        raise ValueError(f"the {name} contains NaN or infinite numbers: omit unobserved poses")
    if not given_matrices:
        if bool((pose.abs() > MOST_RADIANS).any()):
            raise ValueError(f"the {name} contains numbers beyond {MOST_RADIANS:g}: give axis-angle in radians")
        return
    identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
    tolerance = max(_TOLERANCE, 4 * torch.finfo(pose.dtype).eps)
    skewed = (pose.mT @ pose - identity).abs().amax((-1, -2)) > tolerance
    normal = torch.linalg.cross(pose[..., 0], pose[..., 1])
    mirrored = (normal * pose[..., 2]).sum(-1) < 0
    wrong = skewed | mirrored
    if bool(wrong.any()):
        raise ValueError(
            f"{int(wrong.sum())} of the {wrong.numel()} matrices are not rotations ({int(skewed.sum())} are not "
            f"orthonormal, {int(mirrored.sum())} are mirrored): project them with "
            "qposer.body_pose.rotations.nearest_rotation"
        )


def in_kind_of(
    pose: Tensor, matrices: Float[Tensor, "*batch joints 3 3"]
) -> Float[Tensor, "*batch joints 3"] | Float[Tensor, "*batch joints 3 3"]:
    """The matrices in the representation (axis-angle or matrices) and precision of ``pose``.

    Args:
        pose: determines representation and precision.
        matrices: the rotations.

    Returns:
        The rotations, as axis-angle in radians or as matrices.
    """
    matrices = matrices.to(pose.dtype)
    return matrices if pose.shape[-2:] == (3, 3) else matrix_to_axis_angle(matrices)


def check_known_joints(known_joints: Bool[Tensor, " joints"], joints: int = NUM_BODY_JOINTS) -> None:
    """Reject a mask with no known or no unknown joints.

    Args:
        known_joints: true where the pose is known.
        joints: number of joints of the pose.

    Raises:
        ValueError: the mask is not a boolean for each joint, or all are false or all are true.
    """
    if known_joints.dtype != torch.bool or known_joints.shape != (joints,):
        raise ValueError(
            f"known_joints must be a bool tensor ({joints},), true where the pose is known, "
            f"not {known_joints.dtype} {tuple(known_joints.shape)}"
        )
    if not known_joints.any():
        raise ValueError("no joint is known: make some of known_joints true, or sample poses instead")
    if known_joints.all():
        raise ValueError("all joints are known: make some of known_joints false")


def read_poses(path: str | Path) -> Float[Tensor, "poses 21 3"]:
    """Read body poses, axis-angle, from an npz file with ``body_pose``, ``pose`` or ``poses`` (the first of them).

    The poses may be of SMPL, SMPL-H or SMPL-X (including AMASS recordings), with root and hands, which are dropped,
    flat or not, one or many, but not matrices.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not an npz file, contains no poses, or poses that are not finite or too large.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no pose file {path}: give an npz file with {', '.join(FILE_KEYS)}")
    arrays = read_npz(path, FILE_KEYS)
    values = next((arrays[key] for key in FILE_KEYS if key in arrays), None)
    if values is None:
        raise ValueError(f"{path} contains no poses: expected one of {', '.join(FILE_KEYS)}")
    poses = by_joint(values)
    poses = None if poses is None else _body_joints(poses)
    if poses is None or not len(poses):
        widths = ", ".join(str(3 * joints) for joints in BODY.layouts)
        raise ValueError(
            f"{path}: expected axis-angle poses (N, joints, 3), or flat and {widths} wide, "
            f"found {values.dtype} {values.shape}"
        )
    if not (np.abs(poses) <= MOST_RADIANS).all():
        raise ValueError(f"{path} contains NaN or numbers beyond {MOST_RADIANS:g}: expected radians")
    return torch.from_numpy(np.ascontiguousarray(poses, dtype=np.float32))


def by_joint(values: np.ndarray) -> Float[np.ndarray, "poses joints 3"] | None:
    """Axis-angle poses, flat or not, one or many, with one row for each joint; None if the array has another shape."""
    if not np.issubdtype(values.dtype, np.floating) or values.ndim == 0:
        return None
    flat = values.ndim < 2 or values.shape[-1] != 3
    joints, remainder = divmod(values.shape[-1], 3) if flat else (values.shape[-2], 0)
    return None if remainder or not joints else values.reshape(-1, joints, 3)


def _body_joints(poses: Float[np.ndarray, "poses joints 3"]) -> Float[np.ndarray, "poses 21 3"] | None:
    """The body joints of poses in one of the layouts, or None."""
    if poses.shape[1] not in BODY.layouts:
        return None
    first = BODY.layouts[poses.shape[1]].first
    return poses[:, first : first + NUM_BODY_JOINTS]
