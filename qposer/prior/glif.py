"""Global-local feature integration (GLIF): per-joint features, coupled by one whole-body feature.

A local feature depends only on itself and on a small global feature that attention gathers from all joints. Information
thus stays at a joint, and reaches other joints only through the global feature.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from qposer.prior.initialization import scaled_normal


class JointLinear(nn.Module):
    """A linear layer with separate weights for every joint."""

    def __init__(self, joints: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(scaled_normal(joints, inputs, outputs, fan_in=inputs))
        self.bias = nn.Parameter(torch.zeros(joints, outputs))

    def forward(self, features: Float[Tensor, "batch joints inputs"]) -> Float[Tensor, "batch joints outputs"]:
        """Map every joint's features with its own weights."""
        return torch.baddbmm(self.bias[:, None], features.transpose(0, 1), self.weight).transpose(0, 1)


class GLIFBlock(nn.Module):
    """Gather a global feature by attention, integrate it into each local feature, then refine each on its own."""

    def __init__(self, width: int, global_tokens: int, attention_heads: int) -> None:
        super().__init__()
        if global_tokens and (attention_heads < 1 or width % attention_heads):
            raise ValueError(f"a width of {width} cannot be divided among {attention_heads} attention heads")
        self.attention_heads = attention_heads
        self.global_tokens = global_tokens
        if global_tokens:
            self.queries = nn.Parameter(scaled_normal(global_tokens, width, fan_in=width))
            self.gather_norm = nn.LayerNorm(width)
            self.key_value = nn.Linear(width, 2 * width)
            self.summarise = nn.Sequential(
                nn.Linear(global_tokens * width, 2 * width), nn.GELU(), nn.Linear(2 * width, 2 * width)
            )
        self.local_norm = nn.LayerNorm(width)
        self.local = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, local: Float[Tensor, "batch joints width"]) -> Float[Tensor, "batch joints width"]:
        """Refined local features; without global tokens, each is refined independently."""
        normed = self.local_norm(local)
        if self.global_tokens:
            scale, shift = self._global(local).unsqueeze(1).chunk(2, dim=-1)
            normed = normed * (1 + scale) + shift
        out: Tensor = local + self.local(normed)
        return out

    def _global(self, local: Float[Tensor, "batch joints width"]) -> Float[Tensor, "batch modulation"]:
        batch = local.shape[0]
        key, value = self.key_value(self.gather_norm(local)).unflatten(-1, (2, self.attention_heads, -1)).unbind(-3)
        query = self.queries.unflatten(-1, (self.attention_heads, -1)).expand(batch, -1, -1, -1)
        gathered = F.scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))
        summary: Tensor = self.summarise(gathered.transpose(1, 2).flatten(1))
        return summary


class GLIFStack(nn.Module):
    """Maps per-joint vectors to per-joint vectors through GLIF blocks."""

    def __init__(
        self, joints: int, inputs: int, outputs: int, width: int, depth: int, global_tokens: int, attention_heads: int
    ) -> None:
        super().__init__()
        self.embed = JointLinear(joints, inputs, width)
        self.blocks = nn.ModuleList(GLIFBlock(width, global_tokens, attention_heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.project = JointLinear(joints, width, outputs)

    def forward(self, features: Float[Tensor, "batch joints inputs"]) -> Float[Tensor, "batch joints outputs"]:
        """Map a batch of per-joint vectors."""
        local = self.embed(features)
        for block in self.blocks:
            local = block(local)
        out: Tensor = self.project(self.norm(local))
        return out
