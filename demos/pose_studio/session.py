"""What a person has made in the studio so far: poses, the way through them, and what was said. Nothing of a screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from qposer.body_pose.posed_skeleton import OrientedPose
from qposer.body_pose.poses import as_matrices
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.io.npz import read_npz, write_npz

FORMAT = "qposer-studio-1"


class Pose(NamedTuple):
    """A pose of the session."""

    posture: OrientedPose
    origin: str
    """What made it, in a few words."""
    energy: float
    place: tuple[float, float] = (0.0, 0.0)
    """Where on the ground the pelvis stands: x and z in metres."""


class Instruction(NamedTuple):
    """What somebody told the body to do."""

    text: str
    outcome: str
    """How it was understood and what is still missing, or why it was not; in one line."""
    understood: bool
    trouble: tuple[int, int] = (0, 0)
    """From where to where in the text it was not understood."""


@dataclass
class Session:
    """All poses that there ever were, in the order in which they came, and a way through them that can be gone back.

    A pose that was undone, and that a new one then took the place of, is not on the way any more, but it stays among
    the poses: nothing is ever lost.
    """

    poses: list[Pose]
    way: list[int] = field(default_factory=lambda: [0])
    """Numbers of poses, the first one first."""
    step: int = 0
    """Where on the way we are."""
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
        """The pose of that number.

        Raises:
            ValueError: there is none.
        """
        if not 0 <= number < len(self.poses):
            raise ValueError(f"there is no pose {number}: this session has poses 0 to {len(self.poses) - 1}")
        return self.poses[number]

    def put(self, pose: Pose) -> None:
        """Make a new pose the current one; what was undone before is no longer ahead."""
        self.poses.append(pose)
        self.way[self.step + 1 :] = [len(self.poses) - 1]
        self.step += 1

    def replace(self, pose: Pose) -> None:
        """Put a pose in the place of the current one, which is forgotten; what was undone before is no longer ahead."""
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
    """Write a session, at once or not at all; `qposer.read_poses` reads its poses, too.

    Args:
        path: the file to write.
        session: what is written.

    Raises:
        OSError: it could not be written.
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
            "way": np.array(session.way),
            "step": np.array(session.step),
            "instructions": np.array(json.dumps(session.instructions)),
        },
    )


def read_session(path: Path) -> Session:
    """The session that `write_session` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no session, or a damaged one.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no session {path} to go on with: leave --resume out")
    arrays = read_npz(path)
    try:
        if str(arrays["format"]) != FORMAT:
            raise ValueError(f"its format is {arrays['format']}, not {FORMAT}")
        session = Session(_poses(arrays), arrays["way"].tolist(), int(arrays["step"]))
        told = json.loads(str(arrays["instructions"]))
        session.instructions = [Instruction(text, out, bool(done), (at[0], at[1])) for text, out, done, at in told]
        if not 0 <= session.step < len(session.way) or not set(session.way) <= set(range(len(session.poses))):
            raise ValueError("its way leads to poses that are not there")
        return session
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no session of the studio: {error}") from None


def _poses(arrays: dict[str, np.ndarray]) -> list[Pose]:
    body_pose = as_matrices(torch.from_numpy(arrays["body_pose"]))
    global_orient = axis_angle_to_matrix(torch.from_numpy(arrays["global_orient"]))
    rest: Sequence[list[Any]] = [arrays[name].tolist() for name in ("origin", "energy", "place")]
    return [
        Pose(OrientedPose(body, root), origin, energy, (place[0], place[1]))
        for body, root, origin, energy, place in zip(body_pose, global_orient, *rest, strict=True)
    ]
