"""Keeps the orientation close to that of a given start."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, Posed, Residual
from qposer.body_pose.rotations import turn_derivative


@dataclass(frozen=True)
class StartOrientation:
    """Half the squared Frobenius distance of the pelvis's rotation to a given one."""

    weight: Float[Tensor, " people"]
    given: Float[Tensor, "people 3 3"]

    def residual(self, at: Posed) -> Residual:
        """Differences of the entries of rotation matrices."""
        return Residual((at.orient - self.given).flatten(-2)[:, None], 0.5 * self.weight[:, None])

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """Derivatives of the entries by small rotations.

        Args:
            at: bodies.
            by: not needed.

        Returns:
            Columns of the orientation.
        """
        return Dense({"orient": turn_derivative(at.orient.mT).transpose(1, 2).flatten(1, 2)[:, None]})
