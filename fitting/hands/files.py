"""Hands in files of poses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.body.files import OPEN_BODY
from fitting.hands.start import StartHands, flat_hands
from fitting.hands.template import TemplateHands
from fitting.inputs.starts import body_in, hands_in
from fitting.output.body_result import BodyResult
from fitting.output.hand_poses import HandPoses
from qposer.body_pose.poses import FILE_KEYS, MOST_RADIANS, read_poses
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.hands.pairs import as_right_hands, of_right_hands
from qposer.io.npz import read_npz

HAND_KEYS = ("left_hand_pose", "right_hand_pose", "hand_pose", "hands_found", "body")
"""Names of arrays about hands."""

_RESTING = 1e-3
"""Difference of entries of rotation matrices below which a joint is at rest."""


def hands_of_arrays(arrays: Mapping[str, np.ndarray], number: int) -> StartHands | None:
    """The hands of the poses in a file, relative to the template of the file's body.

    Poses of the studio's sessions belong to the open body. A hand is found if its pose is not zero.

    Args:
        arrays: arrays of the file by name.
        number: number of its poses.

    Returns:
        The hands; None if no hand is found.

    Raises:
        ValueError: the hands are damaged.
    """
    if "hands_found" in arrays:
        HandPoses.read(arrays)
    pose, _ = hands_in(arrays, number) or (np.zeros((number, 30, 3), np.float32), None)
    if not (np.abs(pose) <= MOST_RADIANS).all():
        raise ValueError(f"the hands contain NaN or numbers beyond {MOST_RADIANS:g}: expected radians")
    found = torch.from_numpy(pose).unflatten(1, (2, 15)).flatten(2).any(-1)
    name = OPEN_BODY if "place" in arrays and "body" not in arrays else body_in(arrays)
    return StartHands(axis_angle_to_matrix(torch.from_numpy(pose)), found, name) if found.any() else None


def read_hands(path: Path) -> Float[Tensor, "poses 30 3"] | None:
    """Both hands of the poses in an npz file of a fit, of the commands, of the studio or of AMASS.

    Args:
        path: the file.

    Returns:
        The left hand, then the right, axis-angle in radians, zero for flat hands; hands that the file lacks are at
        rest. None if it has none.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file holds no poses, or its hands are damaged.
    """
    number = len(read_poses(path))
    arrays = read_npz(path, (*HAND_KEYS, *FILE_KEYS, "betas", "place"))
    try:
        hands = hands_of_arrays(arrays, number)
    except KeyError as error:
        raise ValueError(f"{path} has no {error.args[0]}, but hands_found") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if hands is None:
        return None
    return _flat(hands, arrays.get("betas"))


def hands_of(result: BodyResult) -> Float[Tensor, "frames 30 3"] | None:
    """Both hands of a fit, as `read_hands` reads them from its file.

    Args:
        result: the fit.

    Returns:
        Axis-angle in radians, zero for flat hands; None if the fit has none.

    Raises:
        ValueError: the hands are damaged.
    """
    if result.hands is None:
        return None
    hands = hands_of_arrays(result.hands.arrays | {"body": np.array(result.body)}, result.hands.found.size // 2)
    return None if hands is None else _flat(hands, result.betas)


def _flat(hands: StartHands, betas: np.ndarray | None) -> Float[Tensor, "poses 30 3"]:
    """Hands relative to flat ones; those that are not found are at rest."""
    shape = None
    if hands.body == OPEN_BODY and betas is not None:  # motion.npz has more coefficients than the body
        shape = torch.from_numpy(betas).float().reshape(-1, betas.shape[-1])[:1, : _resting()[0].num_betas]
    flat = matrix_to_axis_angle(of_right_hands(flat_hands(hands.pose, hands.body, shape)))
    return torch.where(hands.found.repeat_interleave(15, dim=1)[..., None], flat, resting_hands())


def resting_hands() -> Float[Tensor, "30 3"]:
    """The open body's hands at rest, axis-angle in radians relative to flat ones."""
    _, template = _resting()
    still = torch.eye(3).expand(1, 30, 3, 3)
    return matrix_to_axis_angle(of_right_hands(template.from_body(still))[0])


def hand_arrays(hands: Float[Tensor, "poses 30 3"]) -> dict[str, np.ndarray]:
    """Hands as files of fits with the open body have them.

    Args:
        hands: axis-angle in radians relative to flat hands.

    Returns:
        ``left_hand_pose`` and ``right_hand_pose``, ``hands_found`` (false for hands at rest), and ``body``.
    """
    body, template = _resting()
    pose = template.to_body(as_right_hands(hands))
    posed = ((pose - torch.eye(3)).abs() > _RESTING).unflatten(1, (2, 15)).flatten(2).any(-1)
    pose = torch.where(posed.repeat_interleave(15, dim=1)[..., None, None], pose, torch.eye(3))
    left, right = matrix_to_axis_angle(pose).numpy().reshape(len(pose), 2, 15, 3).swapaxes(0, 1)
    return HandPoses(left, right, posed.numpy()).arrays | {"body": np.array(body.name)}


@cache
def _resting() -> tuple[Body, TemplateHands]:
    """The open body and its hands, of the mean shape."""
    body = Body.open(hands=True)
    return body, TemplateHands.of(body, torch.zeros(1, body.num_betas))
