"""The stages of a fit, from coarse to fine, and the quantisation to codes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.age_search import at_each_age, median_age
from fitting.optimise.initialize import initialize
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.pose_space import PoseSpace, RelaxedCodes
from fitting.optimise.problem import Estimate, Problem, Stage
from fitting.optimise.regressor import Regressor
from fitting.optimise.reweighting import PriorScale, reject_outliers, relative_residual, update_prior_scale
from fitting.optimise.settings import FitSettings
from fitting.optimise.start import Start
from fitting.terms.term import Unknown

POSE: tuple[Unknown, ...] = ("orient", "transl", "pose")
WHOLE: tuple[Unknown, ...] = ("orient", "transl", "betas", "pose")
ROOT_AND_SHAPE: tuple[Unknown, ...] = ("orient", "transl", "betas")


@dataclass(frozen=True)
class Schedule:
    """The stages of a fit."""

    coarse: Stage
    fine: tuple[Stage, ...]
    """Keypoints are tested for outliers before each."""
    settle: Stage
    """Refinement with fixed codes."""
    prior_scale: PriorScale

    @property
    def uncommitted(self) -> tuple[Stage, ...]:
        """The stages before the quantisation."""
        return self.coarse, *self.fine

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages in order."""
        return *self.uncommitted, self.settle

    @property
    def steps(self) -> int:
        """Total number of steps."""
        return sum(stage.steps for stage in self.stages)

    def each(self, change: Callable[[Stage], Stage]) -> Schedule:
        """The schedule with every stage changed."""
        fine = tuple(map(change, self.fine))
        return dataclasses.replace(self, coarse=change(self.coarse), fine=fine, settle=change(self.settle))


SCHEDULE = Schedule(
    coarse=Stage(steps=6, free=POSE, rho=0.2, noise=(0.7, 0.7)),
    fine=(
        Stage(steps=7, free=WHOLE, rho=0.05, noise=(0.7, 0.35)),
        Stage(steps=7, free=WHOLE, rho=0.05, noise=(0.35, 0.2)),
    ),
    settle=Stage(steps=3, free=ROOT_AND_SHAPE, rho=0.05),
    prior_scale=PriorScale(power=4, least=0.005, most=4.0),
)
"""The schedule for second-order optimisation."""

RESIDUAL = Stage(steps=5, free=(*ROOT_AND_SHAPE, "residual"), rho=0.05)
"""Last stage, if residual rotations are enabled."""


def total_steps(settings: FitSettings, hypotheses: int = 1) -> int:
    """Number of calls of ``on_step`` in a fit.

    Args:
        settings: settings of the fit.
        hypotheses: maximum number of bodies for each person.

    Returns:
        The number of steps.
    """
    return SCHEDULE.steps * (1 + (hypotheses > 1)) + settings.residual * RESIDUAL.steps


@runtime_checkable
class StageSolver(Protocol):
    """An optimiser that runs a stage."""

    @property
    def body(self) -> Body:
        """The body model."""

    @property
    def space(self) -> PoseSpace:
        """The pose space."""

    def run(self, stage: Stage, problem: Problem, start: Estimate, on_step: Callable[[], None]) -> Estimate:
        """Improve an estimate.

        Args:
            stage: stage to run.
            problem: keypoints and camera.
            start: initial estimate.
            on_step: called after every step.

        Returns:
            The improved estimate.
        """
        ...

    def landmarks(self, problem: Problem, estimate: Estimate) -> Float[Tensor, "people joints 3"]:
        """Positions of an estimate's landmarks, in camera axes.

        Args:
            problem: keypoints and camera.
            estimate: parameters.

        Returns:
            Metres.
        """
        ...


def solve(
    body: Body,
    space: RelaxedCodes,
    regressor: Regressor,
    keypoints: Keypoints,
    camera: Camera,
    settings: FitSettings,
    on_step: Callable[[], None] = lambda: None,
    start: Start | None = None,
) -> tuple[Problem, Estimate]:
    """Fit all people in ``keypoints``, each with its own camera; the returned poses are quantised.

    Args:
        body: body model to fit.
        space: pose space.
        regressor: predicts the initial orientation and pose.
        keypoints: keypoints of at least one person.
        camera: one for each person.
        settings: settings of the fit.
        on_step: called after every step.
        start: initial bodies instead of the regressor's; the fit stays close to them where the keypoints allow it.

    Returns:
        The problem and the fitted parameters.
    """
    problem, estimate = initialize(body, space, regressor, keypoints, camera, start, settings.height, settings.shape)
    problem = settings.applied_to(problem, upright=start is None)
    solver = LevenbergMarquardt(body, space, settings.weights, settings.seed, settings.all_terms(body, problem.format))
    if problem.groups is not None and settings.age is not None:
        problem = dataclasses.replace(problem, groups=problem.groups.at(settings.age))
    known = settings.height is not None or (start is not None and start.betas is not None)
    by_age = problem.groups is not None and not known
    if by_age:
        problem, estimate = at_each_age(body, problem, estimate)
    problem, estimate = refine(solver, SCHEDULE, problem, estimate, regressor if start is None else None, on_step)
    if by_age:
        problem, estimate = median_age(solver, SCHEDULE.settle, problem, estimate, len(keypoints))
    if settings.residual:
        estimate = solver.run(RESIDUAL, problem, estimate, on_step)
    return problem, estimate


def refine(
    solver: StageSolver,
    course: Schedule,
    problem: Problem,
    estimate: Estimate,
    regressor: Regressor | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[Problem, Estimate]:
    """Run the stages from an estimate.

    Args:
        solver: optimiser for these stages.
        course: the stages to run.
        problem: keypoints and camera.
        estimate: initial estimate.
        regressor: updates the predicted poses from the keypoints accepted after the coarse stage; None keeps them.
        on_step: called after every step.

    Returns:
        The problem of the last stage and the final estimate.
    """
    estimate = solver.run(course.coarse, problem, estimate, on_step)
    problem = reject_outliers(problem, solver.landmarks(problem, estimate), solver.body, regressor)
    for stage in course.fine:
        problem = update_prior_scale(
            problem, relative_residual(solver.landmarks(problem, estimate), problem), course.prior_scale
        )
        estimate = solver.run(stage, problem, estimate, on_step)
    estimate = dataclasses.replace(estimate, pose=solver.space.commit(estimate.pose))
    return problem, solver.run(course.settle, problem, estimate, on_step)
