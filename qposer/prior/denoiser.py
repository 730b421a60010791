"""A network that removes Gaussian noise from a pose's parameters, with a noise level for each joint."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

NOISE_EMBEDDING = 64


class _Block(nn.Module):
    """A residual MLP block, modulated by the noise levels and an optional context."""

    def __init__(self, width: int, context: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.condition = nn.Linear(NOISE_EMBEDDING + context, 2 * width)
        self.enter = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.leave = nn.Linear(width, width)
        nn.init.zeros_(self.leave.weight)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.condition(embedding).chunk(2, dim=-1)
        modulated = self.norm(features) * (1 + scale) + shift
        out: Tensor = features + self.leave(self.dropout(nn.functional.silu(self.enter(modulated))))
        return out


class Denoiser(nn.Module):
    """Expected clean numbers, given noisy ones; the clean ones have zero mean and unit variance over the data.

    The network sees the noisy numbers scaled to unit variance and the logarithms of the noise levels, and its output
    is mixed with its input by noise level (the preconditioning of Karras et al., NeurIPS 2022, table 1). Levels may
    differ between joints, so that known joints can be nearly clean while the others are noisy (as in Diffusion Forcing,
    Chen et al., NeurIPS 2024). A context, for example a text, is given as a vector.
    """

    def __init__(
        self, joints: int, numbers: int, width: int = 512, depth: int = 3, dropout: float = 0.0, context: int = 0
    ) -> None:
        super().__init__()
        levels = nn.Linear(joints, NOISE_EMBEDDING), nn.Linear(NOISE_EMBEDDING, NOISE_EMBEDDING)
        self.noise = nn.Sequential(levels[0], nn.SiLU(), levels[1], nn.SiLU())
        self.enter = nn.Linear(joints * numbers, width)
        self.blocks = nn.ModuleList(_Block(width, context, dropout) for _ in range(depth))
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, joints * numbers))

    def forward(
        self,
        noisy: Float[Tensor, "*batch joints numbers"],
        noise_level: Float[Tensor, "*#batch #joints"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> Float[Tensor, "*batch joints numbers"]:
        """Denoise, given the standard deviation of the noise of each joint (or one for all joints), and the context.

        Args:
            noisy: numbers of each joint, with noise.
            noise_level: standard deviation of the noise, of each joint or of all.
            context: optional context vector.

        Returns:
            Expected clean numbers, in the preconditioned form of Karras et al. (NeurIPS 2022, eq. 7).
        """
        sigma = noise_level.to(noisy)
        sigma = sigma.expand(*sigma.shape[:-1], noisy.shape[-2])
        spread = (1 + sigma.square()).sqrt().unsqueeze(-1)
        features = self.enter((noisy / spread).flatten(-2))
        embedding = self.noise(sigma.log() / 4)
        if context is not None:
            embedding = torch.cat([embedding.expand(*context.shape[:-1], -1), context], dim=-1)
        for block in self.blocks:
            features = block(features, embedding)
        leaving = self.leave(features).unflatten(-1, noisy.shape[-2:])
        denoised: Tensor = noisy / spread.square() + sigma.unsqueeze(-1) / spread * leaving
        return denoised


def denoising_error(
    denoised: Float[Tensor, "*batch joints numbers"],
    clean: Float[Tensor, "*batch joints numbers"],
    noise_level: Float[Tensor, "*#batch #joints"],
) -> Float[Tensor, " *batch"]:
    """Squared error in the units in which the network's own output has unit variance (Karras et al., table 1).

    Args:
        denoised: output of the network.
        clean: true values.
        noise_level: standard deviation of the added noise.

    Returns:
        Mean over joints and numbers, one for each member of the batch.
    """
    weight = (1 + noise_level.square()) / noise_level.square()
    return (weight.unsqueeze(-1) * (denoised - clean).square()).mean((-1, -2))
