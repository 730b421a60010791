"""What every prior of body poses can do, so that measurements treat them all alike."""

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
        """What tables call it."""
        ...

    def energy(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
        """Low for plausible poses; the same for the same pose. Scale and zero are the prior's own."""
        ...

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 21 3"]:
        """Poses that the prior draws.

        Args:
            n: how many.
            generator: of the draws; equal seeds give equal results on one machine.

        Returns:
            Axis-angle in radians.
        """
        ...

    def complete(
        self, body_pose: Float[Tensor, "poses 21 3"], known: Bool[Tensor, "21"], n: int, generator: torch.Generator
    ) -> Float[Tensor, "n poses 21 3"]:
        """``n`` guesses of each pose from its known joints, which keep their rotations; no others are looked at.

        Args:
            body_pose: axis-angle in radians.
            known: joints that keep their rotations.
            n: how many guesses of each pose.
            generator: of the draws; equal seeds give equal results on one machine.

        Returns:
            Axis-angle in radians.
        """
        ...

    def fit_joints(self, joints: Float[Tensor, "poses 22 3"], weight: float) -> Float[Tensor, "poses 21 3"]:
        """Poses whose joints are near noisy positions and which the prior finds plausible.

        Args:
            joints: where ``qposer.body_pose.kinematics.body_joints`` of the mean skeleton should be, metres.
            weight: of the prior's term, in the form that its authors use for fitting, against the squared distances of
                the joints in decimetres, summed.

        Returns:
            Axis-angle in radians.
        """
        ...
