"""QPoser with the common interface of all priors."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from benchmarks.baselines.descent import descend, joint_distances
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.prior.code_prior import CodePrior
from qposer.prior.model import QPoser

STEPS = 300
LEARNING_RATE = 0.4
NOISE = (2.0, 0.2)
"""Noise levels of the code prior at the first and at the last step of a fit, decreasing geometrically."""


class QPoserPrior:
    """A ``benchmarks.baselines.interface.PosePrior`` that can also ``reconstruct``."""

    name = "QPoser"

    def __init__(self, model: QPoser, prior: CodePrior) -> None:
        self.model, self.prior = model, prior

    @classmethod
    def from_pretrained(cls, model: Path, prior: Path) -> QPoserPrior:
        """Load the weights of both networks.

        Args:
            model: file of the autoencoder.
            prior: file of the code prior.

        Returns:
            The prior.

        Raises:
            FileNotFoundError: a file does not exist.
            ValueError: a file does not contain the expected weights.
        """
        autoencoder = QPoser.from_pretrained(model)
        return cls(autoencoder, CodePrior.from_pretrained(prior, autoencoder))

    def energy(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
        """As `PosePrior.energy`: the code prior's energy, including the reconstruction gap."""
        return self.prior.energy(body_pose)

    def reconstruct(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, "poses 21 3"]:
        """Encode to hard codes and decode; axis-angle in radians."""
        return self.model.reconstruct(body_pose)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 21 3"]:
        """As `PosePrior.sample`.

        Args:
            n: number of samples.
            generator: random generator.

        Returns:
            Body poses, axis-angle in radians.
        """
        return matrix_to_axis_angle(self.prior.sample(n, generator=generator))

    def complete(
        self, body_pose: Float[Tensor, "poses 21 3"], known: Bool[Tensor, "21"], n: int, generator: torch.Generator
    ) -> Float[Tensor, "n poses 21 3"]:
        """As `PosePrior.complete`.

        Args:
            body_pose: body poses, axis-angle in radians.
            known: mask of the known joints.
            n: number of hypotheses for each pose.
            generator: random generator.

        Returns:
            Body poses, axis-angle in radians.
        """
        return self.prior.complete(body_pose, known, n, generator=generator)

    def fit_joints(self, joints: Float[Tensor, "poses 22 3"], weight: float) -> Float[Tensor, "poses 21 3"]:
        """As `PosePrior.fit_joints`: optimise standardised latents for the joints and the code prior's SDS loss.

        The loss is summed over the latents' components, which gives it the scale of a negative log density.

        Args:
            joints: joint positions in metres.
            weight: weight of the prior term.

        Returns:
            Body poses, axis-angle in radians.
        """
        shape = self.model.config.latent_shape
        generator = torch.Generator().manual_seed(0)
        numbers = shape[0] * shape[1] * shape[2]

        def latents(standard: Tensor) -> Tensor:
            latents: Tensor = self.prior.network.unstandardise(standard).unflatten(-1, shape[1:])
            return latents

        def objective(standard: Tensor, done: float) -> Tensor:
            z = latents(standard)
            pull = self.prior.pull(z, NOISE[0] ** (1 - done) * NOISE[1] ** done, generator)
            return joint_distances(self.model.decode_latents(z), joints) + weight * numbers * pull

        start = joints.new_zeros(len(joints), shape[0], shape[1] * shape[2])
        standard = descend(start, objective, STEPS, LEARNING_RATE)
        return matrix_to_axis_angle(self.model.decode_latents(latents(standard)))
