"""Common settings, initialisation and command line of all training runs."""

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
from qposer.training.distributed import is_main, process_group


@dataclass(frozen=True)
class RunConfig:
    """Settings of any training run."""

    data: Path
    """Training set (poses.npz), written by ``python -m qposer.data.build``."""
    out: Path
    """Folder of the run: best.safetensors, last.safetensors (checkpoint), log.csv, config.json."""
    steps: int = 10_000
    batch_size: int = 128
    """Poses in a batch, of all processes together."""
    learning_rate: float = 1e-3
    """Peak learning rate, between a warm-up and a cosine decay."""
    validate_every: int = 1000
    """Steps between validations; a checkpoint is written with each."""
    seed: int = 0

    def begin(self) -> tuple[PoseDataset, torch.Generator]:
        """Load the poses, and create the random generator; also seeds PyTorch's global generator.

        Raises:
            FileNotFoundError: the file of poses does not exist.
            ValueError: the file of poses has another layout.
        """
        data = PoseDataset.load(self.data)
        torch.manual_seed(self.seed)
        return data, torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True)
class SubjectsConfig(RunConfig):
    """Settings of a run with a choice of subjects: the training subjects, or all."""

    subjects: Subjects = "train"
    """Subjects to train on; "all" includes validation and test subjects, and keeps the last weights."""


Config = TypeVar("Config", bound=RunConfig)


def training_command(kind: type[Config], train: Callable[[Config, Console], object], description: str | None) -> None:
    """Parse settings from the command line, train, and print the path of the weights.

    Args:
        kind: class of the settings.
        train: function that trains.
        description: description of the command.
    """
    config = tyro.cli(kind, description=description)
    with cli_errors(resumable=True), process_group(getattr(config, "device", "cpu")):
        console = plain_console(soft_wrap=False, quiet=not is_main())
        train(config, console)
        console.print(f"best weights: {config.out / 'best.safetensors'}", soft_wrap=True)
