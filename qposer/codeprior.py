"""The code prior: a denoiser that knows which codes of a QPoser go together.

It works on the latents that codes stand for, standardised over the training poses, so that single codes, mixtures of
codes (relaxed ones) and noisy latents are all points of one space. Where a fitter stands at latents ``z``, the
denoiser, shown ``z`` plus noise, says where human poses near ``z`` lie; the way there is the pull that a fit follows
(score distillation: the gradient of a squared distance to the denoiser's answer, which is taken as a constant).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qposer.assets import asset
from qposer.weights import load_module, save_module

FORMAT = "qposer-code-prior-1"


@dataclass(frozen=True)
class CodePriorConfig:
    """Sizes of a code prior."""

    joints: int = 21
    latent_dim: int = 8
    """Numbers a joint: heads times the dimension of a code."""
    width: int = 512
    depth: int = 3
    """Residual blocks."""


class _Block(nn.Module):
    """A residual MLP block, modulated by the noise level."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.condition = nn.Linear(64, 2 * width)
        self.enter = nn.Linear(width, width)
        self.leave = nn.Linear(width, width)
        nn.init.zeros_(self.leave.weight)

    def forward(self, features: Tensor, noise_embedding: Tensor) -> Tensor:
        scale, shift = self.condition(noise_embedding).chunk(2, dim=-1)
        modulated = self.norm(features) * (1 + scale) + shift
        return features + self.leave(nn.functional.silu(self.enter(modulated)))


class CodePrior(nn.Module):
    """A denoiser of standardised QPoser latents ``(..., 21, heads, dim)``.

    The network sees the noisy latents scaled to unit variance and the noise level, and its output is mixed with its
    input by noise level (the preconditioning of Karras et al., NeurIPS 2022, table 1, for unit-variance data).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: CodePriorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or CodePriorConfig()
        size = config.joints * config.latent_dim
        self.register_buffer("mean", torch.zeros(config.joints, config.latent_dim))
        self.register_buffer("scale", torch.ones(config.joints, config.latent_dim))
        self.noise = nn.Sequential(nn.Linear(1, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
        self.enter = nn.Linear(size, config.width)
        self.blocks = nn.ModuleList(_Block(config.width) for _ in range(config.depth))
        self.leave = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, size))

    def standardise(self, latents: Float[Tensor, "*batch 21 heads dim"]) -> Float[Tensor, "*batch 21 latent"]:
        """Latents with zero mean and unit variance over the training poses, heads joined."""
        return (latents.flatten(-2) - self.mean) / self.scale

    def unstandardise(self, standard: Float[Tensor, "*batch 21 latent"]) -> Float[Tensor, "*batch 21 latent"]:
        """What ``standardise`` came from, heads still joined."""
        return standard * self.scale + self.mean

    def denoise(
        self, noisy: Float[Tensor, "*batch 21 latent"], noise_level: Float[Tensor, "*#batch"]
    ) -> Float[Tensor, "*batch 21 latent"]:
        """Expected clean standardised latents, given latents with Gaussian noise of this standard deviation."""
        sigma = noise_level[..., None].to(noisy)
        variance = 1 + sigma.square()
        flat = noisy.flatten(-2)
        features = self.enter(flat * variance.rsqrt())
        noise_embedding = self.noise(sigma.log() / 4)
        for block in self.blocks:
            features = block(features, noise_embedding)
        clean = flat / variance + sigma * variance.rsqrt() * self.leave(features)
        return clean.unflatten(-1, noisy.shape[-2:])

    def pull(
        self, latents: Float[Tensor, "*batch 21 heads dim"], noise_level: float, generator: torch.Generator
    ) -> Float[Tensor, "*batch"]:
        """Half the mean squared distance to where the denoiser sees human poses; its gradient is the pull of the prior.

        Args:
            latents: where the fit stands; single codes, relaxed ones or any latents.
            noise_level: standard deviation, in standardised units, of the noise that the denoiser is shown. High ones
                look at the pose as a whole, low ones at its details.
            generator: draws the noise, the same for the whole batch.
        """
        standard = self.standardise(latents)
        with torch.no_grad():
            noise = torch.randn(standard.shape[-2:], generator=generator, device=generator.device).to(standard)
            level = standard.new_full(standard.shape[:-2], noise_level)
            target = self.denoise(standard + noise_level * noise, level)
        return 0.5 * (standard - target).square().mean((-1, -2))

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights (in half precision), configuration and any notes (strings), at once or not at all."""
        save_module(path, self, self.config, FORMAT, notes, torch.float16)

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None, device: str | torch.device = "cpu") -> CodePrior:
        """The shipped weights, or those of ``path``, in evaluation mode.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds something else, or weights of other sizes than its configuration says.
        """
        return load_module(path or asset("codeprior.safetensors"), cls, CodePriorConfig, FORMAT).to(device)
