"""Feet on the ground: at its height where they stand, and never below it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, Posed, Residual


@dataclass(frozen=True)
class FeetOnGround:
    """Squared heights (metres) of landmarks that stand, and of all landmarks that are below the ground."""

    weight: float
    landmarks: tuple[int, ...]
    """Indices of keypoints of the format."""
    standing: Float[Tensor, "people points"]
    """Probability that a landmark stands."""
    up: Float[Tensor, "3"]
    """Unit vector against gravity, in the axes of the bodies."""
    level: Float[Tensor, " points"]
    """Position along ``up`` of a landmark whose foot stands on the ground; metres."""

    def residual(self, at: Posed) -> Residual:
        """Heights of the landmarks, and their negative parts."""
        height = self._along_up(at.landmarks) - self.level
        below = height.clamp(max=0.0)
        weight = torch.cat([self.standing, torch.ones_like(self.standing)], dim=1)
        return Residual(torch.cat([height, below], dim=1)[..., None], self.weight * weight)

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """The landmarks' derivatives along the normal; zero for the negative parts of those above the ground.

        Args:
            at: bodies.
            by: derivatives of the landmarks.

        Returns:
            Columns of all unknowns that move landmarks.
        """
        below = (self._along_up(at.landmarks) < self.level).to(at.landmarks)[..., None]
        columns = {}
        for name, moved in by.landmarks.items():
            rise = self._along_up(moved.mT)
            columns[name] = torch.cat([rise, below * rise], dim=1)[:, :, None]
        return Dense(columns)

    def _along_up(self, vectors: Float[Tensor, "people landmarks *numbers 3"]) -> Float[Tensor, "..."]:
        chosen: Tensor = vectors[:, list(self.landmarks)] @ self.up
        return chosen
