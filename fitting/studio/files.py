"""Files that the studio reads and writes."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import trimesh
from jaxtyping import Float
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import Tensor

from fitting.body.body import Body
from fitting.body.files import OPEN_BODY
from fitting.hands.files import HAND_KEYS, hands_of_arrays
from fitting.output.amass import write_motion
from fitting.output.hand_poses import HandPoses
from fitting.output.render import Mesh, render
from fitting.studio.session import RESTING, Pose
from fitting.studio.standing import Mannequin, Standing
from qposer.body_pose.posed_skeleton import OrientedPose
from qposer.body_pose.poses import FILE_KEYS, read_poses
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.hands.smplh import NUM_HAND_JOINTS
from qposer.io.npz import read_npz, write_npz

LONGEST_SIDE = 2000
"""Longest side of a saved picture, in pixels."""

CLOSEST = 0.1
"""Least distance of the camera of a picture from the body, in metres."""

_ROOT_KEYS = ("global_orient", "poses", "place", "focal", "mocap_framerate", "mocap_frame_rate")
_FPS = 30.0
"""Frame rate of a single-frame AMASS file; the layout requires one."""
_FROM_CAMERA = Rotation.from_euler("x", 180, degrees=True)  # x right, y down, z forward, to y up
_FROM_Z_UP = Rotation.from_euler("x", -90, degrees=True)


class View(NamedTuple):
    """A camera with OpenCV's axes (x right, y down, z forward)."""

    wxyz: Float[np.ndarray, "4"]
    """Rotation from the camera's axes to the room's."""
    position: Float[np.ndarray, "3"]
    fov: float
    """Vertical field of view, in radians."""
    width: int
    height: int


@contextmanager
def as_file(name: str, content: bytes) -> Iterator[Path]:
    """The content in a temporary file; error messages name ``name`` instead of it.

    Args:
        name: name of the file that the browser sent.
        content: content of that file.

    Yields:
        The path of a temporary file.

    Raises:
        ValueError: reading the file fails; the message names ``name``.
    """
    with tempfile.TemporaryDirectory(prefix="studio-") as folder:
        path = Path(folder) / (Path(name.replace("\0", "")).name[-100:] or "file")
        path.write_bytes(content)
        try:
            yield path
        except (ValueError, OSError) as error:
            raise ValueError(str(error).replace(str(path), path.name)) from error


class FilePoses(NamedTuple):
    """Poses of a file, batched."""

    posture: OrientedPose
    hand_pose: Float[Tensor, "poses 30 3 3"]


def read_file_poses(name: str, content: bytes) -> FilePoses:
    """The poses of an npz file that `qposer.read_poses` reads.

    Files of the studio, of fitted photos and of AMASS contain the body's orientation; otherwise the body is upright.
    Hands that a file lacks are at rest.

    Args:
        name: file name.
        content: file content.

    Returns:
        The oriented poses, and those of the hands.

    Raises:
        ValueError: the file holds no poses.
    """
    with as_file(name, content) as path:
        poses = read_poses(path)
        arrays = read_npz(path, (*_ROOT_KEYS, *HAND_KEYS, *FILE_KEYS))
    axes, root = _root(arrays)
    orient = Rotation.identity(len(poses))
    if root.shape == (len(poses), 3) and np.issubdtype(root.dtype, np.floating) and np.isfinite(root).all():
        orient = axes * Rotation.from_rotvec(root)
    posture = OrientedPose(axis_angle_to_matrix(poses), torch.from_numpy(orient.as_matrix()).float())
    return FilePoses(posture, _hands(arrays, len(poses)))


def _hands(arrays: dict[str, np.ndarray], number: int) -> Float[Tensor, "poses 30 3 3"]:
    """The hands of the poses in a file, relative to the resting hands of the open body; damaged ones are at rest."""
    try:
        hands = hands_of_arrays(arrays, number)
    except (ValueError, KeyError):
        hands = None
    if hands is None:
        return RESTING.expand(number, -1, -1, -1)
    body = Body.open(hands=True)
    pose = hands.on(body, torch.zeros(1, body.num_betas)).pose
    return torch.where(hands.found.repeat_interleave(NUM_HAND_JOINTS, dim=1)[..., None, None], pose, RESTING)


def _root(arrays: dict[str, np.ndarray]) -> tuple[Rotation, np.ndarray]:
    """Rotation from a file's axes to y up, and its root orientations; empty if the axes are unknown."""
    nothing = np.zeros(0)
    if "mocap_framerate" in arrays or "mocap_frame_rate" in arrays:
        poses = arrays.get("poses", nothing)
        return _FROM_Z_UP, poses[:, :3] if poses.ndim == 2 else nothing
    root = np.atleast_2d(arrays.get("global_orient", nothing))
    if "focal" in arrays:
        return _FROM_CAMERA, root
    return Rotation.identity(), root if "place" in arrays else nothing


def from_camera(global_orient: Float[np.ndarray, "3"]) -> Float[Tensor, "3 3"]:
    """A body's orientation in the room, from its orientation in a photo's camera."""
    return torch.from_numpy((_FROM_CAMERA * Rotation.from_rotvec(global_orient)).as_matrix()).float()


def npz_file(pose: Pose) -> bytes:
    """``body_pose`` (1, 21, 3), ``global_orient`` (1, 3), axis-angle with y up; ``place`` (1, 2), ``energy`` (1,).

    Hands that are not at rest are in ``left_hand_pose`` and ``right_hand_pose`` (1, 15, 3), axis-angle, and
    ``hands_found`` (1, 2), and ``body`` is its name, as in files of fits.

    Args:
        pose: the pose.

    Returns:
        Content of the file.
    """
    arrays = {
        "body_pose": matrix_to_axis_angle(pose.posture.body_pose)[None].numpy(),
        "global_orient": matrix_to_axis_angle(pose.posture.global_orient)[None].numpy(),
        "place": np.array([pose.place]),
        "energy": np.array([pose.energy]),
    }
    posed = (pose.hand_pose != RESTING).unflatten(0, (2, NUM_HAND_JOINTS)).flatten(1).any(1)
    if posed.any():
        left, right = matrix_to_axis_angle(pose.hand_pose)[None].numpy().reshape(2, 1, NUM_HAND_JOINTS, 3)
        arrays |= HandPoses(left, right, posed[None].numpy()).arrays | {"body": np.array(OPEN_BODY)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pose.npz"
        write_npz(path, arrays)
        return path.read_bytes()


def amass_file(pose: Pose, standing: Standing, mannequin: Mannequin) -> bytes:
    """A single-frame clip in AMASS's layout, with SMPL-H's 52 joints, as `fitting.output.amass` writes it.

    Args:
        pose: the pose.
        standing: the same body in the room.
        mannequin: provides the shape.

    Returns:
        Content of the file.
    """
    orient = _FROM_CAMERA.inv() * Rotation.from_matrix(pose.posture.global_orient.numpy())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pose.npz"
        write_motion(
            path,
            orient.as_rotvec()[None],
            matrix_to_axis_angle(pose.posture.body_pose)[None].numpy(),
            np.zeros(mannequin.body.num_betas),
            _FROM_CAMERA.inv().apply(standing.pelvis)[None],
            mannequin.rest_pelvis,
            _FPS,
            mannequin.body.name,
            matrix_to_axis_angle(pose.hand_pose)[None].numpy(),
        )
        return path.read_bytes()


def glb_file(standing: Standing, mannequin: Mannequin) -> bytes:
    """The mesh, y up, in metres, standing on the ground.

    Args:
        standing: the body in the room.
        mannequin: provides the faces.

    Returns:
        Content of the file.
    """
    mesh = trimesh.Trimesh(standing.vertices, mannequin.faces, process=False)
    exported = mesh.export(file_type="glb", include_normals=True)
    assert isinstance(exported, bytes)
    return exported


def png_file(standing: Standing, mannequin: Mannequin, view: View) -> bytes:
    """A picture of the body from the given camera, on a transparent background.

    Args:
        standing: the body in the room.
        mannequin: provides the faces.
        view: the camera.

    Returns:
        Content of the file.

    Raises:
        ValueError: a part of the body is next to the camera.
    """
    rotation = Rotation.from_quat(view.wxyz, scalar_first=True)
    vertices = rotation.inv().apply(standing.vertices - view.position)
    if np.linalg.norm(vertices, axis=1).min() < CLOSEST:
        raise ValueError("the camera touches the body: move the camera away from the body")
    ahead = (vertices[:, 2] > CLOSEST / 2)[mannequin.faces].all(axis=1)
    fine = 2 * min(1.0, LONGEST_SIDE / max(view.width, view.height))
    size = round(view.width * fine), round(view.height * fine)
    focal = 0.5 * size[1] / np.tan(0.5 * view.fov)
    rgba = render([Mesh(vertices, mannequin.faces[ahead])], focal, (size[0] / 2, size[1] / 2), size)
    file = io.BytesIO()
    Image.fromarray(rgba).reduce(2).save(file, format="PNG")
    return file.getvalue()
