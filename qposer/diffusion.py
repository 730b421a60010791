"""Drawing from a denoiser: from noise to clean numbers, step by step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

HIGHEST, LOWEST = 20.0, 0.02
"""Standard deviations at which data of unit variance is as good as gone, and as good as clean."""

Denoise = Callable[[Float[Tensor, "*batch joints numbers"], Float[Tensor, "*#batch joints"]], Tensor]


def noise_levels(
    steps: int, highest: float = HIGHEST, lowest: float = LOWEST, curvature: float = 7.0
) -> Float[Tensor, "steps"]:
    """Falling noise levels, denser where they are low (Karras et al., NeurIPS 2022, eq. 5)."""
    part = torch.linspace(0.0, 1.0, steps)
    ends = highest ** (1 / curvature), lowest ** (1 / curvature)
    return (ends[0] + part * (ends[1] - ends[0])) ** curvature


@torch.no_grad()
def denoise_stepwise(
    denoise: Denoise,
    noisy: Float[Tensor, "*batch joints numbers"],
    levels: Float[Tensor, "steps"],
    known: Bool[Tensor, "joints"] | None = None,
) -> Float[Tensor, "*batch joints numbers"]:
    """Take all noise off: Lu et al.'s solver of second order with one denoising a step (DPM-Solver++(2M), 2022).

    Args:
        denoise: expected clean numbers, given noisy ones and the noise level of every joint.
        noisy: numbers with noise of the first level; clean ones at the known joints. It decides what comes out.
        levels: of the noise, falling.
        known: joints that stay as they are and are shown to the denoiser as clean.
    """
    hold = torch.zeros(noisy.shape[-2], dtype=torch.bool) if known is None else known
    hold = hold.to(noisy.device)
    given, before, step_before = noisy, None, math.inf
    for level, below in itertools.pairwise([*levels.tolist(), 0.0]):
        shown = torch.where(hold, LOWEST, level).to(noisy)
        expected = denoise(noisy, shown.expand(noisy.shape[:-1]))
        step = math.log(level / below) if below else math.inf
        ahead = expected
        if before is not None and below:
            ahead = expected + step / (2 * step_before) * (expected - before)
        moved = torch.lerp(ahead, noisy, below / level)
        noisy, before, step_before = torch.where(hold[:, None], given, moved), expected, step
    return noisy
