"""The code prior's term: distances of relaxed codes to the denoiser's prediction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Derivatives, PerJoint, Posed, Residual


@dataclass(frozen=True)
class CodePull:
    """Half the mean squared distance of latents to the denoiser's prediction.

    With the prediction held fixed, its gradient is the score of the noised distribution of poses times the variance of
    the noise (Tweedie's formula; DPoser, eq. 8).
    """

    weight: Float[Tensor, " people"]
    target: Float[Tensor, "people joints latent"]
    """Standardised latents."""

    def residual(self, at: Posed) -> Residual:
        """Latents minus the target."""
        numbers = self.target.shape[1] * self.target.shape[2]
        return Residual(at.pose - self.target, 0.5 / numbers * self.weight[:, None])

    def columns(self, at: Posed, by: Derivatives) -> PerJoint:
        """The identity.

        Args:
            at: bodies.
            by: not needed.

        Returns:
            Columns of each joint's own latents.
        """
        return PerJoint(
            "pose", torch.eye(self.target.shape[2], dtype=self.target.dtype, device=self.target.device)[None, None]
        )
