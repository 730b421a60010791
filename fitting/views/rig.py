"""Multiple calibrated cameras: projection into all of them, and triangulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fitting.inputs.calibration import CalibratedCamera

ROUNDS = 2
"""Iterations of a linear triangulation, with rows weighted by the previous depths."""

_DAMPING = 1e-9
"""Regularisation of the normal equations, which keeps points with a single ray finite."""


@dataclass(frozen=True)
class Rig:
    """Pinhole cameras in one world; pixels are undistorted (see `CalibratedCamera.undistorted`)."""

    focal: Float[np.ndarray, " views"]
    centre: Float[np.ndarray, "views 2"]
    rotation: Float[np.ndarray, "views 3 3"]
    translation: Float[np.ndarray, "views 3"]

    @classmethod
    def of(cls, cameras: Sequence[CalibratedCamera]) -> Rig:
        """Create from calibrated cameras."""
        return cls(
            np.array([camera.focal for camera in cameras]),
            np.stack([camera.centre for camera in cameras]),
            np.stack([camera.rotation for camera in cameras]),
            np.stack([camera.translation for camera in cameras]),
        )

    def in_views(self, points: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape views 3"]:
        """Points in the axes of every camera, in metres."""
        seen: np.ndarray = np.einsum("vij,...j->...vi", self.rotation, points) + self.translation
        return seen

    def ray_distance(
        self, points: Float[np.ndarray, "*shape 3"], xy: Float[np.ndarray, "*shape views 2"]
    ) -> Float[np.ndarray, "*shape views"]:
        """Distance of points from the rays through pixels, parallel to the image planes, in metres.

        Args:
            points: points in world axes.
            xy: pixels in every view.

        Returns:
            Metres; infinite where a point is behind the camera.
        """
        seen = self.in_views(points)
        depth = seen[..., 2]
        rays = (xy - self.centre) / self.focal[:, None]
        distance = np.linalg.norm(seen[..., :2] - rays * depth[..., None], axis=-1)
        return np.where(depth > 0, distance, np.inf)

    def triangulate(
        self, xy: Float[np.ndarray, "*shape views 2"], weight: Float[np.ndarray, "*shape views"]
    ) -> Float[np.ndarray, "*shape 3"]:
        """Points whose projections are closest to pixels.

        Args:
            xy: pixels in every view.
            weight: weight of each pixel, zero if unseen. A point requires at least two views.

        Returns:
            Metres in world axes.
        """
        rays = ((xy - self.centre) / self.focal[:, None])[..., None]
        rows = rays * self.rotation[:, None, 2] - self.rotation[:, :2]  # shape views 2 3
        right = self.translation[:, :2] - rays[..., 0] * self.translation[:, 2:]
        scale = np.broadcast_to(weight, xy.shape[:-1]).astype(np.float64)
        points = np.zeros((*xy.shape[:-2], 3))
        for _ in range(ROUNDS):
            weighted = rows * scale[..., None, None]
            curvature = np.einsum("...vri,...vrj->...ij", weighted, rows) + _DAMPING * np.eye(3)
            slope = np.einsum("...vri,...vr->...i", weighted, right)
            points = np.linalg.solve(curvature, slope[..., None])[..., 0]
            depth = np.maximum(np.abs(self.in_views(points)[..., 2]), 0.1)
            scale = weight * np.square(self.focal / depth) / np.square(self.focal).mean()
        return points
