"""Feet that stand do not move from one frame to the next."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.terms.robust import gmof, gmof_weight
from fitting.terms.term import Derivatives, Posed, Unknown


@dataclass(frozen=True)
class StandingFeet:
    """Robust squared displacements (metres) of landmarks between consecutive frames in which they stand.

    Unlike other terms this one couples frames: its residuals belong to pairs of frames.
    """

    weight: float
    landmarks: tuple[int, ...]
    """Indices of keypoints of the format."""
    standing: Float[Tensor, "pairs points"]
    """Probability that a landmark stands in both frames of a pair."""
    rho: float
    """Scale of `gmof` in metres: feet that move much more do not stand."""

    def displacements(self, at: Posed) -> Float[Tensor, "pairs points 3"]:
        """Displacement of each landmark to the next frame, in metres."""
        points = at.landmarks[:, list(self.landmarks)]
        return points[1:] - points[:-1]

    def cost(self, at: Posed) -> Float[Tensor, ""]:
        """Total cost of all pairs of frames."""
        squared = self.displacements(at).square().sum(-1)
        return self.weight * (self.standing * gmof(squared, self.rho)).sum()

    def curvature(self, at: Posed) -> Float[Tensor, "pairs points"]:
        """Weight of each squared displacement in the normal equations."""
        squared = self.displacements(at).square().sum(-1)
        return 2 * self.weight * self.standing * gmof_weight(squared, self.rho)

    def columns(self, by: Derivatives) -> dict[Unknown, Float[Tensor, "frames points 3 unknowns"]]:
        """Derivatives of the landmarks by the unknowns of their own frame."""
        return {name: moved[:, list(self.landmarks)] for name, moved in by.landmarks.items()}
