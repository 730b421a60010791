"""What earlier fits of a person say about the shape, as a Gaussian prior of the next fit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.terms.shape import Shape


@dataclass(frozen=True, eq=False)
class ShapeEvidence:
    """What some footage says about the shape, without any prior of it, in the unit of the prior of shapes.

    The negative logarithm of its likelihood is ``betas @ information @ betas / 2 - vector @ betas``. Evidence of
    independent footage adds up.
    """

    information: Float[np.ndarray, "shapes shapes"]
    vector: Float[np.ndarray, " shapes"]


@dataclass(frozen=True, eq=False)
class ShapePrior:
    """A Gaussian prior of one person's shape."""

    mean: Float[np.ndarray, " shapes"]
    precision: Float[np.ndarray, "shapes shapes"]
    """The identity for people of whom nothing is known."""

    @property
    def fingerprint(self) -> str:
        """Differs for other priors."""
        return hashlib.sha256(self.mean.tobytes() + self.precision.tobytes()).hexdigest()[:12]

    def at_height(self, height: float, mean: float, gradient: Float[np.ndarray, " shapes"]) -> ShapePrior:
        """The prior, conditioned on a known height.

        Args:
            height: known height in metres.
            mean: height of the mean shape in metres.
            gradient: metres per unit of each component.

        Returns:
            A prior whose mean has this height; the precision is the same.
        """
        along = np.linalg.solve(self.precision, gradient)
        off = height - mean - self.mean @ gradient
        return ShapePrior(self.mean + along * off / (gradient @ along), self.precision)

    def term(self, weight: Float[Tensor, " people"]) -> Shape:
        """The term of a fit.

        Args:
            weight: of one unit of the prior of shapes.

        Returns:
            Squared distance from the mean, by the precision.
        """
        root = torch.from_numpy(np.linalg.cholesky(self.precision)).to(weight)
        return Shape(weight, torch.from_numpy(self.mean).to(weight)[None], root)
