"""External SMPL poses for validation and calibration, in addition to recordings of one laboratory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import NUM_JOINTS
from qposer.io.npz import read_npz

Z_UP_TO_Y_UP = Rotation.from_euler("x", -90, degrees=True)


def read_smpl(path: Path) -> tuple[Float[np.ndarray, "frames 24 3"], np.ndarray]:
    """Read external SMPL poses, y up, and the names of their sequences.

    Args:
        path: npz with ``pose`` (frames, 24, 3), axis-angle in radians, y or z up, and ``sequence`` (frames,). The
            vertical axis is detected from the mean up axis of the pelvises.

    Returns:
        The poses as float64, and the sequence names.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file has another layout.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there are no poses {path}: give a file of SMPL poses")
    arrays = read_npz(path, ("pose", "sequence"))
    pose, sequence = arrays.get("pose"), arrays.get("sequence")
    if pose is None or sequence is None:
        raise ValueError(f"{path}: expected pose and sequence, found only {', '.join(arrays) or 'other arrays'}")
    if pose.shape[1:] != (NUM_JOINTS, 3) or sequence.shape != pose.shape[:1] or not len(pose):
        raise ValueError(
            f"{path}: expected pose (frames, {NUM_JOINTS}, 3) and sequence (frames,), "
            f"found {pose.shape} and {sequence.shape}"
        )
    if not np.issubdtype(pose.dtype, np.floating) or not np.isfinite(pose).all():
        raise ValueError(f"{path}: expected finite numbers of floating point as pose, found {pose.dtype} or NaN")
    pose = pose.astype(np.float64)
    pelvis = Rotation.from_rotvec(pose[:, 0])
    _, y, z = pelvis.apply([0.0, 1.0, 0.0]).mean(axis=0)
    if z > y:
        pose[:, 0] = (Z_UP_TO_Y_UP * pelvis).as_rotvec()
    return pose, sequence
