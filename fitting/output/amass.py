"""AMASS's layout of motion, SMPL-H parameters with z up, for the many tools that read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from fitting.output.results import FitResult
from qposer.io.npz import write_npz

POSE_WIDTH = 156
"""Numbers a frame: the root, 21 body joints, and 2 x 15 joints of the hands, which stay at rest."""

NUM_BETAS = 16

_Z_UP = Rotation.from_euler("x", -90, degrees=True)  # from camera space (x right, y down, z forward) to z up, y forward


def write_amass(path: str | Path, results: Sequence[FitResult], fps: float) -> None:
    """Write a clip as AMASS has it.

    The npz has ``poses`` (frames, 156), ``trans`` (frames, 3), ``betas`` (16,), ``gender`` and ``mocap_framerate``.
    z is up, provided that the camera is held level, and the camera is at the origin and looks along y. The shape is
    the mean of the frames', with zeros to its end, and belongs to the body that was fitted. It is what
    `qposer.data.amass.read_amass` and `qposer.read_poses` read.

    Args:
        path: where to; the folder is made.
        results: of one person, one a frame, with their joints.
        fps: frames a second.

    Raises:
        ValueError: there are no frames, they are of different bodies or come without joints, as those read from files
            do, or fps is no positive number.
    """
    if not results:
        raise ValueError("there are no frames to write: give the results of one at least")
    if not 0 < fps < math.inf:
        raise ValueError(f"frames a second must be a positive number, not {fps}")
    bodies = sorted({result.body for result in results})
    if len(bodies) > 1:
        raise ValueError(f"the frames are of different bodies ({', '.join(bodies)}): fit all with the same")
    pelvis, rest = [], []
    for result in results:
        if result.joints is None:
            raise ValueError("this result has no joints: compute them from its parameters with a Body")
        pelvis.append(result.joints[0])
        rest.append(result.joints[0] - result.transl)
    write_motion(
        path,
        np.stack([result.global_orient for result in results]),
        np.stack([result.body_pose for result in results]),
        np.mean([result.betas for result in results], axis=0),
        np.stack(pelvis),
        np.mean(rest, axis=0),
        fps,
    )


def write_motion(
    path: str | Path,
    global_orient: Float[np.ndarray, "frames 3"],
    body_pose: Float[np.ndarray, "frames 21 3"],
    betas: Float[np.ndarray, " shapes"],
    pelvis: Float[np.ndarray, "frames 3"],
    rest_pelvis: Float[np.ndarray, "3"],
    fps: float,
) -> None:
    """Write a clip as `write_amass` does, from parameters in camera space.

    ``pelvis`` is where the pelvis is, and ``rest_pelvis`` where the shape has it without orientation and translation:
    metres.

    Args:
        path: the file to write.
        global_orient: axis-angle in radians, in camera space.
        body_pose: axis-angle in radians, relative to the parents.
        betas: shape coefficients.
        pelvis: where the pelvis is, in camera space, metres.
        rest_pelvis: where the shape has the pelvis without orientation and translation, metres.
        fps: frames a second.
    """
    orient = _Z_UP * Rotation.from_rotvec(global_orient)
    poses = np.zeros((len(body_pose), POSE_WIDTH))
    poses[:, :3] = orient.as_rotvec()
    poses[:, 3:66] = body_pose.reshape(len(body_pose), -1)
    kept = betas[:NUM_BETAS]
    arrays = {
        "poses": poses,
        # SMPL turns bodies about the pelvis, which the shape places; the mean shape's is the mean of all.
        "trans": _Z_UP.apply(pelvis) - rest_pelvis,
        "betas": np.pad(kept, (0, NUM_BETAS - len(kept))),
        "gender": np.array("neutral"),
        "mocap_framerate": np.array(float(fps)),
    }
    write_npz(Path(path), arrays)
