"""The course of a fit: where it starts, the stages it goes through, and what it commits to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, MIN_SEEN, FormatName, Keypoints
from fitting.optimise.adam import Estimate, Problem, Solver, Stage, Unknown, Weights
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.placement import place
from fitting.optimise.pose_space import PoseSpace, RelaxedCodes
from fitting.optimise.regressor import Regressor, line_of_sight
from qposer.body_pose.skeleton import NUM_BODY_JOINTS


@dataclass(frozen=True)
class FitSettings:
    """What a user may want to change of a fit."""

    residual: bool = False
    """Add a small rotation to each joint after the codes, for poses that the codes do not reach."""
    depth_cue: bool = True
    """Follow the depths that the detector estimates, where it does (MediaPipe's landmarks in metres)."""
    seed: int = 0
    weights: Weights = field(default_factory=Weights)


POSE: tuple[Unknown, ...] = ("orient", "transl", "pose")
WHOLE: tuple[Unknown, ...] = ("orient", "transl", "betas", "pose")
ROOT_AND_SHAPE: tuple[Unknown, ...] = ("orient", "transl", "betas")


@dataclass(frozen=True)
class PriorScale:
    """How much prior and guess count beside keypoints, by how inexact these are.

    By itself an error of keypoints would count by its square; but a part of what is seen of it is the body's, which is
    not yet where it will be.
    """

    power: float
    """Of the error."""
    least: float
    most: float


@dataclass(frozen=True)
class Schedule:
    """The stages of a fit."""

    coarse: Stage
    fine: tuple[Stage, ...]
    """Before each, keypoints are doubted anew."""
    settle: Stage
    """Around the codes that were committed to."""
    prior_scale: PriorScale

    @property
    def uncommitted(self) -> tuple[Stage, ...]:
        """The stages before codes are committed to."""
        return self.coarse, *self.fine

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All of them, in turn."""
        return *self.uncommitted, self.settle

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    def each(self, change: Callable[[Stage], Stage]) -> Schedule:
        """The course with every stage changed."""
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
"""Of second order."""

ADAM_SCHEDULE = Schedule(
    coarse=Stage(steps=90, free=POSE, rho=0.2, noise=(0.7, 0.7)),
    fine=(Stage(steps=150, free=WHOLE, rho=0.1, noise=(0.7, 0.2)),),
    settle=Stage(steps=40, free=ROOT_AND_SHAPE, rho=0.1, lr_scale=0.2),
    prior_scale=PriorScale(power=2, least=0.1, most=6.0),
)
"""Of first order, for clips, whose frames hang together, and for other spaces of poses than codes. Fits that start far
off, as other priors' do from a mean pose, need the wider rho, and axis-angle numbers the milder doubt."""

RESIDUAL = Stage(steps=80, free=(*ROOT_AND_SHAPE, "residual"), rho=0.05, lr_scale=0.5)
"""Of first order, after the others, where residual rotations are asked for."""

TORSO_WEIGHT = 10.0
"""How much more the torso counts than limbs and face when a body is first placed: these move, the torso does not."""

UNSEEN_INIT_WEIGHT = 10.0
"""How much more the first guess counts at joints that move no keypoint in sight."""

TYPICAL_ERROR = 0.01
"""Of keypoints, as a part of the person's height: prior and guess count as much as their weights say."""

OUTLIER_FACTOR, OUTLIER_MIN = 4.0, 0.05
"""Keypoints are not believed that are as many median distances off, and this part of the person's height."""


def total_steps(settings: FitSettings) -> int:
    """How often ``on_step`` is called in a fit."""
    return SCHEDULE.steps + settings.residual * RESIDUAL.steps


def solve(
    body: Body,
    space: RelaxedCodes,
    regressor: Regressor,
    keypoints: Keypoints,
    camera: Camera,
    settings: FitSettings,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[Problem, Estimate]:
    """Fit everyone that ``keypoints`` holds, each seen by a camera of its own; the poses returned are committed.

    Args:
        body: what is fitted.
        space: of the poses.
        regressor: guesses where to begin.
        keypoints: of at least one person.
        camera: one for each person.
        settings: of the fit.
        on_step: called after every step.

    Returns:
        What was fitted, and the parameters.
    """
    problem, estimate = initialize(body, space, regressor, keypoints, camera)
    if not settings.depth_cue:
        problem = dataclasses.replace(problem, depths=None)
    solver = LevenbergMarquardt(body, space, settings.weights, settings.seed)
    problem, estimate = refine(solver, SCHEDULE, problem, estimate, regressor, on_step)
    if settings.residual:
        estimate = Solver(body, space, settings.weights, settings.seed).run(RESIDUAL, problem, estimate, on_step)
    return problem, estimate


def refine(
    solver: Solver | LevenbergMarquardt,
    course: Schedule,
    problem: Problem,
    estimate: Estimate,
    regressor: Regressor | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[Problem, Estimate]:
    """Go through the stages from an estimate on.

    Args:
        solver: of the course's order.
        course: the stages.
        problem: what is known.
        estimate: where the fits stand.
        regressor: guesses poses anew from the keypoints that are still believed after the coarse stage; without it the
            first guesses hold.
        on_step: called after every step.

    Returns:
        The problem as the last stages saw it, and where they ended.
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


@torch.no_grad()
def initialize(
    body: Body, space: PoseSpace, regressor: Regressor, keypoints: Keypoints, camera: Camera
) -> tuple[Problem, Estimate]:
    """The problem, and the regressor's bodies, placed in closed form where the keypoints are.

    Args:
        body: what is fitted.
        space: of the poses.
        regressor: guesses orientation and pose.
        keypoints: of at least one person.
        camera: one for each person.

    Returns:
        The problem, and where to begin.
    """
    confidence = torch.from_numpy(keypoints.confidence * keypoints.seen).to(camera.focal)
    xy = torch.from_numpy(keypoints.xy).to(camera.focal)
    xy = torch.where(confidence[..., None] > 0, xy, 0.0)  # what is unseen may be anywhere, and far enough to overflow
    weight = confidence.square()
    weight[:, list(FORMATS[keypoints.format].torso)] *= TORSO_WEIGHT

    orient, guess = regressor.predict_with_flip(xy, confidence, keypoints.format, camera)
    numbers = space.encode(guess)
    betas = xy.new_zeros(len(xy), body.num_betas)
    landmarks, joints = body.landmarks_and_joints(orient, space.decode(numbers), betas, format=keypoints.format)
    root = joints[:, 0]
    roll, transl, _ = place(landmarks - root[:, None], xy, weight, camera)
    estimate = Estimate(roll @ orient, transl - root, betas, numbers, xy.new_zeros(len(xy), NUM_BODY_JOINTS, 3))
    problem = Problem(
        xy,
        confidence,
        keypoints.format,
        camera,
        height=camera.focal * stature(body, betas[:1])[0] / transl[:, 2],
        guess=guess,
        init_weight=_init_weight(body, confidence, keypoints.format),
        prior_scale=torch.ones_like(transl[:, 2]),
        noise_floor=keypoints.noise_floor,
        depths=None if keypoints.world is None else _depths(keypoints, xy, confidence, camera),
    )
    return problem, estimate


def _depths(
    keypoints: Keypoints,
    xy: Float[Tensor, "people joints 2"],
    confidence: Float[Tensor, "people joints"],
    camera: Camera,
) -> Float[Tensor, "people joints"]:
    """Depths of the positions in metres, which a detector estimates as if the person stood in the picture's middle."""
    world = torch.from_numpy(keypoints.world).to(xy)
    seen = (confidence > 0).to(xy)[..., None]
    centre = (seen * xy).sum(1) / seen.sum(1)
    return (world @ line_of_sight(centre, camera).mT)[..., 2]


@torch.no_grad()
def reject_outliers(
    problem: Problem,
    landmarks: Float[Tensor, "people joints 3"],
    body: Body,
    regressor: Regressor | None,
) -> Problem:
    """The problem without keypoints that lie far from where a body has them, as long as enough are left.

    A regressor guesses again what it had guessed with them.

    Args:
        problem: keypoints and camera.
        landmarks: the body's keypoints in camera space, metres.
        body: what is fitted.
        regressor: guesses again; left out, the guess stays.

    Returns:
        The problem with the confidence of these keypoints set to zero.
    """
    distance = torch.linalg.vector_norm(problem.camera.project(landmarks) - problem.keypoints, dim=-1)
    limit = (OUTLIER_FACTOR * relative_residual(landmarks, problem)).clamp(min=OUTLIER_MIN) * problem.height
    seen = problem.confidence > 0
    outlying = seen & (distance > limit[:, None])
    outlying &= (seen & ~outlying).sum(-1, keepdim=True) >= MIN_SEEN
    confidence = torch.where(outlying, 0.0, problem.confidence)
    guess = problem.guess
    if regressor is not None:
        xy = torch.where(confidence[..., None] > 0, problem.keypoints, 0.0)
        again = regressor.predict_with_flip(xy, confidence, problem.format, problem.camera)[1]
        guess = torch.where(outlying.any(-1)[:, None, None, None], again, guess)
    init_weight = _init_weight(body, confidence, problem.format)
    return dataclasses.replace(problem, confidence=confidence, guess=guess, init_weight=init_weight)


def _init_weight(
    body: Body, confidence: Float[Tensor, "people joints"], format: FormatName
) -> Float[Tensor, "people 21"]:
    """How much the guess counts at each joint: more where no keypoint in sight tells of it."""
    observed = confidence.square() @ moved_by_joints(body, format).to(confidence)
    return torch.where(observed < 0.5, UNSEEN_INIT_WEIGHT, 1.0)


def update_prior_scale(problem: Problem, error: Float[Tensor, " #people"], by: PriorScale) -> Problem:
    """The problem with keypoints that are this inexact, as a part of the person's height (see `noise_floor`).

    They are no more exact than they are known to be.

    Args:
        problem: keypoints and camera.
        error: as `noise_floor` measures it.
        by: how doubt grows with the error.

    Returns:
        The problem with other weights.
    """
    prior_scale = (error.clamp(min=problem.noise_floor) / TYPICAL_ERROR).pow(by.power).clamp(by.least, by.most)
    return dataclasses.replace(problem, prior_scale=prior_scale.expand_as(problem.prior_scale))


def relative_residual(landmarks: Float[Tensor, "people joints 3"], problem: Problem) -> Float[Tensor, " people"]:
    """Median distance of seen keypoints from where the body's are, as a part of the person's height.

    Args:
        landmarks: the body's keypoints in camera space, metres.
        problem: keypoints and camera.

    Returns:
        NaN for a person without seen keypoints.
    """
    distance = torch.linalg.vector_norm(problem.camera.project(landmarks) - problem.keypoints, dim=-1)
    inexact: Tensor = distance.masked_fill(problem.confidence == 0, torch.nan).nanmedian(-1).values / problem.height
    return inexact


def moved_by_joints(body: Body, format: FormatName) -> Bool[Tensor, "landmarks 21"]:
    """Which landmarks move when a joint of the T-pose turns: by more than 5 cm a radian, about any axis.

    Args:
        body: whose landmarks are moved.
        format: of the keypoints.

    Returns:
        True where a joint moves a landmark.
    """
    turns = 0.1 * torch.eye(3 * NUM_BODY_JOINTS).unflatten(1, (NUM_BODY_JOINTS, 3)).to(body.identity)
    turned = body.landmarks(turns.new_zeros(len(turns), 3), turns, format=format)
    rest = body.landmarks(turns.new_zeros(1, 3), torch.zeros_like(turns[:1]), format=format)
    moved = torch.linalg.vector_norm(turned - rest, dim=-1).unflatten(0, (NUM_BODY_JOINTS, 3)).amax(1)
    free: Tensor = moved.T > 0.005
    return free


def stature(body: Body, betas: Float[Tensor, "people shapes"]) -> Float[Tensor, " people"]:
    """Standing height in metres.

    Args:
        body: whose shapes these are.
        betas: shape coefficients.

    Returns:
        Metres, in the T-pose.
    """
    rest = betas.new_zeros(len(betas), 1, 3)
    vertices = body(rest[:, 0], rest.expand(-1, 21, -1), betas).vertices[..., 1]
    stature: Tensor = vertices.amax(-1) - vertices.amin(-1)
    return stature
