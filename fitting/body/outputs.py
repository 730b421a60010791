"""What a body model returns."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class BodyOutput(NamedTuple):
    """A posed body."""

    vertices: Float[Tensor, "batch vertices 3"]
    joints: Float[Tensor, "batch joints 3"]


class PosedLandmarks(NamedTuple):
    """Landmarks of a posed body."""

    landmarks: Float[Tensor, "batch landmarks 3"]
    joints: Float[Tensor, "batch joints 3"]
    world: Float[Tensor, "batch joints 3 3"]
    """Rotations of the joints relative to the world."""
