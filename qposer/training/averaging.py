"""Moving averages of weights, which generalise better than those of any single step."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class ExponentialMovingAverage(nn.Module, Generic[Network]):
    """A network in training and the moving average of its weights; what is saved is the average."""

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
        """Move the average towards the network, faster in the first steps, so that no random weights stay in it."""
        decay = min(decay, (1 + self.steps.item()) / (10 + self.steps.item()))
        self.steps += 1
        for average, live in zip(self.average.parameters(), self.live.parameters(), strict=True):
            average.lerp_(live, 1 - decay)

    def save(self, path: Path, **notes: str) -> None:
        """Write the average, as the network writes itself.

        Args:
            path: the file to write.
            notes: strings that are written into the file beside the weights.
        """
        self.average.save(path, **notes)  # type: ignore[operator]
