"""Keeps the fit close to the pose that the regressor predicts."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Derivatives, PerJoint, Posed, Residual


@dataclass(frozen=True)
class InitialPose:
    """Half the squared Frobenius distance of rotations to predicted ones, as a weighted mean over the joints."""

    weight: Float[Tensor, " people"]
    predicted: Float[Tensor, "people joints 3 3"]
    joint_weight: Float[Tensor, "people joints"]

    def residual(self, at: Posed) -> Residual:
        """Differences of the entries of rotation matrices."""
        weight = 0.5 / self.joint_weight.shape[1] * self.weight[:, None] * self.joint_weight
        return Residual((at.body_pose - self.predicted).flatten(-2), weight)

    def columns(self, at: Posed, by: Derivatives) -> PerJoint | None:
        """Derivatives of the decoder.

        Args:
            at: bodies.
            by: derivatives of the rotations.

        Returns:
            Columns of each joint's own latents.
        """
        return None if by.body_pose is None else PerJoint("pose", by.body_pose.flatten(-2).mT)
