"""The choice of one number by an error with a single valley."""

from __future__ import annotations

from collections.abc import Callable

FARTHEST = 10


def lowest(function: Callable[[int], float], start: int) -> tuple[int, dict[int, float]]:
    """The whole number where a function with one valley is lowest, walking downhill; and all values that were seen.

    Args:
        function: of whole numbers.
        start: where the walk begins.

    Returns:
        The number, and values by number.
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
