"""AMASS: motion capture as SMPL-H or SMPL-X parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import JOINT_NAMES, NUM_BODY_JOINTS, NUM_JOINTS, PARENTS, REST_JOINTS
from qposer.data.motion import Motion
from qposer.data.world_rotations import to_world
from qposer.io.npz import read_npz

BODY_WIDTH = 3 * (1 + NUM_BODY_JOINTS)
"""Number of values of the root and the 21 body joints, which come first in every layout."""

MAX_WIDTH = 165
"""Number of values per frame of SMPL-X, the widest layout."""

_RATES = ("mocap_framerate", "mocap_frame_rate", "fps")


def read_amass(path: Path) -> Motion:
    """Read a clip; the subject is the name of its folder.

    AMASS has z up; the root is rotated so that y is up. Hands, face and body shape are not read.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not an npz archive, has no poses (``poses``, or ``root_orient`` and ``pose_body``) of
            66 to 165 numbers per frame, has no frame rate (``mocap_framerate``, ``mocap_frame_rate`` or ``fps``), or a
            pose is not finite.
    """
    arrays = read_npz(path, ("poses", "root_orient", "pose_body", *_RATES))
    rate = next((arrays[name] for name in _RATES if name in arrays), None)
    if rate is None or rate.size != 1 or rate.dtype.kind not in "fiu" or not 0 < float(rate.item()) < np.inf:
        raise ValueError(
            f"{path}: expected a frame rate above 0 as {', '.join(_RATES)}, found {'none' if rate is None else rate}"
        )
    poses = _body_poses(path, arrays)

    count = len(poses)
    body = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix()
    rotations = np.tile(np.eye(3), (count, NUM_JOINTS, 1, 1))
    rotations[:, : 1 + NUM_BODY_JOINTS] = body.reshape(count, -1, 3, 3)
    rotations[:, 0] = Rotation.from_euler("x", -90, degrees=True).as_matrix() @ rotations[:, 0]
    return Motion(
        subject=path.resolve().parent.name,
        sequence=path.stem,
        fps=float(rate.item()),
        frames=np.arange(1, count + 1),
        names=JOINT_NAMES,
        parents=PARENTS,
        offsets=REST_JOINTS - np.vstack([REST_JOINTS[:1], REST_JOINTS[list(PARENTS[1:])]]),
        rotations=to_world(rotations),
    )


def _body_poses(path: Path, arrays: dict[str, np.ndarray]) -> Float[np.ndarray, "frames 66"]:
    """Root and body joints of every frame, from one array or from separate arrays."""
    if "poses" in arrays:
        parts = {"poses": arrays["poses"]}
    else:
        parts = {name: arrays[name] for name in ("root_orient", "pose_body") if name in arrays}
        if len(parts) < 2:
            raise ValueError(f"{path}: expected an AMASS recording with poses, or root_orient and pose_body")
    flat = [_by_frame(array) for array in parts.values()]
    frames, width = {len(array) for array in flat}, sum(array.shape[1] for array in flat)
    if len(frames) > 1 or 0 in frames or not BODY_WIDTH <= width <= MAX_WIDTH or width % 3:
        raise ValueError(
            f"{path}: expected at least one frame of {BODY_WIDTH} to {MAX_WIDTH} numbers, three per joint, "
            f"found {', '.join(f'{name} {array.shape} of {array.dtype}' for name, array in parts.items())}"
        )
    return np.concatenate(flat, axis=1)[:, :BODY_WIDTH].astype(float)


def _by_frame(array: np.ndarray) -> Float[np.ndarray, "frames numbers"]:
    """Values of each frame; empty if the shape is neither (frames, numbers) nor (frames, joints, 3)."""
    if array.dtype.kind in "fiu" and array.ndim == 3 and array.shape[2] == 3:
        return array.reshape(len(array), 3 * array.shape[1])
    return array if array.dtype.kind in "fiu" and array.ndim == 2 else np.empty((0, 0))
