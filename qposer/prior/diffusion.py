"""Sampling with a denoiser, from noise to clean values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

SIGMA_MAX, SIGMA_MIN = 20.0, 0.02
"""Standard deviations of noise at which data of unit variance is practically lost, and practically clean."""

Denoise = Callable[[Float[Tensor, "*batch joints numbers"], Float[Tensor, "*#batch joints"]], Tensor]


def karras_sigmas(
    steps: int, highest: float = SIGMA_MAX, lowest: float = SIGMA_MIN, curvature: float = 7.0
) -> Float[Tensor, " steps"]:
    """Decreasing noise levels, denser at low levels (Karras et al., NeurIPS 2022, eq. 5).

    Args:
        steps: how many levels.
        highest: the first level, a standard deviation.
        lowest: the last level.
        curvature: the exponent rho of the paper; larger ones make low levels denser.

    Returns:
        Standard deviations, decreasing, on the CPU.
    """
    part = torch.linspace(0.0, 1.0, steps, device="cpu")
    ends = highest ** (1 / curvature), lowest ** (1 / curvature)
    levels: Tensor = (ends[0] + part * (ends[1] - ends[0])) ** curvature
    return levels


@torch.no_grad()
def dpm_solver(
    denoise: Denoise,
    noisy: Float[Tensor, "*batch joints numbers"],
    levels: Float[Tensor, " steps"],
    known: Bool[Tensor, " joints"] | None = None,
) -> Float[Tensor, "*batch joints numbers"]:
    """Denoise with Lu et al.'s second-order solver with one denoising per step (DPM-Solver++(2M), 2022).

    Args:
        denoise: expected clean numbers, given noisy ones and the noise level of every joint.
        noisy: values with noise of the first level, clean values at the known joints. They determine the result.
        levels: noise levels, decreasing.
        known: joints that stay unchanged and are clean input to the denoiser.

    Returns:
        Clean numbers.
    """
    hold = noisy.new_zeros(noisy.shape[-2], dtype=torch.bool) if known is None else known.to(noisy.device)
    given, before, step_before = noisy, None, math.inf
    for level, below in itertools.pairwise([*levels.tolist(), 0.0]):
        shown = torch.where(hold, SIGMA_MIN, level).to(noisy)
        expected = denoise(noisy, shown.expand(noisy.shape[:-1]))
        step = math.log(level / below) if below else math.inf
        ahead = expected
        if before is not None and below:
            ahead = expected + step / (2 * step_before) * (expected - before)
        moved = torch.lerp(ahead, noisy, below / level)
        noisy, before, step_before = torch.where(hold[:, None], given, moved), expected, step
    return noisy
