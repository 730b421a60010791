"""Moving averages of weights, which generalise better than the weights of a single step."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class ExponentialMovingAverage(nn.Module, Generic[Network]):
    """A network in training and the moving average of its weights, which is saved."""

    live: Network
    average: Network
    steps: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.live = network
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.register_buffer("steps", torch.zeros(()))

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Update the average, faster in the first steps to forget the initial weights."""
        decay = min(decay, (1 + self.steps.item()) / (10 + self.steps.item()))
        self.steps += 1
        for average, live in zip(self.average.parameters(), self.live.parameters(), strict=True):
            average.lerp_(live, 1 - decay)

    def save(self, path: Path, **notes: str) -> None:
        """Write the average in the network's format.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        self.average.save(path, **notes)  # type: ignore[operator]
