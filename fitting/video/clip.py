"""Fit one person in all frames of a clip: smooth motion, one shape, one camera."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName
from fitting.models import FittingModels
from fitting.optimise.agreement import check_in_view, person_height
from fitting.optimise.initialize import initialize, stature
from fitting.optimise.problem import Estimate, Problem, Stage
from fitting.optimise.reweighting import PriorScale, relative_residual, update_prior_scale
from fitting.optimise.schedule import POSE, WHOLE, FitSettings
from fitting.terms.smoothness import Smoothness
from fitting.terms.term import Unknown
from fitting.video.clip_problem import ClipSolver
from fitting.video.clip_result import ClipResult
from fitting.video.clip_start import interpolate_gaps, rotation_lerp, rotation_median
from fitting.video.kept_work import Arrays
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer import __version__
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle

CHUNK = 300
"""Approximate number of frames per chunk."""

OVERLAP = 24
"""Minimum number of frames shared by consecutive chunks, which are blended there."""

SHAPE_FRAMES = 48
"""Number of evenly spaced frames for the shape fit."""

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

Keep = Callable[[str, Callable[[], Arrays]], Arrays]
"""Returns arrays by name, stored by an earlier run or computed now."""


def fit_clip(
    models: FittingModels,
    seen: TrackedKeypoints,
    image_size: tuple[int, int],
    *,
    focal: float | None = None,
    smoothness: float = 1.0,
    keep: Keep = lambda name, make: make(),
    on_step: Callable[[], None] = lambda: None,
) -> ClipResult:
    """Fit one body to all frames from the first to the last that shows the person.

    The shape is fitted first, to frames spread over the clip; then the motion, a few hundred frames at a time. Frames
    without a detection are interpolated, subject to the prior.

    Args:
        models: body, prior and settings.
        seen: keypoints of the person.
        image_size: width and height in pixels.
        focal: focal length in pixels; default: estimated from the image's size.
        smoothness: factor on the smoothness weight; 0 fits each frame independently.
        keep: called for each part of the work, to store or load it.
        on_step: called after every step of the optimiser, `clip_steps` times if nothing was stored.

    Returns:
        Parameters of every frame, with one shape.

    Raises:
        ValueError: the focal length or the smoothness is invalid.
    """
    if focal is not None and not 0 < focal < math.inf:
        raise ValueError(f"a focal length must be a positive number of pixels, not {focal}: omit it if unknown")
    if not 0 <= smoothness < math.inf:
        raise ValueError(f"smoothness must be a factor of at least 0, not {smoothness}")
    camera = Camera.for_image(*image_size, focal, device=models.device, dtype=models.dtype)
    betas = torch.from_numpy(keep("shape", lambda: {"betas": _shape(models, seen, camera, on_step)})["betas"])
    first, last = int(seen.frames[0]), int(seen.frames[-1])

    def motion(begin: int, end: int) -> Arrays:
        around = seen.around(begin, end)
        problem, start = _initialize(models, around, camera)
        inside = torch.arange(begin, end + 1, device=models.device) - int(around.frames[0])
        start = dataclasses.replace(start[inside], betas=betas.to(models.device))
        end_estimate = _improved(models, problem[inside], start, seen.fps, smoothness, on_step)
        return {name: getattr(end_estimate, name).cpu().numpy() for name in _MOTION}

    motions = [
        (begin, keep(f"motion-{begin:06d}-{end:06d}", lambda begin=begin, end=end: motion(begin, end)))  # type: ignore[misc]
        for begin, end in _chunks(first, last)
    ]
    joined = {name: torch.from_numpy(value) for name, value in _joined(motions).items()}
    return _result(models, seen, image_size, camera, betas, joined, smoothness)


_MOTION = ("orient", "transl", "pose", "residual")


def clip_steps(seen: TrackedKeypoints, settings: FitSettings) -> int:
    """Number of calls of ``on_step`` in a fit.

    Args:
        seen: keypoints of the person.
        settings: settings of the fit.

    Returns:
        Steps.
    """
    chunks = len(list(_chunks(int(seen.frames[0]), int(seen.frames[-1]))))
    return (1 + chunks) * sum(stage.steps for stage in STAGES) + settings.residual * chunks * RESIDUAL.steps


def _chunks(first: int, last: int) -> Iterator[tuple[int, int]]:
    """First and last frames of overlapping chunks of equal length."""
    frames = last - first + 1
    number = max(1, math.ceil((frames - OVERLAP) / (CHUNK - OVERLAP)))
    length = math.ceil((frames + (number - 1) * OVERLAP) / number)
    for begin in np.linspace(first, last + 1 - length, number).astype(int).tolist():
        yield begin, begin + length - 1


def _shape(
    models: FittingModels, seen: TrackedKeypoints, camera: Camera, on_step: Callable[[], None]
) -> Float[np.ndarray, "1 shapes"]:
    """Fit one shape to frames spread over the clip, whose poses are independent."""
    spread = np.unique(np.linspace(0, len(seen.frames) - 1, SHAPE_FRAMES).round().astype(int))
    some = seen[spread]
    cameras = camera[torch.zeros(len(spread), dtype=torch.long)]
    problem, start = initialize(
        models.body,
        models.space,
        models.regressor,
        some.keypoints,
        cameras,
        known_height=models.settings.height,
    )
    if not models.settings.depth_cue:
        problem = dataclasses.replace(problem, depths=None)
    start = dataclasses.replace(start, betas=start.betas[:1])  # one row, shared by all
    return _improved(models, problem, start, seen.fps, 0.0, on_step, shape=True).betas.cpu().numpy()


def _initialize(models: FittingModels, seen: TrackedKeypoints, camera: Camera) -> tuple[Problem, Estimate]:
    """The problem for all frames from the first seen to the last, and the regressor's bodies."""
    cameras = camera[torch.zeros(len(seen.frames), dtype=torch.long)]
    problem, estimate = initialize(models.body, models.space, models.regressor, seen.keypoints, cameras)
    if not models.settings.depth_cue:
        problem = dataclasses.replace(problem, depths=None)
    guess = rotation_median(problem.guess)
    estimate = dataclasses.replace(
        estimate, orient=rotation_median(estimate.orient[:, None])[:, 0], pose=models.space.encode(guess)
    )
    frames = torch.from_numpy(seen.frames - seen.frames[0]).to(models.device)
    return interpolate_gaps(dataclasses.replace(problem, guess=guess), estimate, frames)


def _improved(
    models: FittingModels,
    problem: Problem,
    estimate: Estimate,
    fps: float,
    smoothness: float,
    on_step: Callable[[], None],
    *,
    shape: bool = False,
) -> Estimate:
    """Fit shape and motion, or only the motion; after the first stage all frames share one prior scale."""
    factor = smoothness * (fps / 30.0) ** 4
    smooth = [Smoothness(unknown, factor * weight) for unknown, weight in ROUGHNESS.items()] if factor else []
    settings = models.settings
    solver = ClipSolver(
        models.body, models.space, settings.weights, settings.seed, smooth, settings.all_terms(models.body)
    )
    for number, stage in enumerate(STAGES):
        if number:
            error = relative_residual(solver.landmarks(problem, estimate), problem).nanmedian(0, keepdim=True).values
            problem = update_prior_scale(problem, error, PRIOR_SCALE)
        stage = stage if shape else dataclasses.replace(stage, free=POSE)
        estimate = solver.run(stage, problem, estimate, on_step)
    if shape or not settings.residual:
        return estimate
    return solver.run(
        RESIDUAL, problem, dataclasses.replace(estimate, pose=models.space.commit(estimate.pose)), on_step
    )


def _joined(motions: list[tuple[int, Arrays]]) -> Arrays:
    """Join motions, given with their first frame numbers, and blend overlaps."""
    origin, joined = motions[0]
    for begin, motion in motions[1:]:
        common = origin + len(joined["transl"]) - begin
        part = torch.linspace(0, 1, common + 2)[1:-1].to(torch.from_numpy(motion["transl"]))
        ends = {name: torch.from_numpy(joined[name][-common:]) for name in _MOTION}
        starts = {name: torch.from_numpy(motion[name][:common]) for name in _MOTION}
        between = {
            "orient": rotation_lerp(ends["orient"], starts["orient"], part),
            "transl": torch.lerp(ends["transl"], starts["transl"], part[:, None]),
            **{name: torch.lerp(ends[name], starts[name], part[:, None, None]) for name in ("pose", "residual")},
        }
        joined = {
            name: np.concatenate([joined[name][:-common], between[name].numpy(), motion[name][common:]])
            for name in _MOTION
        }
    return joined


@dataclass(frozen=True)
class _Shown:
    """A `fitting.optimise.agreement.Sight` of some frames."""

    keypoints: Float[Tensor, "frames joints 2"]
    confidence: Float[Tensor, "frames joints"]
    format: FormatName
    camera: Camera


@torch.no_grad()
def _result(
    models: FittingModels,
    seen: TrackedKeypoints,
    image_size: tuple[int, int],
    camera: Camera,
    betas: Float[Tensor, "1 shapes"],
    motion: dict[str, Tensor],
    smoothness: float,
) -> ClipResult:
    body, space, format = models.body, models.space, seen.keypoints.format
    frames = np.arange(seen.frames[0], seen.frames[-1] + 1)
    rows = seen.frames - seen.frames[0]
    xy = np.zeros((len(frames), *seen.keypoints.xy.shape[1:]), np.float32)
    confidence = np.zeros(xy.shape[:2], np.float32)
    xy[rows] = seen.keypoints.xy
    confidence[rows] = seen.keypoints.confidence * seen.keypoints.seen
    shape = betas.to(models.device)
    rest = shape.new_zeros(1, 22, 3)
    parts: list[Arrays] = []
    for chunk in torch.arange(len(frames)).split(CHUNK):
        orient, transl, pose, residual = (motion[name][chunk].to(models.device) for name in _MOTION)
        codes = models.model.encode_latents(space.latents(pose))
        body_pose = space.decode(space.commit(pose)) @ axis_angle_to_matrix(residual)
        landmarks, joints = body.landmarks_and_joints(
            orient, body_pose, shape.expand(len(chunk), -1), transl, format=format
        )
        points, weights = (torch.from_numpy(part)[chunk].to(landmarks) for part in (xy, confidence))
        check_in_view(landmarks, weights, "frame", int(frames[chunk[0]]))
        shown = _Shown(points, weights, format, camera)
        distance = torch.linalg.vector_norm(camera.project(landmarks) - points, dim=-1)
        error = (distance * weights).sum(-1) / weights.sum(-1)  # NaN without a detection
        parts.append(
            {
                "global_orient": matrix_to_axis_angle(orient).cpu().numpy(),
                "body_pose": matrix_to_axis_angle(body_pose).cpu().numpy(),
                "transl": transl.cpu().numpy(),
                "codes": codes.cpu().numpy(),
                "joints": joints.cpu().numpy(),
                "reprojection_error_px": error.cpu().numpy(),
                "person_height_px": person_height(shown, landmarks, stature(body, shape), transl[:, 2]).cpu().numpy(),
            }
        )
    return ClipResult(
        **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        frames=frames,
        detected=np.isin(frames, seen.frames),
        fps=seen.fps,
        betas=betas[0].numpy(),
        pelvis=body.landmarks_and_joints(rest[:, 0], rest[:, 1:], shape)[1][0, 0].cpu().numpy(),
        focal=camera.focal.item(),
        centre=camera.centre[0].cpu().numpy(),
        image_size=np.array(image_size),
        keypoints_xy=xy,
        keypoints_confidence=confidence,
        keypoints_format=format,
        body=body.name,
        track_notes=seen.notes,
        qposer_version=__version__,
        settings=models.settings.as_json | {"smoothness": smoothness},
    )
