"""A person's known standing height."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, Posed, Residual


@dataclass(frozen=True)
class KnownHeight:
    """Squared difference (metres) of the shape's height to a known one; heights are linear in the shape components."""

    weight: float
    height: float
    """Known height in metres."""
    mean: Float[Tensor, ""]
    """Height of the mean shape in metres."""
    gradient: Float[Tensor, " shapes"]
    """Metres per unit of each shape component."""

    def residual(self, at: Posed) -> Residual:
        """Excess height in metres."""
        off = (at.betas @ self.gradient + self.mean - self.height)[:, None, None]
        return Residual(off, off.new_full((len(at.transl), 1), self.weight))

    def columns(self, at: Posed, by: Derivatives) -> Dense | None:
        """The gradient.

        Args:
            at: bodies.
            by: contains the shape if it is free.

        Returns:
            Columns of the shape.
        """
        return Dense({"betas": self.gradient[None, None, None]}) if "betas" in by.landmarks else None
