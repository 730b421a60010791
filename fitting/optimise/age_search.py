"""One fit from each age for bodies whose shapes differ by age: from an adult's shape, a fit does not find a child's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from fitting.body.body import Body
from fitting.optimise.initialize import stature
from fitting.optimise.problem import Estimate, Problem, Stage, Weights
from fitting.terms.term import Posed


def at_each_age(body: Body, problem: Problem, estimate: Estimate) -> tuple[Problem, Estimate]:
    """The problem and the estimate of every person at each age, as large in the image.

    Args:
        body: body model with age groups.
        problem: keypoints and camera.
        estimate: initial bodies.

    Returns:
        The same people once for each group, groups first.
    """
    assert problem.groups is not None
    people, means = len(estimate.transl), torch.from_numpy(problem.groups.means).to(estimate.transl)
    rows = torch.arange(people * len(means), device=means.device)
    group = rows // people
    repeated, betas = estimate[rows % people], means[group]
    rest = means.new_zeros(len(rows), 22, 3)
    before, after = (body.landmarks_and_joints(rest[:, 0], rest[:, 1:], one)[1][:, 0] for one in (repeated.betas, betas))
    size = (stature(body, betas) / stature(body, repeated.betas))[:, None]
    transl = size * (repeated.transl + before) - after
    return dataclasses.replace(problem[rows % people], group=group), dataclasses.replace(
        repeated, betas=betas, transl=transl
    )


def most_probable(
    cost: Callable[[Problem, Estimate], torch.Tensor], problem: Problem, estimate: Estimate, people: int
) -> tuple[Problem, Estimate]:
    """The age of lowest cost for each person.

    Args:
        cost: cost of each body.
        problem: people at each age, groups first.
        estimate: their fits.
        people: number of people.

    Returns:
        One body for each person.
    """
    costs = cost(problem, estimate).unflatten(0, (-1, people))
    rows = costs.argmin(0) * people + torch.arange(people, device=costs.device)
    return problem[rows], estimate[rows]
