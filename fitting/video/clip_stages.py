"""Stages of a clip's fit: the motion alone, and again with feet that stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch

from fitting.models import FittingModels
from fitting.optimise.problem import Estimate, Problem, Stage
from fitting.optimise.reweighting import PriorScale, relative_residual, update_prior_scale
from fitting.optimise.schedule import POSE, WHOLE
from fitting.terms.contact import StandingFeet
from fitting.terms.smoothness import Smoothness
from fitting.terms.term import Term, Unknown
from fitting.video.clip_problem import ClipSolver
from fitting.video.clip_start import between

ROUGHNESS: dict[Unknown, float] = {"pose": 36.0, "orient": 360.0, "transl": 360.0, "residual": 360.0}
"""Weights of squared accelerations, per squared frame at 30 frames per second: of the latents, of the entries of the
rotation matrix, of metres, of radians."""

STAGES = (
    Stage(steps=3, free=POSE, rho=0.2, noise=(0.7, 0.7)),
    Stage(steps=3, free=WHOLE, rho=0.1, noise=(0.7, 0.2)),
)
"""Fewer steps than for a photo suffice, because the frames are coupled."""

SPARSE_FPS = 6.0
"""Frames of a smooth motion that are fitted in these stages, per second; the other frames start between them."""

ALL = Stage(steps=2, free=POSE, rho=0.1, noise=(0.3, 0.2))
"""Stage of all frames after it."""

RESIDUAL = Stage(steps=3, free=("orient", "transl", "residual"), rho=0.1)
"""Last stage, if residual rotations are enabled."""

PRIOR_SCALE = PriorScale(power=2, least=0.1, most=6.0)

CONTACT = Stage(steps=3, free=POSE, rho=0.1, noise=(0.2, 0.2))
"""Stage in which feet that stand stay, and are on the ground. More steps change nothing."""

FEET = dataclasses.replace(CONTACT, steps=2)
"""The same for a motion that only shows where the ground is and which feet stand."""

STEADY = 3.0
"""Factor on the weight of the position's accelerations in these stages."""

SETTLE = Stage(steps=2, free=("orient", "transl"), rho=0.1)
"""Stage after it, with fixed codes."""


def number_of_steps(models: FittingModels, windows: int, contact: bool, smooth: bool) -> int:
    """Steps of a clip's fit.

    Args:
        models: their settings say whether there are residual rotations.
        windows: number of windows of the clip.
        contact: whether feet are kept where they stand.
        smooth: whether frames are coupled.

    Returns:
        Steps of the shape's fit, and of all windows.
    """
    rough = sum(stage.steps for stage in STAGES)
    further = models.settings.residual * RESIDUAL.steps + smooth * ALL.steps
    return (1 + windows) * rough + windows * (further + contact * (FEET.steps + CONTACT.steps + _last(models).steps))


def fit_independent(
    models: FittingModels,
    problem: Problem,
    estimate: Estimate,
    on_step: Callable[[], None],
    free: tuple[Unknown, ...] = WHOLE,
) -> Estimate:
    """Fit frames that are not coupled, by default with one shape.

    Args:
        models: body, prior and settings.
        problem: keypoints of the frames.
        estimate: initial bodies, with one shape.
        on_step: called after every step.
        free: unknowns of the last stage.

    Returns:
        Shape and poses.
    """
    stages = STAGES[0], dataclasses.replace(STAGES[1], free=free)
    return _staged(_solver(models, problem, ()), stages, problem, estimate, on_step)


def fit_motion(
    models: FittingModels,
    problem: Problem,
    estimate: Estimate,
    fps: float,
    smoothness: float,
    on_step: Callable[[], None],
) -> Estimate:
    """Fit a motion to a given shape: first every few frames, and then all.

    Args:
        models: body, prior and settings.
        problem: keypoints of the frames.
        estimate: initial motion, with one shape.
        fps: frames per second.
        smoothness: factor on the smoothness weight; 0 for independent frames.
        on_step: called after every step.

    Returns:
        The motion.
    """
    solver = _solver(models, problem, _smooth(smoothness, fps))
    if smoothness == 0:
        estimate = fit_independent(models, problem, estimate, on_step, POSE)
    else:
        estimate = _sparse_motion(models, problem, estimate, fps, smoothness, on_step)
        estimate = solver.run(ALL, _rescaled(solver, problem, estimate), estimate, on_step)
    if not models.settings.residual:
        return estimate
    problem = _rescaled(solver, problem, estimate)
    return solver.run(
        RESIDUAL, problem, dataclasses.replace(estimate, pose=models.space.commit(estimate.pose)), on_step
    )


def _sparse_motion(
    models: FittingModels,
    problem: Problem,
    estimate: Estimate,
    fps: float,
    smoothness: float,
    on_step: Callable[[], None],
) -> Estimate:
    """Fit a few frames per second, and interpolate the others."""
    every, last = max(1, round(fps / SPARSE_FPS)), len(estimate.transl) - 1
    few = torch.arange(0, last + every, every, device=estimate.transl.device).clamp(max=last)
    solver = _solver(models, problem, _smooth(smoothness, fps / every))
    stages = [dataclasses.replace(stage, free=POSE) for stage in STAGES]
    parts = {name: value if name == "betas" else value[few] for name, value in vars(estimate).items()}
    return between(_staged(solver, stages, problem[few], Estimate(**parts), on_step), few)


def _solver(
    models: FittingModels,
    problem: Problem,
    smooth: Sequence[Smoothness],
    terms: Sequence[Term] = (),
    feet: StandingFeet | None = None,
) -> ClipSolver:
    """A solver with the terms of all clips and further ones."""
    settings = models.settings
    single = [*settings.all_terms(models.body, problem.format), *terms]
    return ClipSolver(models.body, models.space, settings.weights, settings.seed, smooth, single, feet)


def _staged(
    solver: ClipSolver, stages: Sequence[Stage], problem: Problem, estimate: Estimate, on_step: Callable[[], None]
) -> Estimate:
    """Run stages; after the first one all frames share one prior scale."""
    for number, stage in enumerate(stages):
        if number:
            problem = _rescaled(solver, problem, estimate)
        estimate = solver.run(stage, problem, estimate, on_step)
    return estimate


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
    terms, feet = contact
    smooth = [
        dataclasses.replace(term, weight=STEADY * term.weight) if term.unknown == "transl" else term
        for term in _smooth(smoothness, fps)
    ]
    solver = _solver(models, problem, smooth, terms, feet)
    problem = _rescaled(solver, problem, estimate)
    estimate = dataclasses.replace(estimate, residual=estimate.residual.new_zeros(estimate.residual.shape))
    if not last:
        return solver.run(FEET, problem, estimate, on_step)
    found = solver.run(CONTACT, problem, estimate, on_step)
    found = dataclasses.replace(found, pose=models.space.commit(found.pose))
    return solver.run(_last(models), problem, found, on_step)
