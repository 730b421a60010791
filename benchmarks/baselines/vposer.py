"""VPoser: a variational autoencoder of body poses (Pavlakos et al., CVPR 2019), as its second version is published."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.distributions import Normal

from benchmarks.baselines.descent import descend, joint_distances
from benchmarks.baselines.weights import SavedBaseline
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_from_6d, matrix_to_axis_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS

# Tuned on validation poses: the first for detecting impossible poses, the others for completion.
GAP_WEIGHT = 0.015
"""Weight of the rotation distances in the energy, before division by the training weight of the divergence."""
COMPLETION_WEIGHT = 0.1
"""Weight of the latents' squared length in a completion, relative to squared distances of rotations."""
COMPLETION_STEPS = 100


@dataclass(frozen=True)
class VPoserConfig:
    """Sizes of a VPoser, and parameters of its energy."""

    latent_dim: int = 32
    width: int = 512
    kl: float = 5e-3
    """Training weight of the divergence of the posterior from the unit Gaussian, in nats."""


class VPoser(SavedBaseline):
    """Maps poses to a Gaussian over 32 latents and back; the prior over latents is the unit Gaussian.

    A ``benchmarks.baselines.interface.PosePrior`` that can also ``reconstruct``.
    """

    name = "VPoser"
    FORMAT, CONFIG = "vposer-baseline-1", VPoserConfig

    def __init__(self, config: VPoserConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or VPoserConfig()
        pose, width = 3 * NUM_BODY_JOINTS, config.width
        self.encoder = nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(pose),
            nn.Linear(pose, width),
            nn.LeakyReLU(),
            nn.BatchNorm1d(width),
            nn.Dropout(0.1),
            nn.Linear(width, width),
            nn.Linear(width, width),
        )
        self.mean = nn.Linear(width, config.latent_dim)
        self.spread = nn.Sequential(nn.Linear(width, config.latent_dim), nn.Softplus())
        self.decoder = nn.Sequential(
            nn.Linear(config.latent_dim, width),
            nn.LeakyReLU(),
            nn.Dropout(0.1),
            nn.Linear(width, width),
            nn.LeakyReLU(),
            nn.Linear(width, 6 * NUM_BODY_JOINTS),
        )

    def encode(self, body_pose: Float[Tensor, "poses 21 3"]) -> Normal:
        """The posterior over the latents of axis-angle poses."""
        features = self.encoder(body_pose)
        return Normal(self.mean(features), self.spread(features), validate_args=False)

    def decode(self, latents: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch 21 3 3"]:
        """Rotation matrices of latents; zeros give a neutral pose."""
        return matrix_from_6d(self.decoder(latents).unflatten(-1, (NUM_BODY_JOINTS, 6)))

    def reconstruct(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, "poses 21 3"]:
        """The decoded mean of the posterior."""
        return matrix_to_axis_angle(self.decode(self.encode(body_pose).mean))

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 21 3"]:
        """Implements ``PosePrior.sample`` by decoding unit Gaussian latents.

        Args:
            n: number of poses.
            generator: random generator.

        Returns:
            Axis-angle in radians.
        """
        return matrix_to_axis_angle(self.decode(self._draw((n,), generator)))

    @torch.no_grad()
    def energy(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
        """Squared length of the posterior's mean plus the weighted reconstruction error of the rotations.

        They complement each other: unlikely poses have long latents, and impossible ones large reconstruction errors.
        """
        latents = self.encode(body_pose).mean
        gap = rotation_distances(self.decode(latents), body_pose)
        return latents.square().sum(-1) + GAP_WEIGHT / self.config.kl * gap

    def complete(
        self, body_pose: Float[Tensor, "poses 21 3"], known: Bool[Tensor, "21"], n: int, generator: torch.Generator
    ) -> Float[Tensor, "n poses 21 3"]:
        """Implements ``PosePrior.complete`` by optimising random latents until the known joints match.

        Args:
            body_pose: axis-angle in radians.
            known: joints that keep their rotations.
            n: number of completions of each pose.
            generator: random generator.

        Returns:
            Axis-angle in radians.
        """
        truth = body_pose[:, known].repeat(n, 1, 1)

        def objective(latents: Tensor, done: float) -> Tensor:
            gap = rotation_distances(self.decode(latents)[:, known], truth)
            return gap + COMPLETION_WEIGHT * latents.square().sum(-1)

        start = self._draw((n * len(body_pose),), generator)
        latents = descend(start, objective, steps=COMPLETION_STEPS, learning_rate=0.1)
        decoded = matrix_to_axis_angle(self.decode(latents)).unflatten(0, (n, -1))
        return torch.where(known[:, None], body_pose, decoded)

    def fit_joints(self, joints: Float[Tensor, "poses 22 3"], weight: float) -> Float[Tensor, "poses 21 3"]:
        """Implements ``PosePrior.fit_joints`` over latents, from zeros, with their squared length as the prior's term.

        Args:
            joints: positions in metres.
            weight: weight of the prior's term.

        Returns:
            Axis-angle in radians.
        """

        def objective(latents: Tensor, done: float) -> Tensor:
            return joint_distances(self.decode(latents), joints) + weight * latents.square().sum(-1)

        start = joints.new_zeros(len(joints), self.config.latent_dim)
        return matrix_to_axis_angle(self.decode(descend(start, objective, steps=300, learning_rate=0.1)))

    def _draw(self, batch: tuple[int, ...], generator: torch.Generator) -> Float[Tensor, "*batch latent"]:
        drawn = torch.randn(*batch, self.config.latent_dim, generator=generator, device=generator.device)
        return drawn.to(self.mean.weight)


def rotation_distances(
    rotations: Float[Tensor, "*batch joints 3 3"], body_pose: Float[Tensor, "*batch joints 3"]
) -> Float[Tensor, " *batch"]:
    """Squared Frobenius distances of rotations from those of axis-angle vectors, summed over the joints.

    Args:
        rotations: rotation matrices.
        body_pose: axis-angle in radians.

    Returns:
        One number for each pose.
    """
    return (rotations - axis_angle_to_matrix(body_pose)).square().sum((-1, -2, -3))
