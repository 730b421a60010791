"""The recorded hand poses: where they come from, and which are held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qposer.io.npz import read_npz, write_npz

Split = Literal["train", "validation", "test", "gap"]
"""Poses in a gap are in no set: they are too close in time to held-out ones."""

COLUMNS = ("pose", "source", "label", "split")
"""Arrays of the npz file: ``pose`` (N,15,3) float32, and three texts."""

HELD_OUT_LETTERS = ("L", "W")
"""Letters of the signer that are only for the test."""
_VALIDATION, _TEST = (0.72, 0.82), 0.86
"""Parts of a clip that are held out: for validation, and everything from there on for the test; gaps between."""


def split_of_clip(frames: int) -> np.ndarray:
    """Splits of the frames of a clip, in blocks of time.

    Args:
        frames: number of frames.

    Returns:
        The name of a split for each frame.
    """
    part = np.arange(frames) / frames
    low, high = _VALIDATION
    splits = np.full(frames, "gap", dtype="<U10")
    splits[part < low - 0.03] = "train"
    splits[(part >= low) & (part < high)] = "validation"
    splits[part >= _TEST] = "test"
    return splits


def split_of_poses(poses: int) -> np.ndarray:
    """Splits of single poses: every fifth is for the test, and the one after it for validation.

    Args:
        poses: number of poses.

    Returns:
        The name of a split for each pose.
    """
    turn = np.arange(poses) % 5
    return np.select([turn == 2, turn == 3], ["test", "validation"], "train").astype("<U10")


@dataclass(frozen=True)
class HandDataset:
    """All poses of a ``hands.npz``.

    Attributes:
        pose: axis-angle of right hands in radians.
        source: name of the recording.
        label: letter, or name of the pose.
        split: name of the split.
    """

    pose: Float[Tensor, "poses 15 3"]
    source: np.ndarray
    label: np.ndarray
    split: np.ndarray

    @classmethod
    def load(cls, path: Path) -> HandDataset:
        """Read a file written by ``python -m qposer.hands.build``.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file has another layout.
        """
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: no such file; create it with python -m qposer.hands.build DATA --out {path}"
            )
        columns = read_npz(path, COLUMNS)
        pose = columns.pop("pose", np.empty(0))
        if pose.ndim != 3 or pose.shape[1:] != (15, 3) or len(columns) != 3 or not np.isfinite(pose).all():
            raise ValueError(f"{path}: expected {', '.join(COLUMNS)}, which python -m qposer.hands.build writes")
        if any(column.shape != pose.shape[:1] for column in columns.values()):
            raise ValueError(f"{path}: expected {len(pose)} values in each column")
        return cls(pose=torch.from_numpy(pose.astype(np.float32)), **columns)

    def save(self, path: Path) -> None:
        """Write the poses as npz.

        Args:
            path: the file to write.
        """
        texts = {"source": self.source, "label": self.label, "split": self.split}
        write_npz(path, {"pose": self.pose.numpy(), **texts})

    def of(self, split: Split) -> dict[str, Float[Tensor, "_ 15 3"]]:
        """Poses of a split by source, in the order of the file; sources without any are left out."""
        chosen = {name: (self.source == name) & (self.split == split) for name in dict.fromkeys(self.source.tolist())}
        return {name: self.pose[torch.from_numpy(member)] for name, member in chosen.items() if member.any()}
