"""What a fit optimises in place of a body pose: numbers that decode to one, at a price."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.prior.code_prior import CodePrior


@runtime_checkable
class PoseSpace(Protocol):
    """A parameterisation of body poses together with a prior over it.

    Every method treats the people of a batch one by one, so that nobody's fit depends on who else is in it.
    """

    step_size: float
    """Of Adam, for the numbers of this space."""

    def encode(self, body_pose: Float[Tensor, "people 21 3 3"]) -> Float[Tensor, " people *numbers"]:
        """The numbers of poses to start from."""
        ...

    def decode(self, numbers: Float[Tensor, " people *numbers"]) -> Float[Tensor, "people 21 3 3"]:
        """The body pose."""
        ...

    def penalty(
        self, numbers: Float[Tensor, " people *numbers"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, " people"]:
        """What the prior adds to the objective, looking at the pose as coarsely as the noise level says.

        Args:
            numbers: the unknowns of the pose.
            noise: standard deviation that the prior is shown.
            generator: draws the noise.

        Returns:
            One number for each person.
        """
        ...

    def commit(self, numbers: Float[Tensor, " people *numbers"]) -> Float[Tensor, " people *numbers"]:
        """The nearest numbers at which a fit may end."""
        ...


class RelaxedCodes:
    """QPoser's codes, relaxed: standardised latents between the codes, which are committed to when the fit ends.

    With codes of one number, a latent between two neighbouring codes is a mixture of these two: a point on the simplex
    over the codebook, like the softmax over distances to all codes, but without its folds (see
    docs/benchmarks/relaxation.md).
    """

    step_size = 0.1

    def __init__(self, prior: CodePrior) -> None:
        self.prior, self.model, self.network = prior, prior.model, prior.network

    def encode(self, body_pose: Float[Tensor, "people 21 3 3"]) -> Float[Tensor, "people 21 latent"]:
        """The latents that the encoder gives, standardised."""
        return self.network.standardise(self.model.latents(body_pose))

    def latents(self, numbers: Float[Tensor, "people 21 latent"]) -> Float[Tensor, "people 21 heads dim"]:
        """As the model knows them, none beyond the outermost codes."""
        latents = self.network.unstandardise(numbers).unflatten(-1, self.model.config.latent_shape[1:])
        codebooks = self.model.quantizer.codebooks
        return torch.minimum(torch.maximum(latents, codebooks.amin(1)), codebooks.amax(1))

    def decode(self, numbers: Float[Tensor, "people 21 latent"]) -> Float[Tensor, "people 21 3 3"]:
        """The pose that the latents decode to."""
        return self.model.decode_latents(self.latents(numbers))

    def penalty(
        self, numbers: Float[Tensor, "people 21 latent"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, " people"]:
        """The pull of the code prior.

        Args:
            numbers: latents of the body joints.
            noise: standard deviation that the prior is shown.
            generator: draws the noise.

        Returns:
            One number for each person.
        """
        return self.prior.pull(self.latents(numbers), noise, generator)

    def commit(self, numbers: Float[Tensor, "people 21 latent"]) -> Float[Tensor, "people 21 latent"]:
        """The nearest codes."""
        codes = self.model.encode_latents(self.latents(numbers))
        return self.network.standardise(self.model.quantizer.lookup(codes))
