"""A diffusion model of body poses, used like DPoser (Lu et al., DPoser-X, ICCV 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from benchmarks.baselines.descent import descend, joint_distances
from benchmarks.baselines.weights import SavedBaseline
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.prior.denoiser import Denoiser
from qposer.prior.diffusion import karras_sigmas

SAMPLING_STEPS = 64

# Tuned on validation poses for detecting impossible poses, completion, and denoising of joints.
ENERGY_LEVELS = (0.05, 0.1)
"""Noise levels of the energy, in standardised units."""
ENERGY_PROBES = 4
"""Noise samples at each of these levels, the same for all poses."""
COMPLETION_STEPS = 32
COMPLETION_ROUNDS = 4
"""Repetitions of each completion step, with noise added in between, which make the parts consistent."""
FIT_LEVELS = (1.0, 0.3)
"""Noise levels of the distillation at the start and at the end of a fit."""


@dataclass(frozen=True)
class PoseDiffusionConfig:
    """Sizes of a pose diffusion."""

    width: int = 512
    depth: int = 3


class PoseDiffusion(SavedBaseline):
    """A denoiser of standardised axis-angle numbers; a ``benchmarks.baselines.interface.PosePrior``."""

    name = "diffusion"
    FORMAT, CONFIG = "pose-diffusion-1", PoseDiffusionConfig
    mean: Float[Tensor, "21 3"]
    scale: Float[Tensor, "21 3"]

    def __init__(self, config: PoseDiffusionConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or PoseDiffusionConfig()
        self.register_buffer("mean", torch.zeros(NUM_BODY_JOINTS, 3))
        self.register_buffer("scale", torch.ones(NUM_BODY_JOINTS, 3))
        self.denoiser = Denoiser(NUM_BODY_JOINTS, 3, config.width, config.depth, dropout=0.3)

    def standardise(self, body_pose: Float[Tensor, "*batch 21 3"]) -> Float[Tensor, "*batch 21 3"]:
        """Axis-angle numbers with zero mean and unit variance over the training poses."""
        return (body_pose - self.mean) / self.scale

    def unstandardise(self, standard: Float[Tensor, "*batch 21 3"]) -> Float[Tensor, "*batch 21 3"]:
        """Inverse of ``standardise``."""
        return standard * self.scale + self.mean

    def denoise(
        self, noisy: Float[Tensor, "*batch 21 3"], noise_level: Float[Tensor, "*#batch #joints"]
    ) -> Float[Tensor, "*batch 21 3"]:
        """Expected clean standardised numbers, given some with Gaussian noise of this standard deviation.

        Args:
            noisy: standardised numbers with noise.
            noise_level: standard deviation of the noise, for each joint or for all.

        Returns:
            Expected clean numbers.
        """
        denoised: Tensor = self.denoiser(noisy, noise_level)
        return denoised

    @torch.no_grad()
    def energy(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
        """Mean squared distance of the denoiser's predictions from the pose, in units of the noise."""
        standard = self.standardise(body_pose)
        generator = torch.Generator().manual_seed(0)
        total = standard.new_zeros(len(standard))
        for level in ENERGY_LEVELS:
            for _ in range(ENERGY_PROBES):
                noise = torch.randn(standard.shape[1:], generator=generator).to(standard)
                answer = self.denoise(standard + level * noise, standard.new_full((1, 1), level))
                total += ((answer - standard) / level).square().mean((-1, -2))
        return total / (len(ENERGY_LEVELS) * ENERGY_PROBES)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 21 3"]:
        """Implements ``PosePrior.sample`` by ancestral sampling.

        Args:
            n: number of poses.
            generator: random generator.

        Returns:
            Axis-angle in radians.
        """
        nothing = torch.zeros(NUM_BODY_JOINTS, dtype=torch.bool, device=self.mean.device)
        start = self.mean.expand(n, -1, -1)
        return self.unstandardise(self._draw(start, nothing, SAMPLING_STEPS, 1, generator))

    def complete(
        self, body_pose: Float[Tensor, "poses 21 3"], known: Bool[Tensor, "21"], n: int, generator: torch.Generator
    ) -> Float[Tensor, "n poses 21 3"]:
        """Implements ``PosePrior.complete``: in every sampling step the known joints are replaced by noisy true ones.

        Each step is repeated, with noise added in between (RePaint, Lugmayr et al., CVPR 2022).

        Args:
            body_pose: axis-angle in radians.
            known: joints that keep their rotations.
            n: number of completions of each pose.
            generator: random generator.

        Returns:
            Axis-angle in radians.
        """
        truth = self.standardise(body_pose).expand(n, -1, -1, -1)
        drawn = self._draw(truth, known, COMPLETION_STEPS, COMPLETION_ROUNDS, generator)
        return torch.where(known[:, None], body_pose, self.unstandardise(drawn))

    @torch.no_grad()
    def _draw(
        self,
        truth: Float[Tensor, "*batch 21 3"],
        known: Bool[Tensor, "21"],
        steps: int,
        rounds: int,
        generator: torch.Generator,
    ) -> Float[Tensor, "*batch 21 3"]:
        """Standardised numbers by ancestral sampling (Ho et al., NeurIPS 2020, eq. 7, in terms of noise levels)."""

        def noise() -> Tensor:
            return torch.randn(truth.shape, generator=generator, device=generator.device).to(truth)

        levels = [*karras_sigmas(steps).tolist(), 0.0]
        noisy: Tensor = levels[0] * noise()
        for level, below in pairwise(levels):
            left, added = below**2 / level**2, below * (1 - below**2 / level**2) ** 0.5
            for again in reversed(range(rounds)):
                noisy = torch.where(known[:, None], truth + level * noise(), noisy)
                expected = self.denoise(noisy, truth.new_full((1, 1), level))
                noisy = torch.lerp(expected, noisy, left) + added * noise()
                if again:
                    noisy = noisy + (level**2 - below**2) ** 0.5 * noise()
        return noisy

    def fit_joints(self, joints: Float[Tensor, "poses 22 3"], weight: float) -> Float[Tensor, "poses 21 3"]:
        """Implements ``PosePrior.fit_joints`` by score distillation at falling noise levels, from the mean pose.

        The prior's term is half the squared distance of the standardised numbers to the denoiser's prediction, which is
        treated as a constant; all poses get the same noise.

        Args:
            joints: positions in metres.
            weight: weight of the prior's term.

        Returns:
            Axis-angle in radians.
        """
        generator = torch.Generator().manual_seed(0)
        first, last = FIT_LEVELS

        def objective(standard: Tensor, done: float) -> Tensor:
            level = first * (last / first) ** done
            noise = torch.randn(standard.shape[1:], generator=generator).to(standard)
            with torch.no_grad():
                answer = self.denoise(standard + level * noise, standard.new_full((1, 1), level))
            pull = 0.5 * (standard - answer).square().sum((-1, -2))
            rotations = axis_angle_to_matrix(self.unstandardise(standard))
            return joint_distances(rotations, joints) + weight * pull

        start = joints.new_zeros(len(joints), NUM_BODY_JOINTS, 3)
        return self.unstandardise(descend(start, objective, steps=300, learning_rate=0.1))
