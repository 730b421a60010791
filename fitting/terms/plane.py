"""Landmarks that are known to be on a plane, such as feet on the floor."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.inputs.keypoints import FORMATS, FormatName
from fitting.terms.term import Dense, Derivatives, Posed, Residual


@dataclass(frozen=True)
class OnPlane:
    """Squared distances (metres) of landmarks to a plane, mean over the landmarks."""

    weight: float
    """With 700, a metre costs about as much as in `Reprojection` by default for a person 1.7 m tall."""
    landmarks: tuple[str, ...]
    """Names of keypoints of the format."""
    format: FormatName
    """Format of the fitted keypoints."""
    normal: tuple[float, float, float]
    """In camera axes, of any length and either sign; (0, 1, 0) for the floor below a level camera."""
    offset: float
    """Metres from the camera to the plane along the normal; the height of a level camera above its floor."""

    def __post_init__(self) -> None:
        """Check everything.

        Raises:
            ValueError: a negative weight, no landmarks, an unknown format or landmark, a zero or non-finite normal, or
                a non-finite offset.
        """
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"the weight of a plane must be 0 or more, not {self.weight}")
        if self.format not in FORMATS:
            raise ValueError(f"unknown keypoint format {self.format!r}: use {', '.join(FORMATS)}")
        unknown = [name for name in self.landmarks if name not in FORMATS[self.format].names]
        if unknown or not self.landmarks:
            raise ValueError(
                f"{self.format} keypoints have no {', '.join(unknown) or 'landmark without a name'}: "
                f"use {', '.join(FORMATS[self.format].names)}"
            )
        if len(self.normal) != 3 or not 0 < math.hypot(*self.normal) < math.inf:
            raise ValueError(f"the normal of a plane must be a finite nonzero vector, not {self.normal}")
        if not math.isfinite(self.offset):
            raise ValueError(f"the offset of a plane must be a finite number of metres, not {self.offset}")

    def residual(self, at: Posed) -> Residual:
        """Signed distances in metres.

        Raises:
            ValueError: the landmarks are not those of the format.
        """
        joints = len(FORMATS[self.format].names)
        if at.landmarks.shape[1] != joints:
            raise ValueError(
                f"a plane for {joints} {self.format} keypoints was given to a fit of {at.landmarks.shape[1]}: "
                "give the format of the fitted keypoints"
            )
        off = self._along_normal(at.landmarks) - self.offset
        return Residual(off[..., None], off.new_full(off.shape, self.weight / len(self.landmarks)))

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """The landmarks' derivatives along the normal.

        Args:
            at: bodies.
            by: derivatives of the landmarks.

        Returns:
            Columns of all unknowns that move landmarks.
        """
        return Dense({name: self._along_normal(moved.mT)[:, :, None] for name, moved in by.landmarks.items()})

    def _along_normal(self, vectors: Float[Tensor, "people landmarks *numbers 3"]) -> Float[Tensor, "..."]:
        """Lengths of the named landmarks' vectors along the normal."""
        length = math.hypot(*self.normal)
        x, y, z = (part / length for part in self.normal)
        chosen = vectors[:, FORMATS[self.format].indices(*self.landmarks)]
        return x * chosen[..., 0] + y * chosen[..., 1] + z * chosen[..., 2]
