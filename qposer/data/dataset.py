"""Training set in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.body_pose.skeleton import NUM_BODY_JOINTS, NUM_JOINTS
from qposer.io.npz import read_npz

Split = Literal["train", "validation", "test"]
Subjects = Literal["train", "all"]
"""Subjects to train on: only the training subjects, or, for final weights, all subjects."""

TEST_SUBJECTS = ("01", "09", "49", "127")
VALIDATION_SUBJECTS = ("03", "08", "12")

COLUMNS = ("pose", "subject", "sequence", "frame", "source")
"""Arrays of the npz file: ``pose`` (N,24,3) float32, text, text, int32, text."""


def split(subject: str) -> Split:
    """Split of a subject's poses, including their mirrored copies."""
    if subject in TEST_SUBJECTS:
        return "test"
    return "validation" if subject in VALIDATION_SUBJECTS else "train"


@dataclass(frozen=True)
class PoseDataset:
    """All poses of a ``poses.npz``; they fit in memory, and batches are drawn by index.

    Attributes:
        pose: axis-angle in radians, relative to the parent; joint 0 to the world, y up.
        subject: name of the subject, which determines the split (`split`).
        sequence: name of the clip.
        frame: number of the frame in the recording.
        source: name of the recorded skeleton (``qposer.data.retarget.RIGS``).
    """

    pose: Float[Tensor, "poses 24 3"]
    subject: np.ndarray
    sequence: np.ndarray
    frame: Int[np.ndarray, " poses"]
    source: np.ndarray

    def __len__(self) -> int:
        """Number of poses."""
        return len(self.pose)

    @classmethod
    def load(cls, path: Path) -> PoseDataset:
        """Read a file written by ``python -m qposer.data.build``.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file has another layout.
        """
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: no such file; create it with python -m qposer.data.build SOURCE... --out {path}"
            )
        columns = read_npz(path, COLUMNS)
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise ValueError(
                f"{path}: has no {', '.join(missing)}; python -m qposer.data.build writes what is expected"
            )
        pose = columns.pop("pose")
        if pose.ndim != 3 or pose.shape[1:] != (NUM_JOINTS, 3) or pose.dtype != np.float32 or not len(pose):
            raise ValueError(
                f"{path}: expected pose to be float32 of (N, {NUM_JOINTS}, 3), found {pose.dtype} {pose.shape}"
            )
        for name, column in columns.items():
            if column.shape != pose.shape[:1]:
                raise ValueError(f"{path}: expected {len(pose)} values of {name}, found {column.shape}")
        if not np.isfinite(pose).all():
            raise ValueError(f"{path}: pose holds values that are not finite")
        return cls(pose=torch.from_numpy(pose), **columns)

    def body_pose(self, of: Split | Subjects) -> Float[Tensor, "poses 21 3"]:
        """Rotations of the 21 body joints of one split, or of all subjects.

        Raises:
            ValueError: the split has no poses.
        """
        return self.poses(of)[:, 1 : NUM_BODY_JOINTS + 1]

    def poses(self, of: Split | Subjects) -> Float[Tensor, "poses 24 3"]:
        """Rotations of all joints of one split, or of all subjects.

        Raises:
            ValueError: the split has no poses.
        """
        if of == "all":
            return self.pose
        subjects, member = np.unique(self.subject, return_inverse=True)
        inside = np.array([split(subject) == of for subject in subjects])[member]
        if not inside.any():
            raise ValueError(f"no poses of the {of} subjects; found only subjects {', '.join(subjects)}")
        return self.pose[torch.from_numpy(inside)]
