"""Bootstrap 95 % intervals (Efron, 1979; percentiles): how a figure would differ on other poses of the same people."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

DRAWS = 2000
ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Interval:
    """A figure and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """``value [low, high]``, each number formatted by ``spec``."""
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def mean_interval(values: Float[Tensor, "values"]) -> Interval:
    """The mean; that of paired differences compares two methods on the same poses.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("there are no values to take the mean of")
    drawn = torch.randint(len(values), (DRAWS, len(values)), generator=torch.Generator().manual_seed(0))
    return _interval(values.mean(), values[drawn].mean(-1))


def auroc_interval(low: Float[Tensor, "negatives"], high: Float[Tensor, "positives"]) -> Interval:
    """Area under the ROC curve: how often a positive scores higher than a negative, ties counted by half.

    Both sets are drawn anew. A draw is told by how often it holds each score, so no draw is sorted.

    Raises:
        ValueError: a set is empty.
    """
    if not len(low) or not len(high):
        raise ValueError(f"each set needs scores: there are {len(low)} and {len(high)}")
    generator = torch.Generator().manual_seed(0)
    ordered = low.sort().values.contiguous()
    below, at_most = (torch.searchsorted(ordered, high, right=right) for right in (False, True))

    def area(times_low: Tensor, times_high: Tensor) -> Tensor:
        counts = torch.nn.functional.pad(times_low.cumsum(-1), (1, 0))
        beaten = 0.5 * (counts[..., below] + counts[..., at_most])
        return (times_high * beaten).sum(-1) / (len(low) * len(high))

    draws = [area(_times_drawn(len(low), generator), _times_drawn(len(high), generator)) for _ in range(DRAWS)]
    return _interval(area(torch.ones(len(low)).double(), torch.ones(len(high)).double()), torch.stack(draws))


def _times_drawn(size: int, generator: torch.Generator) -> Float[Tensor, "size"]:
    """How often each member is in a draw with replacement."""
    return torch.randint(size, (size,), generator=generator).bincount(minlength=size).double()


def _interval(value: Tensor, draws: Float[Tensor, "draws"]) -> Interval:
    low, high = draws.quantile(torch.tensor(ENDS).to(draws)).tolist()
    return Interval(value.item(), low, high)
