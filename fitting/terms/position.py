"""Keeps the position close to a given one."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, Posed, Residual


@dataclass(frozen=True)
class Position:
    """Squared distance in metres to a given position, by axis."""

    weight: Float[Tensor, "people 3"]
    """Of the camera's axes."""
    given: Float[Tensor, "people 3"]

    def residual(self, at: Posed) -> Residual:
        """Differences in metres."""
        return Residual((at.transl - self.given)[..., None], self.weight)

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """The steps of the position.

        Args:
            at: bodies.
            by: derivatives of the landmarks; one that is fixed to the root moves as the position does.

        Returns:
            Columns of the position.
        """
        return Dense({"transl": by.landmarks["transl"][:, 0, :, None]})
