"""A studio session without user interface: poses, undo history and instructions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.posed_skeleton import OrientedPose
from qposer.body_pose.poses import as_matrices
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import NUM_HAND_JOINTS
from qposer.io.npz import read_npz, write_npz

FORMAT = "qposer-studio-1"

RESTING = torch.eye(3).repeat(2 * NUM_HAND_JOINTS, 1, 1)
"""Both hands of the body at rest."""


class Pose(NamedTuple):
    """A pose of the session."""

    posture: OrientedPose
    origin: str
    """How it was made, in a few words."""
    energy: float
    place: tuple[float, float] = (0.0, 0.0)
    """Position of the pelvis on the ground: x and z in metres."""
    hand_pose: Float[Tensor, "30 3 3"] = RESTING
    """Rotations of the left and then the right fingers, as of `fitting.Body`."""


class Instruction(NamedTuple):
    """An instruction that the user typed."""

    text: str
    outcome: str
    """The checked constraints, or why the text was not understood; one line."""
    understood: bool
    trouble: tuple[int, int] = (0, 0)
    """Start and end of the text that was not understood."""


@dataclass
class Session:
    """All poses of the session in order, and an undo history of them.

    A new pose after an undo drops the undone poses from the history, but they stay among the poses.
    """

    poses: list[Pose]
    way: list[int] = field(default_factory=lambda: [0])
    """Pose numbers of the history, oldest first."""
    step: int = 0
    """Position in the history."""
    instructions: list[Instruction] = field(default_factory=list)

    @property
    def number(self) -> int:
        """The number of the current pose."""
        return self.way[self.step]

    @property
    def current(self) -> Pose:
        """The current pose."""
        return self.poses[self.number]

    def pose(self, number: int) -> Pose:
        """The pose with that number.

        Raises:
            ValueError: there is no such pose.
        """
        if not 0 <= number < len(self.poses):
            raise ValueError(f"there is no pose {number}: this session has poses 0 to {len(self.poses) - 1}")
        return self.poses[number]

    def put(self, pose: Pose) -> None:
        """Make a new pose the current one; undone poses can no longer be redone."""
        self.poses.append(pose)
        self.way[self.step + 1 :] = [len(self.poses) - 1]
        self.step += 1

    def replace(self, pose: Pose) -> None:
        """Replace the current pose; undone poses can no longer be redone."""
        self.poses[self.number] = pose
        del self.way[self.step + 1 :]

    def undo(self) -> None:
        """Go one step back.

        Raises:
            ValueError: the first pose is the current one.
        """
        if self.step == 0:
            raise ValueError("there is nothing to undo: this is the first pose")
        self.step -= 1

    def redo(self) -> None:
        """Go forward again.

        Raises:
            ValueError: nothing was undone.
        """
        if self.step == len(self.way) - 1:
            raise ValueError("there is nothing to redo: this is the newest pose")
        self.step += 1


def write_session(path: Path, session: Session) -> None:
    """Write a session atomically; `qposer.read_poses` can read its poses.

    Args:
        path: the file to write.
        session: the session to write.

    Raises:
        OSError: the file cannot be written.
    """
    postures = [pose.posture for pose in session.poses]
    write_npz(
        path,
        {
            "format": np.array(FORMAT),
            "body_pose": matrix_to_axis_angle(torch.stack([posture.body_pose for posture in postures])).numpy(),
            "global_orient": matrix_to_axis_angle(torch.stack([posture.global_orient for posture in postures])).numpy(),
            "origin": np.array([pose.origin for pose in session.poses]),
            "energy": np.array([pose.energy for pose in session.poses]),
            "place": np.array([pose.place for pose in session.poses]),
            "hand_pose": matrix_to_axis_angle(torch.stack([pose.hand_pose for pose in session.poses])).numpy(),
            "way": np.array(session.way),
            "step": np.array(session.step),
            "instructions": np.array(json.dumps(session.instructions)),
        },
    )


def read_session(path: Path) -> Session:
    """Read a session that `write_session` wrote.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a session, or is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no session {path} to resume: omit --resume")
    arrays = read_npz(path)
    try:
        if str(arrays["format"]) != FORMAT:
            raise ValueError(f"its format is {arrays['format']}, not {FORMAT}")
        session = Session(_poses(arrays), arrays["way"].tolist(), int(arrays["step"]))
        rows = json.loads(str(arrays["instructions"]))
        session.instructions = [Instruction(text, out, bool(done), (at[0], at[1])) for text, out, done, at in rows]
        if not 0 <= session.step < len(session.way) or not set(session.way) <= set(range(len(session.poses))):
            raise ValueError("its history refers to missing poses")
        return session
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a session of the studio: {error}") from None


def _poses(arrays: dict[str, np.ndarray]) -> list[Pose]:
    body_pose = as_matrices(torch.from_numpy(arrays["body_pose"]))
    global_orient = axis_angle_to_matrix(torch.from_numpy(arrays["global_orient"]))
    rest: Sequence[list[Any]] = [arrays[name].tolist() for name in ("origin", "energy", "place")]
    return [
        Pose(OrientedPose(body, root), origin, energy, (place[0], place[1]), hands)
        for body, root, hands, origin, energy, place in zip(
            body_pose, global_orient, _hands(arrays), *rest, strict=True
        )
    ]


def _hands(arrays: dict[str, np.ndarray]) -> Float[Tensor, "poses 30 3 3"]:
    """Hand poses of a session; at rest in sessions of bodies without fingers."""
    if "hand_pose" not in arrays:
        return RESTING.expand(len(arrays["body_pose"]), -1, -1, -1)
    hands = torch.from_numpy(arrays["hand_pose"].reshape(-1, 2, NUM_HAND_JOINTS, 3))
    return as_matrices(hands, HAND).flatten(1, 2)
