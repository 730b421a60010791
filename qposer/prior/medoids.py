"""Few of many that stand for them all: medoids, the members of a set that lie in the middle of its clusters."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROUNDS = 20
"""Of moving each medoid to the middle of its cluster; most sets come to rest within five."""


def medoids(distances: Float[Tensor, "*batch members members"], number: int) -> Int[Tensor, "*batch number"]:
    """Members near to which all others are, those of the largest clusters first.

    They are chosen one by one, each to lower the sum of the distances of all to their nearest as far as one can, and
    then moved to the middles of their clusters (Kaufman and Rousseeuw's first phase, 1987, then Park and Jun's, 2009).

    Args:
        distances: between the members of a set.
        number: how many.

    Returns:
        Indices of the chosen members.

    Raises:
        ValueError: there are fewer members.
    """
    members = distances.shape[-1]
    if not 1 <= number <= members:
        raise ValueError(f"{members} members have from 1 to {members} medoids, not {number}")
    chosen = _one_by_one(distances, number)
    each = torch.arange(number, device=distances.device)[:, None]
    for _ in range(ROUNDS):
        cluster = _rows(distances, chosen).argmin(-2)
        same = cluster[..., None] == cluster[..., None, :]
        apart = torch.where(same, distances, 0.0).sum(-1)
        inside = torch.where(cluster[..., None, :] == each, apart[..., None, :], torch.inf)
        moved = torch.where(inside.isinf().all(-1), chosen, inside.argmin(-1))
        if torch.equal(moved, chosen):
            break
        chosen = moved
    sizes = (_rows(distances, chosen).argmin(-2)[..., None, :] == each).sum(-1)
    return chosen.gather(-1, sizes.argsort(dim=-1, descending=True, stable=True))


def _one_by_one(distances: Float[Tensor, "*batch members members"], number: int) -> Int[Tensor, "*batch number"]:
    """The first member is nearest to all, and each of the next takes most off the distances that are left."""
    left = distances.new_full(distances.shape[:-1], torch.inf)
    chosen: list[Tensor] = []
    for _ in range(number):
        costs = torch.minimum(left[..., None, :], distances).sum(-1)
        costs = costs if not chosen else costs.scatter(-1, torch.stack(chosen, dim=-1), torch.inf)
        chosen.append(costs.argmin(-1))
        left = torch.minimum(left, _rows(distances, chosen[-1][..., None]).squeeze(-2))
    return torch.stack(chosen, dim=-1)


def _rows(
    distances: Float[Tensor, "*batch members members"], chosen: Int[Tensor, "*batch number"]
) -> Float[Tensor, "*batch number members"]:
    return distances.take_along_dim(chosen[..., None], dim=-2)
