"""Synthetic photos with known bodies: projected landmarks of poses with random shapes and cameras."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS
from qposer.body_pose.rotations import axis_angle_to_matrix

LEGS = ("knee", "ankle", "heel", "foot_index")
NOISE = 0.02
"""Standard deviation of the keypoint noise, as a fraction of the person's height."""

CONDITIONS = ("clean", "noise", "missing", "legs missing", "side missing", "outliers")


@dataclass(frozen=True)
class People:
    """A batch of people with MediaPipe's landmarks, each with a separate camera."""

    orient: Float[Tensor, "people 3 3"]
    body_pose: Float[Tensor, "people 21 3 3"]
    betas: Float[Tensor, "people 10"]
    transl: Float[Tensor, "people 3"]
    camera: Camera
    xy: Float[Tensor, "people 33 2"]
    height: Float[Tensor, " people"]
    """Standing height in pixels."""


def people(body: Body, poses: Float[Tensor, "poses 21 3"], number: int, generator: torch.Generator) -> People:
    """Draw people with random poses, shapes and cameras, as in `photographed`.

    Args:
        body: body model.
        poses: body poses to draw from, axis-angle in radians.
        number: number of people.
        generator: random generator.

    Returns:
        The people and their cameras.
    """
    return photographed(body, poses[torch.randint(len(poses), (number,), generator=generator)], generator)


def photographed(body: Body, poses: Float[Tensor, "people 21 3"], generator: torch.Generator) -> People:
    """Draw a person for each pose: shape ~ N(0, 1), uniform yaw, pitch within 20, and field of view 35 to 75 degrees.

    The image is 1000 pixels wide and high; a person of 1.75 m fills three quarters of its height.

    Args:
        body: body model.
        poses: body poses, axis-angle in radians.
        generator: random generator of shapes and cameras.

    Returns:
        The people in the order of the poses.
    """
    number = len(poses)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(number, generator=generator)

    body_pose = axis_angle_to_matrix(poses)
    betas = torch.randn(number, body.num_betas, generator=generator)
    zero = torch.zeros(number)
    pitch, yaw = uniform(-math.radians(20), math.radians(20)), uniform(0.0, 2 * math.pi)
    tilt = axis_angle_to_matrix(torch.stack([math.pi + pitch, zero, zero], dim=-1))
    orient = tilt @ axis_angle_to_matrix(torch.stack([zero, yaw, zero], dim=-1))
    focal = 500 / torch.tan(uniform(math.radians(35), math.radians(75)) / 2)
    depth = focal * 1.75 / 750
    transl = torch.stack([zero, zero, depth], dim=-1)
    camera = Camera(focal, torch.full((number, 2), 500.0))
    with torch.no_grad():
        xy = camera.project(body.landmarks(orient, body_pose, betas, transl))
    return People(orient, body_pose, betas, transl, camera, xy, focal * 1.7 / depth)


def observed(
    truth: People, condition: str, generator: torch.Generator
) -> tuple[Float[Tensor, "people 33 2"], Float[Tensor, "people 33"]]:
    """Simulate the keypoints of people under one of the `CONDITIONS`.

    Args:
        truth: true people.
        condition: name of the condition.
        generator: random generator.

    Returns:
        Keypoints in pixels, and confidences from 0 to 1.

    Raises:
        ValueError: the condition is unknown.
    """
    xy, confidence = truth.xy.clone(), torch.ones(truth.xy.shape[:2])
    names = FORMATS["mediapipe"].names
    if condition == "noise":
        xy += NOISE * truth.height[:, None, None] * torch.randn(xy.shape, generator=generator)
    elif condition == "missing":
        confidence = (torch.rand(confidence.shape, generator=generator) > 0.3).float()
    elif condition == "legs missing":
        confidence[:, [name.endswith(LEGS) for name in names]] = 0.0
    elif condition == "side missing":
        left = torch.tensor([name.startswith("left") for name in names])
        right = torch.tensor([name.startswith("right") for name in names])
        hidden = torch.where(torch.rand(len(xy), 1, generator=generator) < 0.5, left, right)
        confidence[hidden] = 0.0
    elif condition == "outliers":
        wild = torch.rand(confidence.shape, generator=generator) < 0.05
        xy = torch.where(wild[..., None], 1000 * torch.rand(xy.shape, generator=generator), xy)
    elif condition != "clean":
        raise ValueError(f"unknown condition {condition!r}: use one of {', '.join(CONDITIONS)}")
    return xy, confidence
