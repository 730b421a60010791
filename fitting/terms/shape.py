"""The prior of shapes: their components have unit variance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, Posed, Residual


@dataclass(frozen=True)
class Shape:
    """Squared distance of the shape components from zero, the mean shape, or from a given shape."""

    weight: Float[Tensor, " people"]
    given: Float[Tensor, "#people shapes"] | None = None
    root: Float[Tensor, "shapes shapes"] | None = None
    """Lower triangle whose product with its transpose is the precision; default: the identity."""

    def residual(self, at: Posed) -> Residual:
        """The components, relative to the given ones, in standard deviations."""
        off = at.betas if self.given is None else at.betas - self.given
        return Residual((off if self.root is None else off @ self.root)[:, None], self.weight[:, None])

    def columns(self, at: Posed, by: Derivatives) -> Dense | None:
        """The identity, or the root's transpose.

        Args:
            at: bodies.
            by: contains the shape if it is free.

        Returns:
            Columns of the shape.
        """
        if "betas" not in by.landmarks:
            return None
        if self.root is not None:
            return Dense({"betas": self.root.mT[None, None]})
        return Dense({"betas": torch.eye(at.betas.shape[1], dtype=at.betas.dtype, device=at.betas.device)[None, None]})
