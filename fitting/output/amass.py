"""Write motion in AMASS's layout: SMPL-H parameters with z up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from fitting.output.fit_result import FitResult
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.io.npz import write_npz

POSE_WIDTH = 156
"""Numbers per frame: the root, 21 body joints, and 2 x 15 hand joints."""

_JOINTS = POSE_WIDTH // 3

NUM_BETAS = 16

_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""From camera space (x right, y down, z forward) to z up, y forward."""


def write_amass(path: str | Path, results: Sequence[FitResult], fps: float) -> None:
    """Write a clip in AMASS's layout.

    The npz has ``poses`` (frames, 156), ``trans`` (frames, 3), ``betas`` (16,), ``gender`` and ``mocap_framerate``, and
    ``body``, the name of the body model that ``betas`` and the hands belong to, which AMASS does not have.
    z is up if the camera is level; the camera is at the origin and looks along y. The shape is the mean over the
    frames, padded with zeros. `qposer.data.amass.read_amass` and
    `qposer.read_poses` read the file.

    Args:
        path: the file to write; its folder is created.
        results: results of one person, one per frame, with joints.
        fps: frames per second.

    Raises:
        ValueError: there are no frames, they use different body models or lack joints (results read from files do), or
            fps is not positive.
    """
    if not results:
        raise ValueError("there are no frames to write: give at least one result")
    if not 0 < fps < math.inf:
        raise ValueError(f"frames per second must be a positive number, not {fps}")
    bodies = sorted({result.body for result in results})
    if len(bodies) > 1:
        raise ValueError(f"the frames use different body models ({', '.join(bodies)}): fit all with the same")
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
        bodies[0],
        np.concatenate([result.joint_poses(_JOINTS)[:, NUM_BODY_JOINTS:] for result in results]),
    )


def write_motion(
    path: str | Path,
    global_orient: Float[np.ndarray, "frames 3"],
    body_pose: Float[np.ndarray, "frames 21 3"],
    betas: Float[np.ndarray, " shapes"],
    pelvis: Float[np.ndarray, "frames 3"],
    rest_pelvis: Float[np.ndarray, "3"],
    fps: float,
    body: str,
    hand_pose: Float[np.ndarray, "frames 30 3"] | None = None,
) -> None:
    """Write a clip as `write_amass` does, from parameters in camera space.

    Positions are in metres.

    Args:
        path: the file to write.
        global_orient: axis-angle in radians, in camera space.
        body_pose: axis-angle in radians, relative to the parents.
        betas: shape coefficients.
        pelvis: position of the pelvis in camera space.
        rest_pelvis: position of the shape's pelvis without orientation and translation.
        fps: frames per second.
        body: name of the body model.
        hand_pose: axis-angle of the left and then the right fingers in radians; default: at rest.
    """
    orient = torch.from_numpy(_Z_UP) @ axis_angle_to_matrix(torch.from_numpy(np.asarray(global_orient, dtype=float)))
    poses = np.zeros((len(body_pose), POSE_WIDTH))
    poses[:, :3] = matrix_to_axis_angle(orient).numpy()
    poses[:, 3:66] = body_pose.reshape(len(body_pose), -1)
    if hand_pose is not None:
        poses[:, 66:] = hand_pose.reshape(len(hand_pose), -1)
    kept = betas[:NUM_BETAS]
    arrays = {
        "poses": poses,
        # SMPL rotates bodies about the pelvis, whose position depends linearly on the shape.
        "trans": pelvis @ _Z_UP.T - rest_pelvis,
        "betas": np.pad(kept, (0, NUM_BETAS - len(kept))),
        "gender": np.array("neutral"),
        "mocap_framerate": np.array(float(fps)),
        "body": np.array(body),
    }
    write_npz(Path(path), arrays)
