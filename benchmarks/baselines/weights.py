"""Files of the baselines' weights."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import nn

from qposer.io.weights import load_module, save_module


class SavedBaseline(nn.Module):
    """A baseline that writes and reads its weights, in single precision, with its configuration, ``self.config``."""

    FORMAT: ClassVar[str]
    """Name of the format, which files of other kinds do not have."""
    CONFIG: ClassVar[type]
    """Dataclass of the configuration, the only argument of the constructor."""

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights, configuration and notes atomically.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        save_module(path, self, self.config, self.FORMAT, notes, torch.float32)

    @classmethod
    def from_pretrained(cls, path: str | Path, device: str | torch.device = "cpu") -> Self:
        """Load a file's weights in evaluation mode.

        Args:
            path: file written by `save`.
            device: device of the baseline.

        Returns:
            The baseline.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file has another format, or its weights do not match its configuration.
        """
        return load_module(path, cls, cls.CONFIG, cls.FORMAT).to(device)
