"""Medoids: representative members of a set at the centres of its clusters."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.body_pose.articulation import Articulation
from qposer.body_pose.poses import as_matrices

ROUNDS = 20
"""Maximum number of iterations; most sets converge within five."""


def medoids(distances: Float[Tensor, "*batch members members"], number: int) -> Int[Tensor, "*batch number"]:
    """Select medoids, those of the largest clusters first.

    Greedy selection, which minimises the sum of distances to the nearest medoid, then moves to the cluster centres
    (Kaufman and Rousseeuw's first phase, 1987, then Park and Jun's, 2009).

    Args:
        distances: pairwise distances of the members of a set.
        number: number of medoids.

    Returns:
        Indices of the chosen members.

    Raises:
        ValueError: the set has fewer members.
    """
    members = distances.shape[-1]
    if not 1 <= number <= members:
        raise ValueError(f"the number of medoids must be from 1 to {members}, not {number}")
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
    """The first member is closest to all; each of the next reduces the remaining distances most."""
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


def pose_medoids(drawn: Float[Tensor, " drawn *pose"], n: int, articulation: Articulation) -> Float[Tensor, " n *pose"]:
    """The medoids of samples of each pose, by joint distances.

    Args:
        drawn: poses, axis-angle or matrices.
        n: number of medoids.
        articulation: the joints of the poses.

    Returns:
        The medoid of the largest cluster first.
    """
    by_joint = articulation.points(as_matrices(drawn, articulation)).movedim(0, -2)  # (*batch, points, drawn, 3)
    chosen = medoids(torch.cdist(by_joint, by_joint).mean(-3), n).movedim(-1, 0)
    return drawn.take_along_dim(chosen.reshape(*chosen.shape, *(1,) * (drawn.dim() - chosen.dim())), dim=0)
