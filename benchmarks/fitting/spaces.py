"""Pose spaces of the other priors, as used by their authors."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.baselines.diffusion import PoseDiffusion
from benchmarks.baselines.mixture import PoseMixture
from benchmarks.baselines.no_prior import NoPrior
from benchmarks.baselines.vposer import VPoser
from benchmarks.fitting.adam import PenalisedCodes
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle


class AxisAngle:
    """Axis-angle parameters with a penalty on their norm, or with SMPLify's mixture of Gaussians."""

    step_size = 0.05

    def __init__(self, prior: NoPrior | PoseMixture) -> None:
        self.prior = prior

    def encode(self, body_pose: Float[Tensor, "people 21 3 3"]) -> Float[Tensor, "people 21 3"]:
        """As `PenalisedSpace.encode`."""
        return matrix_to_axis_angle(body_pose)

    def decode(self, numbers: Float[Tensor, "people 21 3"]) -> Float[Tensor, "people 21 3 3"]:
        """As `PenalisedSpace.decode`."""
        return axis_angle_to_matrix(numbers)

    def penalty(
        self, numbers: Float[Tensor, "people 21 3"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, " people"]:
        """As `PenalisedSpace.penalty`.

        Args:
            numbers: axis-angle in radians.
            noise: standard deviation of the noise added to the prior's input.
            generator: random generator of the noise.

        Returns:
            Penalty for each person.
        """
        if isinstance(self.prior, PoseMixture):
            return self.prior.nearest_energy(numbers)
        return self.prior.energy(numbers)

    def commit(self, numbers: Float[Tensor, "people 21 3"]) -> Float[Tensor, "people 21 3"]:
        """As `PenalisedSpace.commit`: every pose is valid."""
        return numbers


class VPoserLatents:
    """VPoser's latents with a penalty on their squared norm (SMPLify-X, eq. 7)."""

    step_size = 0.1

    def __init__(self, prior: VPoser) -> None:
        self.prior = prior

    def encode(self, body_pose: Float[Tensor, "people 21 3 3"]) -> Float[Tensor, "people latent"]:
        """As `PenalisedSpace.encode`: the mean of the posterior."""
        return self.prior.encode(matrix_to_axis_angle(body_pose)).mean

    def decode(self, numbers: Float[Tensor, "people latent"]) -> Float[Tensor, "people 21 3 3"]:
        """As `PenalisedSpace.decode`."""
        return self.prior.decode(numbers)

    def penalty(
        self, numbers: Float[Tensor, "people latent"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, " people"]:
        """As `PenalisedSpace.penalty`.

        Args:
            numbers: latents.
            noise: standard deviation of the noise added to the prior's input.
            generator: random generator of the noise.

        Returns:
            Penalty for each person.
        """
        return numbers.square().sum(-1)

    def commit(self, numbers: Float[Tensor, "people latent"]) -> Float[Tensor, "people latent"]:
        """As `PenalisedSpace.commit`: every latent is valid."""
        return numbers


class DiffusedAxisAngle:
    """Standardised axis-angle parameters with the SDS loss of a denoiser (DPoser, eq. 8)."""

    step_size = 0.1

    def __init__(self, prior: PoseDiffusion) -> None:
        self.prior = prior

    def encode(self, body_pose: Float[Tensor, "people 21 3 3"]) -> Float[Tensor, "people 21 3"]:
        """As `PenalisedSpace.encode`."""
        return self.prior.standardise(matrix_to_axis_angle(body_pose))

    def decode(self, numbers: Float[Tensor, "people 21 3"]) -> Float[Tensor, "people 21 3 3"]:
        """As `PenalisedSpace.decode`."""
        return axis_angle_to_matrix(self.prior.unstandardise(numbers))

    def penalty(
        self, numbers: Float[Tensor, "people 21 3"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, " people"]:
        """As `PenalisedSpace.penalty`.

        Args:
            numbers: axis-angle in radians.
            noise: standard deviation of the noise added to the prior's input.
            generator: random generator of the noise.

        Returns:
            Penalty for each person.
        """
        with torch.no_grad():
            drawn = torch.randn(numbers.shape[1:], generator=generator).to(numbers)
            answer = self.prior.denoise(numbers + noise * drawn, numbers.new_full((1, 1), noise))
        return 0.5 * (numbers - answer).square().sum((-1, -2))

    def commit(self, numbers: Float[Tensor, "people 21 3"]) -> Float[Tensor, "people 21 3"]:
        """As `PenalisedSpace.commit`: every pose is valid."""
        return numbers


class CodesAlone(PenalisedCodes):
    """QPoser's codes without the code prior."""

    def penalty(
        self, numbers: Float[Tensor, "people 21 latent"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, " people"]:
        """As `PenalisedSpace.penalty`: half the squared norm of the standardised latents.

        Args:
            numbers: latents.
            noise: not used.
            generator: not used.

        Returns:
            Penalty for each person.
        """
        return 0.5 * numbers.square().sum((-1, -2))
