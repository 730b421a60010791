"""How much a fit says about the shape of a person."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.problem import Estimate, Problem
from fitting.optimise.shape_prior import ShapeEvidence
from fitting.optimise.uncertainty import STAGE
from fitting.terms.shape import Shape


@torch.no_grad()
def shape_evidence(
    solver: LevenbergMarquardt, problem: Problem, estimate: Estimate
) -> tuple[Float[Tensor, "people shapes shapes"], Float[Tensor, "people shapes"], Float[Tensor, " people"]]:
    """Curvature and slope of the objective by the shape, after all other unknowns have followed (Schur complement).

    The prior of shapes and the terms of the settings, such as a known height, are not part of it.

    Args:
        solver: body, pose space and weights.
        problem: keypoints and camera at the end of the fit.
        estimate: fitted parameters.

    Returns:
        Information and vector of `ShapeEvidence`, times the weight of one unit, and this weight.
    """
    plain = LevenbergMarquardt(solver.body, solver.space, solver.weights)
    stage = plain.stage_problem(STAGE, problem, estimate)
    state = stage.posed(estimate)
    stage.begin_step(0, state)
    stage.all_terms = [term for term in stage.all_terms if not isinstance(term, Shape)]
    assembly = stage.assembled(state)
    equations = assembly.equations().sharing(assembly.places["betas"])
    whole = assembly.curvature[:, assembly.places["betas"], assembly.places["betas"]]
    slope = assembly.slope[:, assembly.places["betas"]]
    assert equations.border is not None
    follows = torch.linalg.solve(equations.curvature, equations.border)
    curvature = whole - equations.border.mT @ follows
    slope = slope - (follows.mT @ equations.slope[..., None]).squeeze(-1)
    vector = (curvature @ estimate.betas.double()[..., None]).squeeze(-1) - slope
    return curvature, vector, 2 * solver.weights.shape * problem.prior_scale.double()


def evidence_of_people(solver: LevenbergMarquardt, problem: Problem, estimate: Estimate) -> list[ShapeEvidence]:
    """The evidence of single pictures, one for each person.

    Args:
        solver: body, pose space and weights.
        problem: keypoints and camera at the end of the fit.
        estimate: fitted parameters.

    Returns:
        One for each person.
    """
    found = zip(*shape_evidence(solver, problem, estimate), strict=True)
    return [ShapeEvidence((lam / unit).cpu().numpy(), (vec / unit).cpu().numpy()) for lam, vec, unit in found]


def evidence_of_frames(solver: LevenbergMarquardt, problem: Problem, estimate: Estimate) -> ShapeEvidence:
    """The evidence of a clip of one person: the mean over its frames, whose errors are much alike.

    The fit of a clip weighs the prior of shapes against the mean in the same way.

    Args:
        solver: body, pose space and weights.
        problem: keypoints and camera of the frames.
        estimate: fitted parameters.

    Returns:
        The evidence.
    """
    curvature, vector, unit = (one.sum(0) for one in shape_evidence(solver, problem, estimate))
    return ShapeEvidence((curvature / unit).cpu().numpy(), (vector / unit).cpu().numpy())
