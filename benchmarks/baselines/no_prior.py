"""Baseline without a prior, except for a small preference for the T-pose."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from benchmarks.baselines.descent import descend, joint_distances
from qposer.body_pose.rotations import axis_angle_to_matrix


class NoPrior:
    """Baseline for fits: half the squared length of the axis-angle vector. It cannot sample or complete poses."""

    name = "none"

    def energy(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
        """Half the sum of the squared angles."""
        return 0.5 * body_pose.square().sum((-1, -2))

    def fit_joints(self, joints: Float[Tensor, "poses 22 3"], weight: float) -> Float[Tensor, "poses 21 3"]:
        """Implements ``PosePrior.fit_joints``.

        Args:
            joints: positions in metres.
            weight: ignored.

        Returns:
            Axis-angle in radians.
        """

        def objective(pose: Tensor, done: float) -> Tensor:
            return joint_distances(axis_angle_to_matrix(pose), joints) + weight * self.energy(pose)

        return descend(joints.new_zeros(len(joints), 21, 3), objective, steps=300, learning_rate=0.1)
