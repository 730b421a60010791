"""Poses with their sequences: CMU subjects, and SMPL poses from other sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.data.dataset import PoseDataset, Split, split
from qposer.data.smpl_poses import read_smpl

FOREIGN_FILE = Path("../shared/data/smpl_dev/asap.npz")
"""Default file of SMPL poses from other sources, fitted to videos; it is not included."""


@dataclass(frozen=True)
class PoseSet:
    """Poses of several sequences; poses of one sequence are similar.

    Attributes:
        name: name of the set in tables.
        body_pose: body poses, axis-angle in radians.
        sequence: number of the sequence that each pose comes from.
    """

    name: str
    body_pose: Float[Tensor, "poses 21 3"]
    sequence: Int[Tensor, " poses"]

    def __len__(self) -> int:
        """Number of poses."""
        return len(self.body_pose)

    def evenly(self, number: int, generator: torch.Generator) -> PoseSet:
        """Draw different poses at random, evenly over the sequences.

        Args:
            number: number of poses; if there are fewer, all are returned, shuffled.
            generator: random generator.

        Returns:
            The chosen poses, in rounds of one pose from each sequence.
        """
        shuffled = torch.randperm(len(self), generator=generator)
        sequence = self.sequence[shuffled]
        by_sequence = sequence.argsort(stable=True)
        starts = torch.searchsorted(sequence[by_sequence].contiguous(), sequence[by_sequence].contiguous())
        rank = torch.empty_like(by_sequence)
        rank[by_sequence] = torch.arange(len(self)) - starts
        chosen = shuffled[rank.argsort(stable=True)[:number]]
        return PoseSet(self.name, self.body_pose[chosen], self.sequence[chosen])


def cmu_poses(path: Path, side: Split) -> PoseSet:
    """Read the poses of the CMU subjects of one split.

    Args:
        path: poses.npz, written by ``python -m qposer.data.build``.
        side: name of the split.

    Returns:
        The poses with their sequences.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is of another kind, or the split has no poses.
    """
    data = PoseDataset.load(path)
    inside = np.array([split(subject) == side for subject in data.subject.tolist()])
    return PoseSet(f"CMU {side}", data.body_pose(side), _numbers(data.sequence[inside]))


def foreign_poses(path: Path) -> PoseSet:
    """Read SMPL poses from other sources; the set has the name of its folder.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file has unexpected contents.
    """
    pose, sequence = read_smpl(path)
    body_pose = torch.from_numpy(pose[:, 1 : NUM_BODY_JOINTS + 1]).float()
    return PoseSet(path.resolve().parent.name, body_pose, _numbers(sequence))


def _numbers(names: np.ndarray) -> Int[Tensor, " poses"]:
    return torch.from_numpy(np.unique(names, return_inverse=True)[1].reshape(-1))
