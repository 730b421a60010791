"""The ground below a camera of known height: the lowest foot is on it, and no foot is below it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.inputs.keypoints import FORMATS, FormatName
from fitting.terms.term import Dense, Derivatives, Posed, Residual

SOLES = ("left_heel", "right_heel", "left_foot_index", "right_foot_index", "left_big_toe", "right_big_toe")
"""Keypoints at the soles of the feet, in any format."""


@dataclass(frozen=True)
class CameraHeight:
    """Squared heights (metres) of the lowest keypoint of the feet, and of those below the ground."""

    weight: float
    format: FormatName
    """Format of the fitted keypoints."""
    height: float
    """Height of the camera above the ground in metres."""
    pitch: float = 0.0
    """Downward angle of the camera in radians."""

    def __post_init__(self) -> None:
        """Check that the format has keypoints at the feet.

        Raises:
            ValueError: it has none.
        """
        if not self.landmarks:
            raise ValueError(
                f"a camera's height needs keypoints of heels or toes, and {self.format} keypoints have none: "
                "use the detector's or OpenPose's keypoints, or omit the camera's height"
            )

    @property
    def landmarks(self) -> list[int]:
        """Indices of the keypoints at the feet."""
        names = FORMATS[self.format].names
        return [names.index(name) for name in SOLES if name in names]

    def residual(self, at: Posed) -> Residual:
        """Heights above the ground where they count, otherwise zero."""
        above = self._above(at.landmarks)
        return Residual((self._counted(above) * above)[..., None], above.new_full(above.shape, self.weight))

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """The landmarks' derivatives along the vertical, where their heights count.

        Args:
            at: bodies.
            by: derivatives of the landmarks.

        Returns:
            Columns of all unknowns that move landmarks.
        """
        counted = self._counted(self._above(at.landmarks))
        return Dense(
            {
                name: (counted[..., None] * self._upward(moved.mT[:, self.landmarks]))[:, :, None]
                for name, moved in by.landmarks.items()
            }
        )

    def _above(self, landmarks: Float[Tensor, "people joints 3"]) -> Float[Tensor, "people soles"]:
        return self._upward(landmarks[:, self.landmarks]) + self.height

    def _upward(self, vectors: Float[Tensor, "people soles *numbers 3"]) -> Float[Tensor, "people soles *numbers"]:
        """Components of vectors in camera axes against gravity."""
        return -math.cos(self.pitch) * vectors[..., 1] - math.sin(self.pitch) * vectors[..., 2]

    @staticmethod
    def _counted(above: Float[Tensor, "people soles"]) -> Float[Tensor, "people soles"]:
        lowest = above == above.amin(-1, keepdim=True)
        return (lowest | (above < 0)).to(above)
