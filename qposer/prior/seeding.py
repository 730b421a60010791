"""Random generators from seeds, and noise from generators."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def generator_of(seed: int, generator: torch.Generator | None = None) -> torch.Generator:
    """The given generator, or a new one with the seed.

    Args:
        seed: seed of the new generator.
        generator: returned unless None.

    Returns:
        A generator on the CPU, or the given one.

    Raises:
        ValueError: the seed is used, and is negative or exceeds 63 bits.
    """
    if generator is not None:
        return generator
    if not 0 <= seed < 2**63:
        raise ValueError(f"a seed must be an integer from 0 to 2^63 - 1, not {seed}")
    return torch.Generator().manual_seed(seed)


def normal_noise(shape: Sequence[int], like: Tensor, generator: torch.Generator) -> Float[Tensor, "..."]:
    """Standard normal noise, drawn on the generator's device: a generator on the CPU gives all devices the same.

    Args:
        shape: shape of the noise.
        like: a tensor of the result's device and precision.
        generator: random generator.

    Returns:
        Noise of the given shape.
    """
    return torch.randn(*shape, generator=generator, device=generator.device, dtype=torch.float32).to(like)
