"""Depths of landmarks, up to a shift, from a detector or from 3D keypoints."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.terms.reprojection import shares
from fitting.terms.term import Dense, Derivatives, Posed, Residual

RHO = 0.3
"""In metres; larger errors of estimated depths count as outliers."""


@dataclass(frozen=True)
class Depth:
    """Robust differences of landmarks' depths, each side relative to its weighted mean.

    The reprojection term determines the distance of the person.
    """

    weight: float
    depths: Float[Tensor, "people landmarks"]
    """Metres along the camera's axis."""
    confidence: Float[Tensor, "people landmarks"]

    def residual(self, at: Posed) -> Residual:
        """Differences of depth in metres."""
        share = shares(self.confidence)
        behind = at.landmarks[..., 2] - self.depths
        behind = behind - (share * behind).sum(-1, keepdim=True)
        return Residual(behind[..., None], self.weight * share, RHO)

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """Derivatives of the depths relative to those of their weighted mean.

        Args:
            at: bodies.
            by: derivatives of the landmarks.

        Returns:
            Columns of all unknowns that move landmarks.
        """
        share = shares(self.confidence)[..., None]
        away = {name: moved[:, :, 2] for name, moved in by.landmarks.items()}
        return Dense({name: (z - (share * z).sum(1, keepdim=True))[:, :, None] for name, z in away.items()})
