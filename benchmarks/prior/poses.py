"""Poses to measure priors on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from jaxtyping import Float
from torch import Tensor

from qposer.data.dataset import PoseDataset
from qposer.io.cli_errors import cli_errors
from qposer.io.npz import read_npz, write_npz

QUICK_FILE = Path(__file__).resolve().parent / "poses_quick.npz"
QUICK_POSES = 256
"""Number of quick poses of each split."""
STEP = np.pi / 32767
"""Quantisation step of the quick poses in radians."""


@dataclass(frozen=True)
class Poses:
    """Axis-angle body poses of training, validation and test subjects."""

    train: Float[Tensor, "train 21 3"]
    validation: Float[Tensor, "validation 21 3"]
    test: Float[Tensor, "test 21 3"]
    digest: str
    """Digest of the file that the poses come from."""

    @classmethod
    def load(cls, path: Path) -> Poses:
        """Read all poses of a file written by ``python -m qposer.data.build``.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is of another kind, or a split has no poses.
        """
        data = PoseDataset.load(path)
        train, validation, test = (data.body_pose(side) for side in ("train", "validation", "test"))
        return cls(train, validation, test, file_digest(path))

    @classmethod
    def quick(cls) -> Poses:
        """Read the small set of poses next to this module; its training poses also serve as validation poses."""
        arrays = read_npz(QUICK_FILE, ("train", "test"))
        train, test = (torch.from_numpy(arrays[side] * np.float32(STEP)) for side in ("train", "test"))
        return cls(train, train, test, file_digest(QUICK_FILE))


def drawn(poses: Float[Tensor, "poses 21 3"], number: int, generator: torch.Generator) -> Float[Tensor, "number 21 3"]:
    """Draw different poses at random; if there are at most ``number``, all of them, shuffled.

    Args:
        poses: body poses, axis-angle in radians.
        number: maximum number of poses.
        generator: random generator.

    Returns:
        The drawn poses.
    """
    return poses[torch.randperm(len(poses), generator=generator)[:number]]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(data: Path, out: Path = QUICK_FILE, seed: int = 0) -> None:
    """Draw the quick poses again.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        out: file to write.
        seed: seed of the sample.
    """
    with cli_errors("poses"):
        dataset = PoseDataset.load(data)
        generator = torch.Generator().manual_seed(seed)
        sides = {side: drawn(dataset.body_pose(side), QUICK_POSES, generator) for side in ("train", "test")}
        write_npz(out, {side: np.rint(poses.numpy() / STEP).astype(np.int16) for side, poses in sides.items()})


if __name__ == "__main__":
    tyro.cli(main)
