"""Multi-head vector quantisation: each head of a latent has its own codebook."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from qposer.prior.initialization import scaled_normal


class MultiHeadQuantizer(nn.Module):
    """Codebooks of ``heads`` heads with ``codes`` entries of ``dim`` numbers each; one for all heads if ``shared``.

    The codebooks are not learned by gradient: they follow the latents assigned to them by exponential moving averages
    (van den Oord et al., NeurIPS 2017, appendix A.1), and unused codes are moved onto latents.
    """

    codebooks: Tensor
    usage: Tensor
    sums: Tensor

    def __init__(self, heads: int, codes: int, dim: int, shared: bool = False) -> None:
        super().__init__()
        self.heads, self.codes, self.dim, self.shared = heads, codes, dim, shared
        codebooks = scaled_normal(1 if shared else heads, codes, dim, fan_in=dim)
        codebooks = codebooks.expand(heads, -1, -1).contiguous()
        self.register_buffer("codebooks", codebooks)
        self.register_buffer("usage", torch.ones(heads, codes), persistent=False)
        self.register_buffer("sums", codebooks.clone(), persistent=False)

    def squared_distances(self, latents: Float[Tensor, "*batch heads dim"]) -> Float[Tensor, "*batch heads codes"]:
        """Squared distance of every head's latent to every code of its codebook."""
        products = torch.einsum("...hd,hkd->...hk", latents, self.codebooks)
        return latents.square().sum(-1, keepdim=True) - 2 * products + self.codebooks.square().sum(-1)

    def nearest(self, latents: Float[Tensor, "*batch heads dim"]) -> Int[Tensor, "*batch heads"]:
        """Index of the nearest code in each head."""
        if self.dim > 1:
            return self._scores(latents).argmax(-1)
        ordered, order = self.codebooks.squeeze(-1).sort(-1)
        midpoints = (ordered[:, 1:] + ordered[:, :-1]) / 2
        by_head = latents.detach().reshape(-1, self.heads).T.contiguous()
        return order.gather(1, torch.searchsorted(midpoints, by_head)).T.reshape(latents.shape[:-1])

    def _scores(self, latents: Float[Tensor, "*batch heads dim"]) -> Float[Tensor, "*batch heads codes"]:
        """Negative half squared distances up to a term independent of the code, as one matrix product."""
        flat = latents.reshape(-1, self.heads, self.dim).transpose(0, 1)
        offset = self.codebooks.square().sum(-1).unsqueeze(1)
        scores = torch.baddbmm(offset, flat, self.codebooks.transpose(1, 2), beta=-0.5)
        return scores.transpose(0, 1).reshape(*latents.shape[:-1], self.codes)

    def logits(self, latents: Float[Tensor, "*batch heads dim"]) -> Float[Tensor, "*batch heads codes"]:
        """Logits over codes of latents: lower for more distant codes, in units of the codebook's spacing.

        ``relaxed(logits(z), temperature)`` smooths the codebook around ``z``: over about a code's neighbours at
        temperature 1, and down to the nearest code alone as the temperature falls to zero.
        """
        distances = torch.cdist(self.codebooks, self.codebooks)
        spacing = distances.topk(2, largest=False).values[..., 1].square().mean(-1)
        return -self.squared_distances(latents) / (2 * spacing[:, None])

    def lookup(self, codes: Int[Tensor, "*batch heads"]) -> Float[Tensor, "*batch heads dim"]:
        """Codebook entries of the given indices."""
        head = torch.arange(self.heads, device=codes.device)
        return self.codebooks[head, codes.long()]

    def relaxed(
        self, logits: Float[Tensor, "*batch heads codes"], temperature: float = 1.0
    ) -> Float[Tensor, "*batch heads dim"]:
        """Points in the simplices over the codebooks: softmax of ``logits / temperature``, times the codes.

        Args:
            logits: logits over the codes of each head.
            temperature: temperature of the softmax.

        Returns:
            Weighted means of the codes.
        """
        return torch.einsum("...hk,hkd->...hd", torch.softmax(logits / temperature, dim=-1), self.codebooks)

    def forward(self, latents: Float[Tensor, "*batch heads dim"]) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise with a straight-through gradient.

        Returns:
            The quantised latents, the codes, and the commitment loss (mean squared distance of latents to their codes).
        """
        codes = self.nearest(latents)
        entries = self.lookup(codes)
        commitment = F.mse_loss(latents, entries)
        return latents + (entries - latents).detach(), codes, commitment

    @torch.no_grad()
    def update(
        self,
        latents: Float[Tensor, "*batch heads dim"],
        codes: Int[Tensor, "*batch heads"],
        generator: torch.Generator,
        decay: float = 0.99,
        dead_below: float = 0.4,
    ) -> None:
        """Move each code towards the mean of the latents assigned to it.

        Args:
            latents: a batch of latents.
            codes: their assigned codes.
            generator: selects the latents that replace unused codes.
            decay: decay of the moving averages.
            dead_below: codes with less than this fraction of an even share of assignments are replaced.
        """
        latents, codes = latents.reshape(-1, self.heads, self.dim), codes.reshape(-1, self.heads)
        count, total = torch.zeros_like(self.usage), torch.zeros_like(self.sums)
        count.scatter_add_(1, codes.T, torch.ones_like(codes.T, dtype=count.dtype))
        total.scatter_add_(1, codes.T[..., None].expand(-1, -1, self.dim), latents.transpose(0, 1))
        if self.shared:
            count, total = (value.mean(0, keepdim=True).expand_as(value) for value in (count, total))
        even_share = len(latents) / self.codes
        self.usage.lerp_(count / even_share, 1 - decay)
        self.sums.lerp_(total / even_share, 1 - decay)
        self.codebooks.copy_(self.sums / self.usage.clamp(min=1e-6)[..., None])

        head, code = torch.nonzero(self.usage < dead_below, as_tuple=True)
        if len(head):
            drawn = torch.randint(len(latents), self.usage.shape, generator=generator, device=generator.device)
            source, donor = (head * 0, drawn[0, code]) if self.shared else (head, drawn[head, code])
            self.codebooks[head, code] = latents[donor.to(head.device), source]
            self.usage[head, code] = 1.0
            self.sums[head, code] = self.codebooks[head, code]


def perplexity(codes: Int[Tensor, "*batch heads"], size: int) -> Float[Tensor, " heads"]:
    """Effective number of codes used by each head: the exponential of the entropy of their frequencies.

    Args:
        codes: codes of any number of poses.
        size: number of codes in a codebook.

    Returns:
        From 1 (a single code) to ``size`` (all codes equally often).
    """
    flat = codes.reshape(-1, codes.shape[-1])
    counts = torch.stack([torch.bincount(head, minlength=size) for head in flat.T])
    frequency = counts / counts.sum(-1, keepdim=True)
    perplexity: Tensor = torch.special.entr(frequency).sum(-1).exp()
    return perplexity
