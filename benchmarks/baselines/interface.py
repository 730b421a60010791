"""Common protocol of pose priors."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@runtime_checkable
class PosePrior(Protocol):
    """A prior of SMPL body poses, joints 1..21, axis-angle in radians, relative to the parent."""

    @property
    def name(self) -> str:
        """Name in tables."""
        ...

    def energy(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
        """Deterministic energy, low for plausible poses. Scale and offset are specific to the prior."""
        ...

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 21 3"]:
        """Sample poses from the prior.

        Args:
            n: number of poses.
            generator: random generator.

        Returns:
            Axis-angle in radians.
        """
        ...

    def complete(
        self, body_pose: Float[Tensor, "poses 21 3"], known: Bool[Tensor, "21"], n: int, generator: torch.Generator
    ) -> Float[Tensor, "n poses 21 3"]:
        """``n`` completions of each pose from its known joints, which keep their rotations; other values are ignored.

        Args:
            body_pose: axis-angle in radians.
            known: joints that keep their rotations.
            n: number of completions of each pose.
            generator: random generator.

        Returns:
            Axis-angle in radians.
        """
        ...

    def fit_joints(self, joints: Float[Tensor, "poses 22 3"], weight: float) -> Float[Tensor, "poses 21 3"]:
        """Fit plausible poses to noisy joint positions.

        Args:
            joints: target positions for ``qposer.body_pose.kinematics.body_joints`` of the mean skeleton, metres.
            weight: weight of the prior's term, in its authors' form for fitting, relative to the sum of the squared
                distances of the joints in decimetres.

        Returns:
            Axis-angle in radians.
        """
        ...
