"""Fit bodies to matched people: first to the triangulated keypoints, then to all views jointly."""

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
from fitting.optimise.schedule import RESIDUAL, ROOT_AND_SHAPE, WHOLE, total_steps
from fitting.optimise.settings import FitSettings
from fitting.terms.view_reprojection import ViewKeypoints
from fitting.views.matching import MatchedPerson
from fitting.views.rig import Rig

STAGES = (
    Stage(steps=4, free=WHOLE, rho=0.2, noise=(0.5, 0.35)),
    Stage(steps=12, free=WHOLE, rho=0.05, noise=(0.5, 0.35)),
)
"""Stages of the fit; keypoints far from the body are rejected in between, when the first stage has moved it to those
of single views. Tuned on projections of recorded poses with a detector's errors."""

SETTLE = Stage(steps=3, free=ROOT_AND_SHAPE, rho=0.05)
"""Final stage, around the selected codes."""

PRIOR_SCALE = PriorScale(power=4, least=0.005, most=1.0)
"""The maximum holds for two views, and is divided by the number of views beyond the first: each of them determines
depth once more, so that noisy keypoints need the prior less (docs/notes/fitting.md)."""


@dataclass(frozen=True)
class ViewsSolution:
    """Bodies fitted to all views."""

    problem: Problem
    """The problem, in the axes of a distant upright camera."""
    estimate: Estimate
    """Bodies in that camera's axes."""
    orient: Float[Tensor, "people 3 3"]
    """Orientation in world axes."""
    transl: Float[Tensor, "people 3"]
    """Metres in world axes."""


def view_steps(settings: FitSettings) -> int:
    """Number of ``on_step`` calls in a fit to several views."""
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
    """Fit all people to their keypoints in all views.

    Args:
        models: body, prior and settings.
        rig: the cameras.
        people: at least one matched person.
        format: format of the keypoints.
        to_camera: rotation from world axes to those of an upright camera.
        noise_floor: noise floor of the keypoints.
        on_step: called after every step, `view_steps` times.

    Returns:
        The bodies.
    """
    problem, found, shift = start_of_views(models, rig, people, format, to_camera, noise_floor, on_step)
    settings = models.settings
    terms = settings.all_terms(models.body, format)
    solver = LevenbergMarquardt(models.body, models.space, settings.weights, settings.seed, terms)
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
    """Fit bodies to the triangulated keypoints, and create the problem of all views, in common axes.

    Args:
        models: body, prior and settings.
        rig: the cameras.
        people: matched people.
        format: format of the keypoints.
        to_camera: rotation from world axes to those of an upright camera.
        noise_floor: noise floor of the keypoints.
        on_step: called after every step.

    Returns:
        The problem, the bodies, and the translation added after rotation from world axes.
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
    """Keypoints of all views that are consistent with the other views."""
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
    """Reject keypoints far from the body, and update the prior scale from the errors of the others.

    Args:
        problem: problem of several views.
        landmarks: the bodies' keypoints.
        models: the body.

    Returns:
        The problem with the confidence of these keypoints set to zero, and another prior scale.
    """
    views = problem.views
    assert views is not None
    off = torch.linalg.vector_norm(views.displacement(landmarks), dim=-1) / views.height[..., None]
    median = off.masked_fill(views.confidence == 0, torch.nan).flatten(1).nanmedian(-1).values
    limit = (OUTLIER_FACTOR * median).clamp(min=OUTLIER_MIN)
    confidence = torch.where(off < limit[:, None, None], views.confidence, 0.0)
    init_weight = joint_weights(models.body, confidence.amax(1), problem.format)
    problem = dataclasses.replace(
        problem, views=dataclasses.replace(views, confidence=confidence), init_weight=init_weight
    )
    problem = update_prior_scale(problem, median.nan_to_num(0.0), PRIOR_SCALE)
    most = PRIOR_SCALE.most / ((confidence > 0).any(-1).sum(-1) - 1).clamp(min=1)
    return dataclasses.replace(problem, prior_scale=torch.minimum(problem.prior_scale, most))
