"""Minimisation of a unimodal function of an integer."""

from __future__ import annotations

from collections.abc import Callable

FARTHEST = 10


def lowest(function: Callable[[int], float], start: int) -> tuple[int, dict[int, float]]:
    """Minimise a unimodal function of an integer by descent over neighbours.

    Args:
        function: function of an integer.
        start: initial value.

    Returns:
        The minimiser, and all computed values by argument.
    """
    values = {start: function(start)}
    best = start
    while True:
        for neighbour in (best - 1, best + 1):
            if neighbour not in values and abs(neighbour) <= FARTHEST:
                values[neighbour] = function(neighbour)
        lowest_seen = min(values, key=values.__getitem__)
        if lowest_seen == best:
            return best, values
        best = lowest_seen
