"""The ages of people, for bodies whose shapes differ by age: a fit from each, as none finds a child from an adult."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.optimise.initialize import stature
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.problem import Estimate, Problem, Stage
from fitting.terms.grouped_shape import GroupedShape
from fitting.terms.term import Term


def at_each_age(body: Body, problem: Problem, estimate: Estimate) -> tuple[Problem, Estimate]:
    """Every person with the mean shape of each age group, equally large in the image.

    Args:
        body: body model with age groups.
        problem: keypoints and camera.
        estimate: initial bodies.

    Returns:
        The same people in each group, the youngest group first.
    """
    assert problem.groups is not None
    people, means = len(estimate.transl), torch.from_numpy(problem.groups.means).to(estimate.transl)
    group = torch.arange(len(means), device=means.device).repeat_interleave(people)
    rows = torch.arange(len(group), device=means.device) % people
    before, betas = estimate[rows], means[group]
    size = (stature(body, betas) / stature(body, before.betas))[:, None]
    transl = size * (before.transl + _pelvis(body, before.betas)) - _pelvis(body, betas)
    after = dataclasses.replace(before, betas=betas, transl=transl)
    found = problem[rows]
    depths = None if found.depths is None else size * found.depths
    return dataclasses.replace(found, group=group, depths=depths), after


@torch.no_grad()
def median_age(
    solver: LevenbergMarquardt, stage: Stage, problem: Problem, estimate: Estimate, people: int
) -> tuple[Problem, Estimate]:
    """The fit of each person's median age.

    All age groups are equally frequent. The probability of one is its marginal likelihood in Laplace's
    approximation: the shape's weight sets the scale of the cost, so that it is the negative log density of the shape.
    A detector's depths do not count: their differences are smaller in smaller people.

    Args:
        solver: optimiser of the fits.
        stage: stage whose cost compares them; the root and the shape are free.
        problem: people in each group, the youngest first.
        estimate: their fits.
        people: number of people.

    Returns:
        One fit for each person.
    """
    least = problem.prior_scale.unflatten(0, (-1, people)).amin(0).repeat(len(problem.prior_scale) // people)
    fit = solver.stage_problem(stage, dataclasses.replace(problem, prior_scale=least, depths=None), estimate)
    state, scale = fit.posed(estimate), 2 * solver.weights.grouped_shape * least
    assembly = fit.assembled(state)
    free = assembly.places["betas"]
    curvature = assembly.equations().curvature.double()
    root = torch.ones(curvature.shape[-1], dtype=torch.bool, device=curvature.device)
    root[free] = False
    by_root = curvature[:, root][:, :, root]
    across = curvature[:, root][:, :, free]
    marginal = curvature[:, free, free] - across.mT @ torch.linalg.solve(by_root, across)
    information = torch.linalg.slogdet(marginal / scale[:, None, None]).logabsdet
    evidence = _log_density(fit.terms) - fit.cost(state) / scale - information / 2
    below = evidence.unflatten(0, (-1, people)).softmax(0).cumsum(0)
    rows = (below < 0.5).sum(0).clamp(max=len(below) - 1) * people + torch.arange(people, device=below.device)
    return problem[rows], estimate[rows]


def _log_density(terms: Sequence[Term]) -> Float[Tensor, " people"]:
    """Logarithm of the shapes' density at the mean of their group, up to a constant."""
    (prior,) = (term for term in terms if isinstance(term, GroupedShape))
    density: Tensor = torch.linalg.slogdet(prior.roots.double()).logabsdet[prior.group]
    return density


def _pelvis(body: Body, betas: Float[Tensor, "people shapes"]) -> Float[Tensor, "people 3"]:
    rest = betas.new_zeros(len(betas), 22, 3)
    pelvis: Tensor = body.posed_landmarks(rest[:, 0], rest[:, 1:], betas).joints[:, 0]
    return pelvis
