"""What a fit optimises in place of a body pose: numbers that decode to one, at a price."""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.codeprior import CodePrior


class PoseSpace(Protocol):
    """A parameterisation of body poses together with a prior over it.

    Every method treats the people of a batch one by one, so that nobody's fit depends on who else is in it.
    """

    step_size: float
    """Of Adam, for the numbers of this space."""

    def neutral(self) -> Float[Tensor, "*numbers"]:
        """Where a fit starts."""
        ...

    def decode(self, numbers: Float[Tensor, "people *numbers"], temperature: float) -> Float[Tensor, "people 21 3 3"]:
        """The body pose, smoothed according to the temperature where the space is discrete."""
        ...

    def penalty(
        self, numbers: Float[Tensor, "people *numbers"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, "people"]:
        """What the prior adds to the objective, looking at the pose as coarsely as the noise level says."""
        ...

    def commit(self, numbers: Float[Tensor, "people *numbers"]) -> Float[Tensor, "people *numbers"]:
        """The numbers of poses that the space can hold at a temperature of zero, nearest to these."""
        ...


class RelaxedCodes:
    """QPoser's latents, standardised, seen by the decoder through the softmax over distances to the codes."""

    step_size = 0.1

    def __init__(self, prior: CodePrior) -> None:
        self.prior, self.model, self.network = prior, prior.model, prior.network

    def neutral(self) -> Float[Tensor, "21 latent"]:
        """The mean of the training poses' latents."""
        return torch.zeros_like(self.network.mean)

    def latents(self, numbers: Float[Tensor, "people 21 latent"]) -> Float[Tensor, "people 21 heads dim"]:
        """As the model knows them."""
        return self.network.unstandardise(numbers).unflatten(-1, self.model.config.latent_shape[1:])

    def decode(self, numbers: Float[Tensor, "people 21 latent"], temperature: float) -> Float[Tensor, "people 21 3 3"]:
        """As `PoseSpace.decode`; at a temperature of zero, of the latents as they are."""
        latents = self.latents(numbers)
        if temperature > 0:
            quantizer = self.model.quantizer
            latents = quantizer.relaxed(quantizer.logits(latents), temperature)
        return self.model.decode_latents(latents)

    def penalty(
        self, numbers: Float[Tensor, "people 21 latent"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, "people"]:
        """The pull of the code prior."""
        return self.prior.pull(self.latents(numbers), noise, generator)

    def commit(self, numbers: Float[Tensor, "people 21 latent"]) -> Float[Tensor, "people 21 latent"]:
        """The nearest codes."""
        codes = self.model.encode_latents(self.latents(numbers))
        return self.network.standardise(self.model.quantizer.lookup(codes))
