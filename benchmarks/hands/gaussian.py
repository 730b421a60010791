"""The simplest prior of hands: a normal distribution of the joint angles."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from qposer.hands.angles import angles_of, rotations_of

FLOOR = 1e-3
"""Variance added to each angle, square radians."""


class GaussianHands:
    """Mean and covariance of flexion, spreading and twist of all joints."""

    def __init__(self, rotations: Float[Tensor, "hands 15 3 3"]) -> None:
        """Fit the distribution.

        Args:
            rotations: training poses of right hands.
        """
        angles = angles_of(rotations).flatten(1).double()
        self.mean = angles.mean(0)
        self.covariance = torch.cov(angles.T) + FLOOR * torch.eye(len(self.mean), dtype=torch.float64)
        self._precision = torch.linalg.inv(self.covariance)

    def energy(self, rotations: Float[Tensor, "*hands 15 3 3"]) -> Float[Tensor, " *hands"]:
        """Squared Mahalanobis distance from the mean."""
        off = angles_of(rotations).flatten(-2).double() - self.mean
        energy: Tensor = ((off @ self._precision) * off).sum(-1)
        return energy

    def complete(
        self, rotations: Float[Tensor, "hands 15 3 3"], known_joints: Bool[Tensor, "15"]
    ) -> Float[Tensor, "hands 15 3 3"]:
        """The conditional mean of unknown joints, given the known ones.

        Args:
            rotations: poses; values at unknown joints are ignored.
            known_joints: true where the pose is known.

        Returns:
            Poses whose known joints are unchanged.
        """
        known = known_joints.repeat_interleave(3)
        off = angles_of(rotations).flatten(-2).double()[:, known] - self.mean[known]
        gain = torch.linalg.solve(self.covariance[known][:, known], self.covariance[known][:, ~known])
        angles = self.mean.expand(len(rotations), -1).clone()
        angles[:, ~known] += off @ gain
        found = rotations_of(angles.unflatten(-1, (15, 3)).to(rotations))
        return torch.where(known_joints[:, None, None], rotations, found)
