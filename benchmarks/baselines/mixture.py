"""The pose prior of SMPLify (Bogo et al., ECCV 2016): a mixture of Gaussians over axis-angle vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from benchmarks.baselines.descent import descend, joint_distances
from benchmarks.baselines.weights import SavedBaseline
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import NUM_BODY_JOINTS

NUMBERS = 3 * NUM_BODY_JOINTS


@dataclass(frozen=True)
class PoseMixtureConfig:
    """Size of a mixture."""

    components: int = 8


class PoseMixture(SavedBaseline):
    """Gaussians with full covariance over the 63 numbers of a body pose; a `PosePrior`.

    Attributes:
        weights: weights of the components, with sum one.
        means: means of the components, radians.
        factors: lower triangular factors ``L`` of the covariances ``L L^T``.
    """

    name = "GMM"
    FORMAT, CONFIG = "pose-mixture-1", PoseMixtureConfig
    weights: Float[Tensor, " components"]
    means: Float[Tensor, "components 63"]
    factors: Float[Tensor, "components 63 63"]

    def __init__(self, config: PoseMixtureConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or PoseMixtureConfig()
        self.register_buffer("weights", torch.full((config.components,), 1 / config.components))
        self.register_buffer("means", torch.zeros(config.components, NUMBERS))
        self.register_buffer("factors", torch.eye(NUMBERS).repeat(config.components, 1, 1))

    @classmethod
    def of_components(
        cls,
        weights: Float[Tensor, " components"],
        means: Float[Tensor, "components 63"],
        covariances: Float[Tensor, "components 63 63"],
    ) -> PoseMixture:
        """Create a mixture, in single precision, from Gaussians.

        Args:
            weights: weights of the Gaussians.
            means: means, flat axis-angle, radians.
            covariances: covariances, square radians.

        Returns:
            The mixture.
        """
        mixture = cls(PoseMixtureConfig(len(weights)))
        factors = torch.linalg.cholesky(covariances.double())
        mixture.load_state_dict({"weights": weights, "means": means, "factors": factors})
        return mixture

    def energy(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
        """Negative logarithm of the density."""
        log_densities = self.weights.log() - _log_volumes(self.factors) - 0.5 * self._distances(body_pose)
        return 0.5 * NUMBERS * math.log(2 * math.pi) - log_densities.logsumexp(-1)

    def nearest_energy(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
        """Energy of SMPLify: ``min_j -log(c g_j N(pose; mean_j, covariance_j))`` (eq. 6).

        The constant ``c`` makes the density of the narrowest component one at its mean.
        """
        log_volumes = _log_volumes(self.factors)
        log_peaks = self.weights.log() - (log_volumes - log_volumes.min())
        return (0.5 * self._distances(body_pose) - log_peaks).amin(-1)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 21 3"]:
        """Implements ``PosePrior.sample``.

        Args:
            n: number of poses.
            generator: random generator.

        Returns:
            Axis-angle in radians.
        """
        nothing = torch.zeros(NUM_BODY_JOINTS, dtype=torch.bool, device=self.means.device)
        return self.complete(self.means.new_zeros(1, NUM_BODY_JOINTS, 3), nothing, n, generator)[:, 0]

    def complete(
        self, body_pose: Float[Tensor, "poses 21 3"], known: Bool[Tensor, "21"], n: int, generator: torch.Generator
    ) -> Float[Tensor, "n poses 21 3"]:
        """Implements ``PosePrior.complete`` by exact samples from the conditional density of the unknown joints.

        Args:
            body_pose: axis-angle in radians.
            known: joints that keep their rotations.
            n: number of completions of each pose.
            generator: random generator.

        Returns:
            Axis-angle in radians.
        """
        given = known.repeat_interleave(3)
        unknown = (~given).nonzero().squeeze(-1)
        seen = given.nonzero().squeeze(-1)
        flat = body_pose.flatten(1)
        covariances = (self.factors @ self.factors.mT).double()

        off_mean = (flat[:, seen] - self.means[:, None, seen]).double()
        factors = torch.linalg.cholesky(covariances[:, seen[:, None], seen])
        white = torch.linalg.solve_triangular(factors, off_mean.mT, upper=False)
        log_densities = self.weights.log() - _log_volumes(factors) - 0.5 * white.square().sum(1).T
        chances = log_densities.softmax(-1).to(generator.device)
        component = torch.multinomial(chances, n, replacement=True, generator=generator).T.to(flat.device)

        gain = torch.linalg.solve_triangular(factors, covariances[:, seen[:, None], unknown], upper=False)
        means = self.means[:, None, unknown] + (gain.mT @ white).mT.to(flat)
        rest = torch.linalg.cholesky(covariances[:, unknown[:, None], unknown] - gain.mT @ gain).to(flat)
        drawn = torch.randn(n, len(flat), len(unknown), generator=generator, device=generator.device).to(flat)
        completed = flat.expand(n, -1, -1).clone()
        for index in range(len(self.weights)):
            guess, pose = (component == index).nonzero(as_tuple=True)
            values = means[index, pose] + drawn[guess, pose] @ rest[index].mT
            completed[guess[:, None], pose[:, None], unknown] = values
        poses: Tensor = completed.unflatten(-1, (NUM_BODY_JOINTS, 3))
        return poses

    def fit_joints(self, joints: Float[Tensor, "poses 22 3"], weight: float) -> Float[Tensor, "poses 21 3"]:
        """Implements ``PosePrior.fit_joints`` over axis-angle from the mean pose, with ``nearest_energy`` as the prior.

        Args:
            joints: positions in metres.
            weight: weight of the prior's term.

        Returns:
            Axis-angle in radians.
        """
        start = (self.weights @ self.means).unflatten(-1, (NUM_BODY_JOINTS, 3)).expand(len(joints), -1, -1)

        def objective(pose: Tensor, done: float) -> Tensor:
            return joint_distances(axis_angle_to_matrix(pose), joints) + weight * self.nearest_energy(pose)

        return descend(start, objective, steps=300, learning_rate=0.1)

    def _distances(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, "poses components"]:
        """Squared Mahalanobis distances to the components."""
        off_mean = body_pose.flatten(1) - self.means[:, None]
        distances: Tensor = torch.linalg.solve_triangular(self.factors, off_mean.mT, upper=False).square().sum(1).T
        return distances


def _log_volumes(factors: Float[Tensor, "components numbers numbers"]) -> Float[Tensor, " components"]:
    """Logarithms of the square roots of the covariances' determinants."""
    return factors.diagonal(dim1=-1, dim2=-2).log().sum(-1)
