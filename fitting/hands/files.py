"""Read the hands in files of fits."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.body.files import OPEN_BODY
from fitting.hands.template import TemplateHands
from fitting.output.hand_poses import HandPoses
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.hands.pairs import of_right_hands
from qposer.io.npz import read_npz


def read_hands(path: Path, index: int = 0) -> Float[Tensor, "30 3"] | None:
    """Both hands of a pose in the ``fit.npz`` of a photo or a video.

    Args:
        path: the file.
        index: number of the pose, from 0.

    Returns:
        The left hand, then the right, axis-angle in radians, zero for flat hands; None if no hand was found. A hand
        that was not found is at rest.

    Raises:
        ValueError: the file is not an npz file, or its hands are damaged.
    """
    arrays = read_npz(path, ("left_hand_pose", "right_hand_pose", "hands_found", "body", "betas"))
    try:
        hands = HandPoses.read(arrays)
    except KeyError as error:
        raise ValueError(f"{path} has no {error.args[0]}, but hands_found") from None
    if hands is None or not hands.found.reshape(-1, 2)[index].any():
        return None
    pose = torch.from_numpy(hands.both).float().reshape(-1, 30, 3)[index]
    if str(arrays.get("body")) != OPEN_BODY:  # templates of SMPL-H and SMPL-X have flat hands
        return pose
    body = Body.open(hands=True)
    betas = torch.from_numpy(arrays["betas"]).float().reshape(-1, arrays["betas"].shape[-1])[:1]
    flat = TemplateHands.of(body, betas).from_body(axis_angle_to_matrix(pose)[None])
    return matrix_to_axis_angle(of_right_hands(flat)[0])
