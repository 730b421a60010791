"""From people matched across views to bodies: a fit to the triangulated keypoints, and then to all views at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.keypoints import FormatName
from fitting.keypoints3d import in_axes_of_points, solve_points
from fitting.models import FittingModels
from fitting.optimise.initialize import joint_weights, stature
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.problem import Estimate, Problem, Stage
from fitting.optimise.reweighting import OUTLIER_FACTOR, OUTLIER_MIN, PriorScale, update_prior_scale
from fitting.optimise.schedule import RESIDUAL, ROOT_AND_SHAPE, WHOLE, FitSettings, total_steps
from fitting.terms.view_reprojection import ViewKeypoints
from fitting.views.matching import MatchedPerson
from fitting.views.rig import Rig

STAGES = (
    Stage(steps=4, free=WHOLE, rho=0.2, noise=(0.5, 0.35)),
    Stage(steps=12, free=WHOLE, rho=0.05, noise=(0.5, 0.35)),
)
"""Between these, keypoints that the body does not reach are rejected: the first stage brings it to those that one view
alone sees. Chosen on projections of recorded poses with a detector's errors."""

SETTLE = Stage(steps=3, free=ROOT_AND_SHAPE, rho=0.05)
"""Around the codes that were committed to."""

PRIOR_SCALE = PriorScale(power=4, least=0.005, most=1.0)
"""Several views tell depth, so that inexact keypoints need the prior less than one view's do."""


@dataclass(frozen=True)
class ViewsSolution:
    """Bodies that were fitted to all views."""

    problem: Problem
    """What was fitted, before an upright camera that is far away."""
    estimate: Estimate
    """The bodies in that camera's axes."""
    orient: Float[Tensor, "people 3 3"]
    """In world axes."""
    transl: Float[Tensor, "people 3"]
    """Metres in world axes."""


def view_steps(settings: FitSettings) -> int:
    """How often ``on_step`` is called in a fit to several views."""
    again = settings.residual * RESIDUAL.steps
    return total_steps(settings) + sum(stage.steps for stage in (*STAGES, SETTLE)) + again


def solve_views(
    models: FittingModels,
    rig: Rig,
    people: Sequence[MatchedPerson],
    format: FormatName,
    to_camera: Float[Tensor, "3 3"],
    noise_floor: float,
    on_step: Callable[[], None] = lambda: None,
) -> ViewsSolution:
    """Fit everybody to their keypoints in all views.

    Args:
        models: body, prior and settings.
        rig: the cameras.
        people: what they see, at least one person.
        format: of the keypoints.
        to_camera: turns world axes into those of an upright camera.
        noise_floor: of the keypoints.
        on_step: called after every step, `view_steps` times.

    Returns:
        The bodies.
    """
    problem, found, shift = start_of_views(models, rig, people, format, to_camera, noise_floor, on_step)
    settings = models.settings
    solver = LevenbergMarquardt(models.body, models.space, settings.weights, settings.seed)
    found = solver.run(STAGES[0], problem, found, on_step)
    for stage in STAGES[1:]:
        problem = reject_in_views(problem, solver.landmarks(problem, found), models)
        found = solver.run(stage, problem, found, on_step)
    found = dataclasses.replace(found, pose=models.space.commit(found.pose))
    found = solver.run(SETTLE, problem, found, on_step)
    if settings.residual:
        found = solver.run(RESIDUAL, problem, found, on_step)
    return ViewsSolution(problem, found, *in_axes_of_points(models, found, to_camera.to(shift), shift))


def start_of_views(
    models: FittingModels,
    rig: Rig,
    people: Sequence[MatchedPerson],
    format: FormatName,
    to_camera: Float[Tensor, "3 3"],
    noise_floor: float,
    on_step: Callable[[], None],
) -> tuple[Problem, Estimate, Float[Tensor, "3"]]:
    """Bodies fitted to the triangulated keypoints, and the problem of all views, in axes that everybody shares.

    Args:
        models: body, prior and settings.
        rig: the cameras.
        people: what they see.
        format: of the keypoints.
        to_camera: turns world axes into those of an upright camera.
        noise_floor: of the keypoints.
        on_step: called after every step.

    Returns:
        The problem, the bodies, and what is added to the turned axes of the world.
    """
    points, confidence = (
        np.stack([getattr(person, name) for person in people]).astype(np.float32)
        for name in ("points", "point_confidence")
    )
    to_camera = to_camera.to(models.device, models.dtype)
    problem, found, shifts = solve_points(models, points, confidence, format, to_camera, on_step)
    shift = shifts.mean(0)
    views = _view_keypoints(models, rig, people, to_camera, shift)
    problem = dataclasses.replace(
        problem, guess=models.space.decode(found.pose), depths=None, noise_floor=noise_floor, views=views
    )
    return problem, dataclasses.replace(found, transl=found.transl + shift - shifts), shift


def _view_keypoints(
    models: FittingModels,
    rig: Rig,
    people: Sequence[MatchedPerson],
    to_camera: Float[Tensor, "3 3"],
    shift: Float[Tensor, "3"],
) -> ViewKeypoints:
    """The keypoints of all views but those that disagree with where the others have them."""
    rotation = rig.rotation @ to_camera.double().cpu().numpy().T
    translation = rig.translation - rotation @ shift.double().cpu().numpy()
    middle = np.stack([person.points[person.point_confidence > 0].mean(0) for person in people])
    depth = np.maximum(rig.in_views(middle)[..., 2], 0.1)
    tall = stature(models.body, models.body.identity.new_zeros(1, models.body.num_betas)).item()
    agreeing = [np.where((person.point_confidence > 0) & ~person.agrees, 0.0, person.confidence) for person in people]
    arrays = (
        np.stack([person.xy for person in people]),
        np.stack(agreeing),
        rig.focal * tall / depth,
        *(rig.focal, rig.centre, rotation, translation),
    )
    return ViewKeypoints(*(torch.from_numpy(array).to(models.device, models.dtype) for array in arrays))


@torch.no_grad()
def reject_in_views(problem: Problem, landmarks: Float[Tensor, "people joints 3"], models: FittingModels) -> Problem:
    """The problem without keypoints that lie far from where a body has them, and weighted by how exact the rest is.

    Args:
        problem: of several views.
        landmarks: the bodies' keypoints.
        models: the body.

    Returns:
        The problem with the confidence of these keypoints set to zero, and another prior scale.
    """
    views = problem.views
    assert views is not None
    off = torch.linalg.vector_norm(views.off(landmarks), dim=-1) / views.height[..., None]
    median = off.masked_fill(views.confidence == 0, torch.nan).flatten(1).nanmedian(-1).values
    limit = (OUTLIER_FACTOR * median).clamp(min=OUTLIER_MIN)
    confidence = torch.where(off < limit[:, None, None], views.confidence, 0.0)
    init_weight = joint_weights(models.body, confidence.amax(1), problem.format)
    problem = dataclasses.replace(
        problem, views=dataclasses.replace(views, confidence=confidence), init_weight=init_weight
    )
    return update_prior_scale(problem, median.nan_to_num(0.0), PRIOR_SCALE)
