"""Fit bodies to 3D keypoints in metres: a fit to their image from a distant camera, with known depths."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName, Keypoints
from fitting.models import FittingModels
from fitting.optimise.problem import Estimate, Problem
from fitting.optimise.schedule import solve
from fitting.output.body_result import BodyResult
from qposer import __version__
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS

LARGEST = 2.5
"""Maximum distance in metres of a person's points from their centre."""

DISTANCE = 30.0
"""Distance to the camera in metres, large enough to make perspective negligible."""

FOCAL = 1000.0 * DISTANCE / 2.0
"""Focal length in pixels; two metres span a thousand pixels."""

DEPTH_WEIGHT = 700.0
"""Balances depths in metres and distances in the image, which are fractions of the person's height."""


@dataclass(frozen=True)
class Fit3DResult(BodyResult):
    """One person's body in the axes of the keypoints."""

    joints: Float[np.ndarray, "24 3"]
    vertices: Float[np.ndarray, "vertices 3"]
    error: float
    """Mean distance of the body's landmarks to the keypoints, weighted by confidence, in metres."""


def fit_points(
    models: FittingModels,
    points: Float[np.ndarray, "people joints 3"],
    confidence: Float[np.ndarray, "people joints"] | None = None,
    format: FormatName = "mediapipe",
    up: Sequence[float] = (0.0, 1.0, 0.0),
    on_step: Callable[[], None] = lambda: None,
) -> list[Fit3DResult]:
    """Fit bodies to 3D keypoints, in one batch.

    Args:
        models: body, prior and settings.
        points: positions in metres, in any axes; points of confidence 0 may have any finite value.
        confidence: from 0 to 1, default 1; at least four points per person must be seen.
        format: keypoint format (`fitting.inputs.keypoints.FORMATS`).
        up: upward direction in the axes of the points.
        on_step: called after every step.

    Returns:
        One result for each person, in the axes of the points.

    Raises:
        ValueError: the points are not finite, too far apart for a person or have a wrong shape, too few are seen, all
            seen points are collinear, ``up`` is invalid, or the settings are of a photo's camera.
    """
    points, confidence = _checked(points, confidence)
    models.settings.check_for_space()
    seen = Keypoints(points[..., :2], confidence, format).seen
    for person in range(len(points)):
        shown = points[person, seen[person]] - points[person, seen[person]].mean(0)
        if np.linalg.norm(shown, axis=1).max() > LARGEST:
            size = np.linalg.norm(np.ptp(shown, axis=0))
            raise ValueError(f"the keypoints of person {person} extend over {size:.0f} m: give positions in metres")
        if np.linalg.svd(shown, compute_uv=False)[1] < 1e-3:
            raise ValueError(f"the keypoints of person {person} are collinear: give at least three that are not")

    to_camera = upright(up).to(models.device, models.dtype)
    confidence = confidence * seen
    _, found, shift = solve_points(models, points, confidence, format, to_camera, on_step)
    weight = torch.from_numpy(confidence).to(to_camera)[..., None]

    with torch.no_grad():
        body_pose = models.body_pose(found)
        orient, transl = in_axes_of_points(models, found, to_camera, shift)
        landmarks = models.body.landmarks(orient, body_pose, found.betas, transl, format=format)
        distance = torch.linalg.vector_norm(torch.from_numpy(points).to(to_camera) - landmarks, dim=-1, keepdim=True)
        output = models.body(orient, body_pose, found.betas, transl)
        arrays = {
            "global_orient": matrix_to_axis_angle(orient),
            "body_pose": matrix_to_axis_angle(body_pose),
            "betas": found.betas,
            "transl": transl,
            "codes": models.model.encode_latents(models.space.latents(found.pose)),
            "joints": output.joints,
            "vertices": output.vertices,
        }
        error = (weight * distance).sum((1, 2)) / weight.sum((1, 2))
    numpy = {name: array.cpu().numpy() for name, array in arrays.items()}
    if not all(np.isfinite(array).all() for array in numpy.values()):
        raise ValueError("the fit contains NaN or infinite values: check that the points are in metres")
    return [
        Fit3DResult(
            **{name: array[person] for name, array in numpy.items()},
            body=models.body.name,
            qposer_version=__version__,
            error=error[person].item(),
        )
        for person in range(len(points))
    ]


def _checked(
    points: Float[np.ndarray, "people joints 3"], confidence: Float[np.ndarray, "people joints"] | None
) -> tuple[Float[np.ndarray, "people joints 3"], Float[np.ndarray, "people joints"]]:
    """Points and confidence as single-precision arrays of the right shapes."""
    points = np.asarray(points, dtype=np.float32)
    if points.ndim != 3 or points.shape[-1] != 3 or not np.isfinite(points).all():
        raise ValueError(f"points must be finite and (people, joints, 3), in metres, not {points.shape}")
    confidence = np.ones(points.shape[:2], np.float32) if confidence is None else np.asarray(confidence, np.float32)
    if confidence.shape != points.shape[:2]:
        raise ValueError(f"confidence must be (people, joints) = {points.shape[:2]}, not {confidence.shape}")
    return points, confidence


def solve_points(
    models: FittingModels,
    points: Float[np.ndarray, "people joints 3"],
    confidence: Float[np.ndarray, "people joints"],
    format: FormatName,
    to_camera: Float[Tensor, "3 3"],
    on_step: Callable[[], None] = lambda: None,
) -> tuple[Problem, Estimate, Float[Tensor, "people 3"]]:
    """Fit bodies to 3D keypoints, everybody before a camera of their own that is far away.

    Args:
        models: body, prior and settings.
        points: metres.
        confidence: zero where a point is unseen.
        format: keypoint format.
        to_camera: turns the points' axes into those of an upright camera.
        on_step: called after every step.

    Returns:
        The problem, the estimate, and the translation that moves the rotated points in front of the camera.
    """
    shown = torch.from_numpy(points).to(to_camera) @ to_camera.mT
    weight = torch.from_numpy(confidence).to(shown)[..., None]
    centre = (weight * shown).sum(1) / weight.sum(1)
    away = shown.new_tensor([0.0, 0.0, DISTANCE])
    moved = torch.where(weight > 0, shown + (away - centre)[:, None], away)
    camera = Camera(shown.new_full((len(shown),), FOCAL), shown.new_zeros(len(shown), 2))
    keypoints = Keypoints(camera.project(moved).cpu().numpy(), confidence, format, moved.cpu().numpy(), 0.0)
    weights = dataclasses.replace(models.settings.weights, depth=DEPTH_WEIGHT, upright=0.0)
    settings = dataclasses.replace(models.settings, depth_cue=True, weights=weights)
    problem, found = solve(models.body, models.space, models.regressor, keypoints, camera, settings, on_step)
    with torch.no_grad():  # at this distance only the points determine depth
        landmarks = models.body.landmarks(found.orient, models.body_pose(found), found.betas, format=format)
    transl = (weight * (moved - landmarks)).sum(1) / weight.sum(1)
    return problem, dataclasses.replace(found, transl=transl), away - centre


@torch.no_grad()
def in_axes_of_points(
    models: FittingModels, found: Estimate, to_camera: Float[Tensor, "3 3"], shift: Float[Tensor, " *people 3"]
) -> tuple[Float[Tensor, "people 3 3"], Float[Tensor, "people 3"]]:
    """Orientations and translations of bodies before the upright camera, in the axes of the points.

    Args:
        models: the body.
        found: the bodies before the camera.
        to_camera: turns the points' axes into the camera's.
        shift: translation added to the rotated points.

    Returns:
        Rotation matrices of the pelvis, and translations in metres.
    """
    rest = found.betas.new_zeros(len(found.orient), 1 + NUM_BODY_JOINTS, 3)
    pelvis = models.body.posed_landmarks(rest[:, 0], rest[:, 1:], found.betas).joints[:, 0]  # about which bodies turn
    return to_camera.mT @ found.orient, (pelvis + found.transl - shift) @ to_camera - pelvis


def upright(up: Sequence[float]) -> Float[Tensor, "3 3"]:
    """A rotation that takes ``up`` to a camera's up, which is -y."""
    direction = torch.tensor(up, dtype=torch.float32)
    if direction.shape != (3,) or not torch.isfinite(direction).all() or not direction.norm() > 0:
        raise ValueError(f"up must be a direction of three numbers, not {list(up)}")
    direction = direction / direction.norm()
    target = direction.new_tensor([0.0, -1.0, 0.0])
    axis = torch.linalg.cross(direction, target)
    if axis.norm() < 1e-6:
        flip = 1.0 if direction[1] < 0 else -1.0
        return torch.diag(direction.new_tensor([1.0, flip, flip]))
    angle = torch.acos((direction @ target).clamp(-1, 1))
    rotation: Tensor = axis_angle_to_matrix(axis / axis.norm() * angle)
    return rotation
