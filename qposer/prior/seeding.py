"""Random draws that a seed or a generator decides."""

from __future__ import annotations

import torch


def generator_of(seed: int, generator: torch.Generator | None) -> torch.Generator:
    """The generator that was given, or else a new one with the seed.

    Args:
        seed: of the new generator.
        generator: is returned as it is, unless None.

    Returns:
        A generator on the CPU, or the given one.
    """
    return torch.Generator().manual_seed(seed) if generator is None else generator
