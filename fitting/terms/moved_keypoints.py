"""Keypoints that a person has placed by hand: exact, and never outliers."""

from __future__ import annotations

from dataclasses import dataclass

from fitting.inputs.keypoints import FORMATS, FormatName
from fitting.terms.reprojection import projection_columns
from fitting.terms.term import Dense, Derivatives, Posed, Residual


@dataclass(frozen=True)
class MovedKeypoints:
    """Squared distances of projected landmarks to given pixels, as fractions of the person's height in the image."""

    weight: float
    places: dict[str, tuple[float, float]]
    """Pixels by the keypoint's name."""
    format: FormatName
    """Format of the fitted keypoints."""
    focal: float
    """Focal length in pixels."""
    centre: tuple[float, float]
    """Principal point in pixels."""
    height: float
    """Height of the person in pixels."""

    def residual(self, at: Posed) -> Residual:
        """Offsets of the landmarks from their places."""
        chosen = at.landmarks[:, FORMATS[self.format].indices(*self.places)]
        xy = self.focal * chosen[..., :2] / chosen[..., 2:] + chosen.new_tensor(self.centre)
        off = (xy - chosen.new_tensor([*self.places.values()])) / self.height
        return Residual(off, off.new_full(off.shape[:2], self.weight))

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """Derivatives of the perspective projection.

        Args:
            at: bodies.
            by: derivatives of the landmarks.

        Returns:
            Columns of all unknowns that move landmarks.
        """
        rows = FORMATS[self.format].indices(*self.places)
        moved = {name: columns[:, rows] for name, columns in by.landmarks.items()}
        return projection_columns(at.landmarks[:, rows], moved, self.focal / self.height)
