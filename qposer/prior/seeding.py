"""Random draws that a seed or a generator decides."""

from __future__ import annotations

import torch


def generator_of(seed: int, generator: torch.Generator | None = None) -> torch.Generator:
    """The generator that was given, or else a new one with the seed.

    Args:
        seed: of the new generator.
        generator: is returned as it is, unless None.

    Returns:
        A generator on the CPU, or the given one.

    Raises:
        ValueError: the seed is needed, and is negative or does not fit 63 bits.
    """
    if generator is not None:
        return generator
    if not 0 <= seed < 2**63:
        raise ValueError(f"a seed is a whole number from 0 to 2^63 - 1, not {seed}")
    return torch.Generator().manual_seed(seed)
