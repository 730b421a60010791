"""Image distances between projected landmarks and keypoints in several cameras."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.terms.reprojection import shares
from fitting.terms.term import Dense, Derivatives, Posed, Residual


@dataclass(frozen=True)
class ViewKeypoints:
    """Keypoints of people in several pinhole cameras."""

    xy: Float[Tensor, "people views landmarks 2"]
    """Pixels."""
    confidence: Float[Tensor, "people views landmarks"]
    height: Float[Tensor, "people views"]
    """Approximate standing height of each person in pixels."""
    focal: Float[Tensor, " views"]
    centre: Float[Tensor, "views 2"]
    rotation: Float[Tensor, "views 3 3"]
    """Rotations from the axes of the fit to those of each camera."""
    translation: Float[Tensor, "views 3"]
    """Metres."""

    def __getitem__(self, people: Int[Tensor, " chosen"]) -> ViewKeypoints:
        """A selection of people; indices may repeat."""
        of_people = {name: getattr(self, name)[people] for name in ("xy", "confidence", "height")}
        return dataclasses.replace(self, **of_people)

    def in_views(self, points: Float[Tensor, "people landmarks 3"]) -> Float[Tensor, "people views landmarks 3"]:
        """Points of the fit in the axes of every camera."""
        return torch.einsum("vij,plj->pvli", self.rotation, points) + self.translation[:, None]

    def displacement(self, points: Float[Tensor, "people landmarks 3"]) -> Float[Tensor, "people views landmarks 2"]:
        """Displacements from keypoints to the projections of points, in pixels."""
        seen = self.in_views(points)
        return self.focal[:, None, None] * seen[..., :2] / seen[..., 2:] + self.centre[:, None] - self.xy


@dataclass(frozen=True)
class ViewReprojection:
    """Robust distances of projections to keypoints in all views, as fractions of the person's height in each."""

    weight: float
    rho: float
    """Scale of `gmof`, as a fraction of the height."""
    views: ViewKeypoints

    def residual(self, at: Posed) -> Residual:
        """Offsets of the landmarks from the keypoints."""
        displacement = self.views.displacement(at.landmarks) / self.views.height[..., None, None]
        return Residual(displacement.flatten(1, 2), self.weight * shares(self.views.confidence.flatten(1)), self.rho)

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """Derivatives of the perspective projections.

        Args:
            at: bodies.
            by: derivatives of the landmarks.

        Returns:
            Columns of all unknowns that move landmarks.
        """
        seen = self.views.in_views(at.landmarks)
        onward = seen[..., :2] / seen[..., 2:]
        scale = self.views.focal[:, None] / self.views.height[..., None] / seen[..., 2]
        by_place = self.views.rotation[:, None, :2] - onward[..., None] * self.views.rotation[:, None, 2:]
        by_place = scale[..., None, None] * by_place  # people views landmarks 2 3
        return Dense({name: (by_place @ moved[:, None]).flatten(1, 2) for name, moved in by.landmarks.items()})
