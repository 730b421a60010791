"""The networks of the code prior, which share a space of standardised latents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.io.weights import save_module
from qposer.prior.articulations import articulation_of
from qposer.prior.classifiers import CoherenceClassifier, PerJointDetector
from qposer.prior.denoiser import Denoiser

FORMAT = "qposer-code-prior-3"

ENERGY_LEVELS = (0.3, 0.8)
"""Noise levels of the denoising errors in the energy, chosen on poses of validation subjects and of others."""

ENERGY_PROBES = 4
"""Number of noise samples at each of these levels, the same for all poses."""

DISPERSION = 1.1
"""Factor on the initial noise of samples relative to training, which gives samples the variance of the training poses.
Without it, the axis-angle values of samples have 10 % less variance."""

CLUES = 5
"""Features of a pose: denoising errors at two levels, the classifiers' logits (mixtures and perturbed joints), and the
quantisation error."""


@dataclass(frozen=True)
class CodePriorConfig:
    """Sizes of a code prior."""

    joints: int = NUM_BODY_JOINTS
    """Joints of a pose: 21 of the body or 15 of a hand."""
    latent_dim: int = 4
    """Numbers per joint: heads times the dimension of a code."""
    width: int = 512
    depth: int = 3
    """Residual blocks of the denoiser."""
    judge_width: int = 512
    joint_judge_width: int = 64
    gap_unit: float = 0.01
    """Quantisation error in metres below which it hardly affects the energy and above which its logarithm counts."""
    dispersion: float = DISPERSION
    """Factor on the initial noise of samples relative to training."""


class CodePriorNetwork(nn.Module):
    """The learned part: a denoiser of standardised latents ``(..., 21, latent)``, and classifiers of the decoded
    poses."""

    mean: Tensor
    scale: Tensor
    calibration: Tensor
    probes: Tensor

    def __init__(self, config: CodePriorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or CodePriorConfig()
        size = config.joints, config.latent_dim
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("calibration", torch.tensor([[0.0, 1.0]] * (CLUES + 2)))
        drawn = torch.randn(
            ENERGY_PROBES, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float32, device="cpu"
        )
        self.register_buffer("probes", drawn)
        self.denoiser = Denoiser(*size, config.width, config.depth, dropout=0.1)
        articulation = articulation_of(config.joints)
        self.judge = CoherenceClassifier(config.judge_width, articulation=articulation)
        self.joint_judge = PerJointDetector(config.joint_judge_width, articulation=articulation)

    def standardise(self, latents: Float[Tensor, "*batch joints heads dim"]) -> Float[Tensor, "*batch joints latent"]:
        """Latents with zero mean and unit variance over the training poses, heads joined."""
        return (latents.flatten(-2) - self.mean) / self.scale

    def unstandardise(self, standard: Float[Tensor, "*batch joints latent"]) -> Float[Tensor, "*batch joints latent"]:
        """Inverse of ``standardise``, with heads still joined."""
        return standard * self.scale + self.mean

    @torch.no_grad()
    def denoised(
        self,
        standard: Float[Tensor, "*batch joints latent"],
        noise_level: Float[Tensor, "*#batch #joints"] | Float[Tensor, ""],
        noise: Float[Tensor, "joints latent"],
    ) -> Float[Tensor, "*batch joints latent"]:
        """The denoiser's prediction after adding noise, without gradients.

        Args:
            standard: standardised latents.
            noise_level: standard deviation of the added noise, for all joints or for each.
            noise: unit normal noise, the same for the whole batch.

        Returns:
            Standardised latents.
        """
        level = noise_level.to(standard).expand(standard.shape[:-1])
        denoised: Tensor = self.denoiser(standard + level.unsqueeze(-1) * noise.to(standard), level)
        return denoised

    def denoising_errors(self, standard: Float[Tensor, "*batch joints latent"]) -> Float[Tensor, "*batch levels"]:
        """Log denoising errors at each level, as means of fourth powers over joints to emphasise outliers."""
        found = []
        for level in ENERGY_LEVELS:
            probed = standard.unsqueeze(-3) + level * self.probes
            denoised = self.denoiser(probed, standard.new_full((1, 1), level))
            by_joint = (denoised - standard.unsqueeze(-3)).square().mean((-1, -3))
            found.append(0.25 * by_joint.pow(4).mean(-1).log())
        return torch.stack(found, dim=-1)

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights (in half precision), configuration and notes atomically.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        save_module(path, self, self.config, FORMAT, notes, torch.float16)
