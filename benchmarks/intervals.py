"""Bootstrap 95 % intervals (Efron, 1979; percentiles): the variation of a figure over poses of the same people.

Correlated values, such as those of one sequence, are resampled in whole groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

DRAWS = 2000
ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """``value [low, high]``, each number formatted by ``spec``."""
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def mean_interval(values: Float[Tensor, " values"], groups: Int[Tensor, " values"] | None = None) -> Interval:
    """Mean with its interval; use paired differences to compare two methods on the same poses.

    Args:
        values: one for each pose.
        groups: group of each value; if given, whole groups are resampled.

    Returns:
        The mean and its interval.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("the mean needs at least one value")
    generator = torch.Generator().manual_seed(0)
    if groups is None:
        drawn = torch.randint(len(values), (DRAWS, len(values)), generator=generator)
        return _interval(values.mean(), values[drawn].mean(-1))
    member, number = _numbered(groups)
    times = torch.stack([_times_drawn(number, generator) for _ in range(DRAWS)])[:, member]
    return _interval(values.mean(), times @ values.double() / times.sum(-1))


def auroc_interval(
    low: Float[Tensor, " negatives"],
    high: Float[Tensor, " positives"],
    groups: Int[Tensor, " negatives"] | None = None,
) -> Interval:
    """Area under the ROC curve: probability that a positive scores higher than a negative; ties count half.

    Both sets are resampled. A draw is represented by the count of each score, so draws need no sorting.

    Args:
        low: scores of negatives.
        high: scores of positives.
        groups: group of each pair of a negative and the positive of the same index; whole groups are resampled if
            given, the same of both sets.

    Returns:
        The area and its interval.

    Raises:
        ValueError: a set is empty, or there are groups and the sets differ in size.
    """
    if not len(low) or not len(high):
        raise ValueError(f"each set needs scores: there are {len(low)} and {len(high)}")
    if groups is not None and not len(groups) == len(low) == len(high):
        raise ValueError(
            f"both sets need a group for each score: {len(groups)} are given for {len(low)} and {len(high)}"
        )
    generator = torch.Generator().manual_seed(0)
    numbered = None if groups is None else _numbered(groups)
    ordered, order = low.sort()
    below, at_most = (torch.searchsorted(ordered.contiguous(), high, right=right) for right in (False, True))

    def area(times_low: Tensor, times_high: Tensor) -> Tensor:
        counts = torch.nn.functional.pad(times_low.cumsum(-1), (1, 0))
        beaten = 0.5 * (counts[..., below] + counts[..., at_most])
        return (times_high * beaten).sum(-1) / (times_low.sum(-1) * times_high.sum(-1))

    def draw() -> Tensor:
        if numbered is None:
            return area(_times_drawn(len(low), generator), _times_drawn(len(high), generator))
        member, number = numbered
        times = _times_drawn(number, generator)[member]
        return area(times[order], times)

    whole = area(torch.ones(len(low)).double(), torch.ones(len(high)).double())
    return _interval(whole, torch.stack([draw() for _ in range(DRAWS)]))


def _numbered(groups: Int[Tensor, " members"]) -> tuple[Int[Tensor, " members"], int]:
    """Group indices from 0, and the number of groups."""
    values, member = groups.unique(return_inverse=True)
    return member, len(values)


def _times_drawn(size: int, generator: torch.Generator) -> Float[Tensor, " size"]:
    """Count of each member in a draw with replacement."""
    return torch.randint(size, (size,), generator=generator).bincount(minlength=size).double()


def _interval(value: Tensor, draws: Float[Tensor, " draws"]) -> Interval:
    low, high = draws.quantile(torch.tensor(ENDS).to(draws)).tolist()
    return Interval(value.item(), low, high)
