"""Stages of a clip's fit: the motion alone, and again with feet that stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from fitting.models import FittingModels
from fitting.optimise.problem import Estimate, Problem, Stage
from fitting.optimise.reweighting import PriorScale, relative_residual, update_prior_scale
from fitting.optimise.schedule import POSE, WHOLE
from fitting.terms.contact import StandingFeet
from fitting.terms.penetration import ArmsInside
from fitting.terms.smoothness import Smoothness
from fitting.terms.term import Term, Unknown
from fitting.video.clip_problem import ClipSolver

ROUGHNESS: dict[Unknown, float] = {"pose": 36.0, "orient": 360.0, "transl": 360.0, "residual": 360.0}
"""Weights of squared accelerations, per squared frame at 30 frames per second: of the latents, of the entries of the
rotation matrix, of metres, of radians."""

STAGES = (
    Stage(steps=3, free=POSE, rho=0.2, noise=(0.7, 0.7)),
    Stage(steps=4, free=WHOLE, rho=0.1, noise=(0.7, 0.2)),
)
"""Fewer steps than for a photo suffice, because the frames are coupled."""

RESIDUAL = Stage(steps=3, free=("orient", "transl", "residual"), rho=0.1)
"""Last stage, if residual rotations are enabled."""

PRIOR_SCALE = PriorScale(power=2, least=0.1, most=6.0)

CONTACT = Stage(steps=3, free=POSE, rho=0.1, noise=(0.2, 0.2))
"""Stage in which feet that stand stay, and are on the ground. More steps change nothing."""

FEET = dataclasses.replace(CONTACT, steps=2)
"""The same for a motion that only shows where the ground is and which feet stand."""

ARMS = ArmsInside(0.01)
"""Keeps arms out of the body where the keypoints do not ask for it; a centimetre costs as much as one keypoint that is
off by 1.3 % of the height."""

STEADY = 3.0
"""Factor on the weight of the position's accelerations in these stages."""

SETTLE = Stage(steps=2, free=("orient", "transl"), rho=0.1)
"""Stage after it, with fixed codes."""


def number_of_steps(models: FittingModels, windows: int, contact: bool) -> int:
    """Steps of a clip's fit.

    Args:
        models: their settings say whether there are residual rotations.
        windows: number of windows of the clip.
        contact: whether feet are kept where they stand.

    Returns:
        Steps of the shape's fit, and of all windows.
    """
    rough = sum(stage.steps for stage in STAGES)
    further = models.settings.residual * RESIDUAL.steps
    return (1 + windows) * rough + windows * (further + contact * (FEET.steps + CONTACT.steps + _last(models).steps))


def improved(
    models: FittingModels,
    problem: Problem,
    estimate: Estimate,
    fps: float,
    smoothness: float,
    on_step: Callable[[], None],
    *,
    shape: bool = False,
) -> Estimate:
    """Fit shape and motion, or only the motion; after the first stage all frames share one prior scale.

    Args:
        models: body, prior and settings.
        problem: keypoints of the frames.
        estimate: initial shape and motion.
        fps: frames per second.
        smoothness: factor on the smoothness weight; 0 for independent frames.
        on_step: called after every step.
        shape: fit the shape, too, and no residual rotations.

    Returns:
        Shape and motion.
    """
    smooth = _smooth(smoothness, fps)
    settings = models.settings
    solver = ClipSolver(
        *(models.body, models.space, settings.weights, settings.seed, smooth),
        [ARMS, *settings.all_terms(models.body, problem.format)],
    )
    for number, stage in enumerate(STAGES):
        if number:
            problem = _rescaled(solver, problem, estimate)
        stage = stage if shape else dataclasses.replace(stage, free=POSE)
        estimate = solver.run(stage, problem, estimate, on_step)
    if shape or not settings.residual:
        return estimate
    return solver.run(
        RESIDUAL, problem, dataclasses.replace(estimate, pose=models.space.commit(estimate.pose)), on_step
    )


def _last(models: FittingModels) -> Stage:
    """The last stage with contact."""
    return RESIDUAL if models.settings.residual else SETTLE


def _smooth(smoothness: float, fps: float) -> list[Smoothness]:
    factor = smoothness * (fps / 30.0) ** 4
    return [Smoothness(unknown, factor * weight) for unknown, weight in ROUGHNESS.items()] if factor else []


def _rescaled(solver: ClipSolver, problem: Problem, estimate: Estimate) -> Problem:
    """The problem with the prior's scale for the median error of all frames."""
    error = relative_residual(solver.landmarks(problem, estimate), problem).nanmedian(0, keepdim=True).values
    return update_prior_scale(problem, error, PRIOR_SCALE)


def with_contact(
    models: FittingModels,
    problem: Problem,
    estimate: Estimate,
    fps: float,
    smoothness: float,
    on_step: Callable[[], None],
    contact: tuple[Sequence[Term], StandingFeet],
    *,
    last: bool,
) -> Estimate:
    """Fit a window's motion again, with feet that stand.

    Args:
        models: body, prior and settings.
        problem: keypoints of the window's frames.
        estimate: the motion without contact.
        fps: frames per second.
        smoothness: factor on the smoothness weight.
        on_step: called after every step.
        contact: terms of single frames, and the one that couples them.
        last: whether this is the result, for which there is another stage with fixed codes.

    Returns:
        The motion.
    """
    settings, (terms, feet) = models.settings, contact
    smooth = [
        dataclasses.replace(term, weight=STEADY * term.weight) if term.unknown == "transl" else term
        for term in _smooth(smoothness, fps)
    ]
    solver = ClipSolver(
        *(models.body, models.space, settings.weights, settings.seed, smooth),
        [ARMS, *settings.all_terms(models.body, problem.format), *terms],
        feet,
    )
    problem = _rescaled(solver, problem, estimate)
    estimate = dataclasses.replace(estimate, residual=estimate.residual.new_zeros(estimate.residual.shape))
    if not last:
        return solver.run(FEET, problem, estimate, on_step)
    found = solver.run(CONTACT, problem, estimate, on_step)
    found = dataclasses.replace(found, pose=models.space.commit(found.pose))
    return solver.run(_last(models), problem, found, on_step)
