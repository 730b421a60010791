"""Random generators from seeds."""

from __future__ import annotations

import torch


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
