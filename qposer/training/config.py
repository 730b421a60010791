"""What all training runs have in common: settings, the first steps, and the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
import tyro
from rich.console import Console

from qposer.data.dataset import PoseDataset, Subjects
from qposer.io.cli_errors import cli_errors, plain_console


@dataclass(frozen=True)
class RunConfig:
    """Settings of any training run."""

    data: Path
    """poses.npz, written by ``python -m qposer.data.build``."""
    out: Path
    """Folder of the run: best.safetensors, last.safetensors (checkpoint), log.csv, config.json."""
    steps: int = 10_000
    batch_size: int = 128
    learning_rate: float = 1e-3
    """At its peak, after a warm-up and before a cosine decay."""
    validate_every: int = 1000
    """Steps; a checkpoint is written then, too."""
    seed: int = 0

    def begin(self) -> tuple[PoseDataset, torch.Generator]:
        """The poses, and what the steps draw from; PyTorch's own generator is seeded, too.

        Raises:
            FileNotFoundError: there is no such file of poses.
            ValueError: the poses are not what the build writes.
        """
        data = PoseDataset.load(self.data)
        torch.manual_seed(self.seed)
        return data, torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True)
class SubjectsConfig(RunConfig):
    """Settings of a run whose weights may ship: of the training subjects, or of everybody."""

    subjects: Subjects = "train"
    """Whose poses to train on: "all", validation and test subjects included, keeps the last weights."""


Config = TypeVar("Config", bound=RunConfig)


def training_command(
    kind: type[Config], train: Callable[[Config, Console], object], description: str | None, program: str
) -> None:
    """Read settings from the command line, train, and print where the weights are.

    Args:
        kind: class of the settings.
        train: the run.
        description: of the command.
        program: what error messages begin with.
    """
    console = plain_console(soft_wrap=False)
    config = tyro.cli(kind, description=description)
    with cli_errors(program, resumable=True):
        train(config, console)
    console.print(f"best weights: {config.out / 'best.safetensors'}", soft_wrap=True)
