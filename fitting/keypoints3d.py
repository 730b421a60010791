"""From 3D keypoints, in metres, to bodies: the fit of a photo, seen by a camera far away, whose depths are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName, Keypoints
from fitting.optimise.schedule import solve
from qposer.body_pose.rotations import matrix_to_axis_angle

DISTANCE = 30.0
"""Metres to the camera: far enough that perspective does not matter."""

FOCAL = 1000.0 * DISTANCE / 2.0
"""Pixels: two metres are a thousand."""

DEPTH_WEIGHT = 700.0
"""Depths in metres count about as much as distances on the picture, which are parts of the person's height."""


@dataclass(frozen=True)
class BodyFit:
    """SMPL parameters (axis-angle, metres) of one person in the axes of the keypoints."""

    global_orient: Float[np.ndarray, "3"]
    body_pose: Float[np.ndarray, "21 3"]
    betas: Float[np.ndarray, " shapes"]
    transl: Float[np.ndarray, "3"]
    codes: Int[np.ndarray, "21 heads"]
    joints: Float[np.ndarray, "24 3"]
    vertices: Float[np.ndarray, "vertices 3"]
    error: float
    """Mean distance of the body's landmarks to the keypoints, weighted by confidence, in metres."""


def fit_keypoints_3d(
    points: Float[np.ndarray, "people joints 3"],
    confidence: Float[np.ndarray, "people joints"] | None = None,
    format: FormatName = "mediapipe",
    up: Sequence[float] = (0.0, 1.0, 0.0),
    fitter: Fitter | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> list[BodyFit]:
    """Fit bodies to 3D keypoints, everybody in one batch.

    Args:
        points: metres, in any axes of which ``up`` is known. Those of confidence zero may be anything finite.
        confidence: from 0 to 1; all 1 if left out. At least four of each person must be seen.
        format: which keypoints these are (`fitting.inputs.keypoints.FORMATS`).
        up: the direction against gravity.
        fitter: body, prior and settings; the shipped ones if left out.
        on_step: called after every step.

    Returns:
        One result for each person, in the axes of the points.

    Raises:
        ValueError: the points are not finite or of another shape, too few are seen, all seen ones are on a line, or
            ``up`` is no direction.
    """
    points = np.asarray(points, dtype=np.float32)
    if points.ndim != 3 or points.shape[-1] != 3 or not np.isfinite(points).all():
        raise ValueError(f"points must be finite and (people, joints, 3), in metres, not {points.shape}")
    confidence = np.ones(points.shape[:2], np.float32) if confidence is None else np.asarray(confidence, np.float32)
    if confidence.shape != points.shape[:2]:
        raise ValueError(f"confidence must be (people, joints) = {points.shape[:2]}, not {confidence.shape}")
    fitter = fitter or Fitter()
    to_camera = _upright(up).to(fitter.device, fitter.dtype)
    seen = Keypoints(points[..., :2], confidence, format).seen
    for person in range(len(points)):
        spread = np.linalg.svd(points[person, seen[person]] - points[person, seen[person]].mean(0), compute_uv=False)
        if spread[1] < 1e-3:
            raise ValueError(f"the keypoints of person {person} lie on a line: three at least must not")

    shown = torch.from_numpy(points).to(to_camera) @ to_camera.mT
    weight = torch.from_numpy(confidence * seen).to(shown)[..., None]
    centre = (weight * shown).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
    away = shown.new_tensor([0.0, 0.0, DISTANCE])
    moved = torch.where(weight > 0, shown - centre + away, away)
    camera = Camera(shown.new_full((len(shown),), FOCAL), shown.new_zeros(len(shown), 2))
    keypoints = Keypoints(camera.project(moved).cpu().numpy(), confidence * seen, format, moved.cpu().numpy(), 0.0)
    weights = dataclasses.replace(fitter.settings.weights, depth=DEPTH_WEIGHT)
    settings = dataclasses.replace(fitter.settings, depth_cue=True, weights=weights)
    _, found = solve(fitter.body, fitter.space, fitter.regressor, keypoints, camera, settings, on_step)

    with torch.no_grad():
        body_pose = fitter.body_pose(found)
        orient = to_camera.mT @ found.orient
        off = torch.from_numpy(points).to(shown) - fitter.body.landmarks(orient, body_pose, found.betas, format=format)
        transl = (weight * off).sum(1) / weight.sum(1)
        output = fitter.body(orient, body_pose, found.betas, transl)
        distance = torch.linalg.vector_norm(off - transl[:, None], dim=-1, keepdim=True)
        arrays = {
            "global_orient": matrix_to_axis_angle(orient),
            "body_pose": matrix_to_axis_angle(body_pose),
            "betas": found.betas,
            "transl": transl,
            "codes": fitter.model.encode_latents(fitter.space.latents(found.pose)),
            "joints": output.joints,
            "vertices": output.vertices,
        }
        error = (weight * distance).sum((1, 2)) / weight.sum((1, 2))
    numpy = {name: array.cpu().numpy() for name, array in arrays.items()}
    if not all(np.isfinite(array).all() for array in numpy.values()):
        raise ValueError("the fit came out as NaN or infinite: are the points in metres?")
    return [
        BodyFit(**{name: array[person] for name, array in numpy.items()}, error=error[person].item())
        for person in range(len(points))
    ]


def _upright(up: Sequence[float]) -> Float[Tensor, "3 3"]:
    """A rotation that takes ``up`` to a camera's up, which is -y."""
    direction = torch.tensor(up, dtype=torch.float32)
    if direction.shape != (3,) or not torch.isfinite(direction).all() or not direction.norm() > 0:
        raise ValueError(f"up is a direction of three numbers, not {list(up)}")
    direction = direction / direction.norm()
    target = direction.new_tensor([0.0, -1.0, 0.0])
    axis = torch.linalg.cross(direction, target)
    if axis.norm() < 1e-6:
        flip = 1.0 if direction[1] < 0 else -1.0
        return torch.diag(direction.new_tensor([1.0, flip, flip]))
    angle = torch.acos((direction @ target).clamp(-1, 1))
    rotation: Tensor = roma.rotvec_to_rotmat(axis / axis.norm() * angle)
    return rotation
