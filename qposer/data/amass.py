"""AMASS: motion capture as SMPL-H or SMPL-X parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from qposer.data.motion import Motion
from qposer.npz import read_npz
from qposer.skeleton import JOINT_NAMES, NUM_BODY_JOINTS, NUM_JOINTS, PARENTS, REST_JOINTS

WIDTHS = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
"""Numbers a frame in ``poses``; the first 66 are the root and the 21 body joints in all of them."""

_RATES = ("mocap_framerate", "mocap_frame_rate")


def read_amass(path: Path) -> Motion:
    """Read a clip; the subject is the name of its folder.

    AMASS has z up; the root is turned so that y is. Hands and face are left out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not an npz with ``poses`` of one of ``WIDTHS`` and ``mocap_framerate``
            (``mocap_frame_rate`` in the SMPL-X release), or a pose is not finite.
    """
    arrays = read_npz(path, ("poses", *_RATES))
    rate = next((arrays[name] for name in _RATES if name in arrays), None)
    if "poses" not in arrays or rate is None or rate.size != 1 or not 0 < float(rate.item()) < np.inf:
        raise ValueError(f"{path}: expected an AMASS recording with poses and mocap_framerate")
    poses = arrays["poses"]
    if poses.ndim != 2 or poses.shape[1] not in WIDTHS:
        raise ValueError(f"{path}: expected poses of (frames, {' | '.join(map(str, WIDTHS))}), found {poses.shape}")

    count = len(poses)
    body = Rotation.from_rotvec(poses[:, : 3 * (1 + NUM_BODY_JOINTS)].reshape(-1, 3)).as_matrix()
    rotations = np.tile(np.eye(3), (count, NUM_JOINTS, 1, 1))
    rotations[:, : 1 + NUM_BODY_JOINTS] = body.reshape(count, -1, 3, 3)
    rotations[:, 0] = Rotation.from_euler("x", -90, degrees=True).as_matrix() @ rotations[:, 0]
    for joint in range(1, NUM_JOINTS):
        rotations[:, joint] = rotations[:, PARENTS[joint]] @ rotations[:, joint]
    return Motion(
        subject=path.resolve().parent.name,
        sequence=path.stem,
        fps=float(rate.item()),
        frames=np.arange(1, count + 1),
        names=JOINT_NAMES,
        parents=PARENTS,
        offsets=REST_JOINTS - np.vstack([REST_JOINTS[:1], REST_JOINTS[list(PARENTS[1:])]]),
        rotations=rotations,
    )
