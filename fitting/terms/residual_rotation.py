"""Small rotations after decoding, for poses that the codes cannot represent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Derivatives, PerJoint, Posed, Residual


@dataclass(frozen=True)
class ResidualRotation:
    """Squared angles (radians), summed over the joints."""

    weight: Float[Tensor, " people"]

    def residual(self, at: Posed) -> Residual:
        """Axis-angle vectors."""
        return Residual(at.residual, self.weight[:, None])

    def columns(self, at: Posed, by: Derivatives) -> PerJoint:
        """The identity.

        Args:
            at: bodies.
            by: not needed.

        Returns:
            Columns of each joint's own rotation.
        """
        return PerJoint("residual", torch.eye(3, dtype=at.residual.dtype, device=at.residual.device)[None, None])
