"""Distances in the image between projected landmarks and keypoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.camera import Camera
from fitting.terms.term import Dense, Derivatives, Posed, Residual, Unknown

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
        return Residual(off, self._weights, self.rho)

    @cached_property
    def _weights(self) -> Float[Tensor, "people landmarks"]:
        return self.weight * shares(self.confidence)

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """Derivatives of the perspective projection.

        Args:
            at: bodies.
            by: derivatives of the landmarks.

        Returns:
            Columns of all unknowns that move landmarks.
        """
        return projection_columns(at.landmarks, by.landmarks, self.camera.focal / self.height)


def projection_columns(
    landmarks: Float[Tensor, "people landmarks 3"],
    moved: Mapping[Unknown, Float[Tensor, "people landmarks 3 numbers"]],
    focal: Float[Tensor, " #people"] | float,
) -> Dense:
    """Derivatives of perspective projections.

    Args:
        landmarks: positions in the camera's axes.
        moved: their derivatives by the unknowns.
        focal: focal length in the unit of the residual.

    Returns:
        Columns of all unknowns that move landmarks.
    """
    depth = landmarks[..., 2:]
    onward = landmarks[..., :2] / depth
    scale = torch.as_tensor(focal).to(landmarks)[..., None, None] / depth
    return Dense(
        {
            name: scale[..., None] * (columns[:, :, :2] - onward[..., None] * columns[:, :, 2:])
            for name, columns in moved.items()
        }
    )
