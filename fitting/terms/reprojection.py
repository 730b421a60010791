"""Distances in the image between projected landmarks and keypoints."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.inputs.camera import Camera
from fitting.terms.term import Dense, Derivatives, Posed, Residual

_UNSEEN = 1e-9  # below this sum of weights nothing is seen, and the term is zero


def shares(confidence: Float[Tensor, "people landmarks"]) -> Float[Tensor, "people landmarks"]:
    """Squared confidences (SMPLify-X, eq. 2) as fractions of their sum.

    A person who is half visible is thus fitted as closely as a fully visible one.
    """
    weight = confidence.square()
    return weight / weight.sum(-1, keepdim=True).clamp(min=_UNSEEN)


@dataclass(frozen=True)
class Reprojection:
    """Robust distances of projections to keypoints, as fractions of the person's height in the image."""

    weight: float
    rho: float
    """Scale of `gmof`, as a fraction of the height."""
    keypoints: Float[Tensor, "people landmarks 2"]
    """Pixels."""
    confidence: Float[Tensor, "people landmarks"]
    height: Float[Tensor, " people"]
    """Pixels."""
    camera: Camera

    def residual(self, at: Posed) -> Residual:
        """Offsets of the landmarks from the keypoints."""
        off = (self.camera.project(at.landmarks) - self.keypoints) / self.height[:, None, None]
        return Residual(off, self.weight * shares(self.confidence), self.rho)

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """Derivatives of the perspective projection.

        Args:
            at: bodies.
            by: derivatives of the landmarks.

        Returns:
            Columns of all unknowns that move landmarks.
        """
        depth = at.landmarks[..., 2:]
        scale = (self.camera.focal / self.height)[:, None, None] / depth
        onward = at.landmarks[..., :2] / depth
        return Dense(
            {
                name: scale[..., None] * (moved[:, :, :2] - onward[..., None] * moved[:, :, 2:])
                for name, moved in by.landmarks.items()
            }
        )
