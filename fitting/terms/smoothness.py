"""Accelerations of bodies over consecutive frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Posed, Unknown
from qposer.body_pose.rotations import turn_derivative


@dataclass(frozen=True)
class Smoothness:
    """Squared second differences of parameters over consecutive frames, averaged over the parameters.

    Each belongs to the middle one of its three frames.
    """

    unknown: Unknown
    """``pose``, ``orient`` (entries of the rotation matrix), ``transl`` (metres) or ``residual`` (radians)."""
    weight: float
    """Per squared unit, times frames to the fourth power."""

    def numbers(self, at: Posed) -> Float[Tensor, "frames numbers"]:
        """The parameters to smooth."""
        value: Tensor = getattr(at, self.unknown)
        return value.flatten(1)

    def cost(self, at: Posed) -> Float[Tensor, ""]:
        """Total cost of all frames."""
        numbers = self.numbers(at)
        second = numbers[2:] - 2 * numbers[1:-1] + numbers[:-2]
        return self.weight / numbers.shape[1] * second.square().sum()

    def columns(self, at: Posed, depth: Float[Tensor, "frames 3"]) -> Float[Tensor, "#frames numbers unknowns"]:
        """Derivatives of a frame's parameters by its own unknowns.

        Args:
            at: bodies.
            depth: displacement of the body in metres for a unit step along each axis.

        Returns:
            Columns of the Jacobian.
        """
        if self.unknown == "transl":
            return torch.diag_embed(depth)
        if self.unknown == "orient":
            return turn_derivative(at.orient.mT).transpose(1, 2).flatten(1, 2)
        return torch.eye(self.numbers(at).shape[1], dtype=at.pose.dtype, device=at.pose.device)[None]
