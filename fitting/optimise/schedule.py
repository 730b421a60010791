"""The stages of a fit, from coarse to fine, and the quantisation to codes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName, Keypoints
from fitting.optimise.age_search import at_each_age, median_age
from fitting.optimise.initialize import height_of_shape, initialize
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.pose_space import PoseSpace, RelaxedCodes
from fitting.optimise.problem import Estimate, Problem, Stage, Weights
from fitting.optimise.regressor import Regressor
from fitting.optimise.reweighting import PriorScale, reject_outliers, relative_residual, update_prior_scale
from fitting.optimise.shape_prior import ShapePrior
from fitting.optimise.start import Start
from fitting.terms.camera_height import CameraHeight
from fitting.terms.height import KnownHeight
from fitting.terms.hold import Hold
from fitting.terms.term import Term, Unknown

HEIGHT_WEIGHT = 100.0
"""Assumes that a known height is accurate to about a centimetre."""

GROUND_WEIGHT = 700.0
"""Per square metre; a distance of 1 cm costs as much as a keypoint that is off by 0.6 % of the height."""

HOLD_WEIGHT = 2.0
"""Per square centimetre, or per 4 square degrees."""

SHORTEST, TALLEST = 0.4, 2.8
"""Metres."""

OLDEST = 120


@dataclass(frozen=True)
class FitSettings:
    """User settings of a fit."""

    residual: bool = False
    """Add a small rotation to each joint after decoding, for poses that the codes cannot represent."""
    depth_cue: bool = True
    """Use the depths that the detector estimates, if it does (MediaPipe's landmarks in metres)."""
    seed: int = 0
    height: float | None = None
    """Known standing height in metres; it sets the bodies' size and distance."""
    age: float | None = None
    """Known age in years, for a body of all ages; default: estimated from the proportions."""
    weights: Weights = field(default_factory=Weights)
    holds: tuple[str, ...] = ()
    """What is known of the pose, in the words of instructions: "left foot on the floor"."""
    camera_pitch: float = 0.0
    """Downward angle of the camera in degrees, for ``holds`` and ``camera_height``."""
    camera_height: float | None = None
    """Height of the camera above the ground in metres, if known: somebody stands on it, and nobody is below it."""
    shape: ShapePrior | None = None
    """What is known of the shape of all people; a fit then also says what it adds."""
    terms: tuple[Term, ...] = ()
    """Additional terms of the objective, in camera axes, for all people and stages (`fitting.terms`)."""

    def __post_init__(self) -> None:
        """Reject implausible heights and cameras.

        Raises:
            ValueError: a number is out of range.
        """
        if not -90 < self.camera_pitch < 90:
            raise ValueError(f"the camera's pitch must be between -90 and 90 degrees, not {self.camera_pitch}")
        if self.camera_height is not None and not 0 < self.camera_height < math.inf:
            raise ValueError(f"the camera's height must be positive, in metres, not {self.camera_height}")
        if self.age is not None and not 0 <= self.age <= OLDEST:
            raise ValueError(f"the age must be from 0 to {OLDEST} years, not {self.age}")
        if self.height is not None and not SHORTEST <= self.height <= TALLEST:
            raise ValueError(f"the height must be from {SHORTEST} to {TALLEST} metres, not {self.height}")

    def check_for_video(self) -> None:
        """Reject a known age, by which only photos are fitted.

        Raises:
            ValueError: an age is given.
        """
        if self.age is not None:
            raise ValueError("a video is not fitted by the age: give the height")

    def check_for_space(self) -> None:
        """Reject what is known of a photo's camera, for fits without one.

        Raises:
            ValueError: the settings have a pitch or a height of the camera, or additional terms, which are in its axes.
        """
        if self.terms or self.camera_height is not None or self.camera_pitch:
            raise ValueError("additional terms and the camera's pitch and height are for one photo: fit without them")

    def all_terms(self, body: Body, format: FormatName) -> list[Term]:
        """The terms that these settings add to those of every fit.

        Args:
            body: body model.
            format: format of the fitted keypoints.

        Returns:
            The terms.

        Raises:
            InstructionError: a hold is not understood, or two contradict each other.
            ValueError: the keypoints have none at the feet, for a known height of the camera, or an age is given and
                the body has no age groups, or the shape of a subject and it has some.
        """
        if self.age is not None and body.data.groups is None:
            raise ValueError("a known age needs the body of all ages, Body.ages()")
        if self.shape is not None and body.data.groups is not None:
            raise ValueError("shapes of subjects are those of adults: fit the body of all ages without a subject")
        terms = [*self.terms]
        if self.height is not None:
            terms.append(KnownHeight(HEIGHT_WEIGHT, self.height, *height_of_shape(body)))
        if self.camera_height is not None:
            terms.append(CameraHeight(GROUND_WEIGHT, format, self.camera_height, math.radians(self.camera_pitch)))
        return terms if self.hold is None else [*terms, self.hold]

    @cached_property
    def hold(self) -> Hold | None:
        """The term of ``holds``.

        Raises:
            InstructionError: a hold is not understood, or two contradict each other.
        """
        if not self.holds:
            return None
        from qposer.control.instructions import constraints_of  # loads a grammar, which few fits need

        return Hold(HOLD_WEIGHT, constraints_of(", ".join(self.holds)), math.radians(self.camera_pitch))

    @property
    def as_json(self) -> dict[str, Any]:
        """All settings as JSON values."""
        values = {
            one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name not in ("terms", "shape")
        }
        further: dict[str, Any] = {"terms": [repr(term) for term in self.terms]} if self.terms else {}
        if self.shape is not None:
            further["shape"] = self.shape.fingerprint
        return values | {"holds": list(self.holds), "weights": dataclasses.asdict(self.weights)} | further


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
    if not settings.depth_cue:
        problem = dataclasses.replace(problem, depths=None)
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
