"""Keeps the pelvis upright where keypoints do not tell: cameras are mostly level, and people mostly upright."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, Posed, Residual
from qposer.body_pose.rotations import turn_derivative

TILTED = 0.5
"""Scale of the robust kernel: people who are tilted by well above 30 degrees lie, bend or fall, and are left alone."""


@dataclass(frozen=True)
class Upright:
    """Squared distance of the pelvis's up axis from a direction, as unit vectors."""

    weight: Float[Tensor, " people"]
    up: Float[Tensor, "people 3"]
    """Where the axis is expected, in camera axes."""

    def residual(self, at: Posed) -> Residual:
        """Difference of the unit vectors."""
        return Residual((at.orient[:, :, 1] - self.up)[:, None], self.weight[:, None], TILTED)

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """Derivatives of the up axis by small rotations.

        Args:
            at: bodies.
            by: not needed.

        Returns:
            Columns of the orientation.
        """
        return Dense({"orient": turn_derivative(at.orient[:, :, 1])[:, None]})
