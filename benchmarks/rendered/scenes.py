"""Scenes with exact truth: people in known poses and shapes in front of known cameras."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from qposer.body_pose.rotations import axis_angle_to_matrix

SIZE = 800
"""Width and height of the pictures in pixels."""

CUT_SHARE = 0.25
"""Share of people close to the camera, whom the image border cuts off."""

LEAST_DEPTH = 1.3
"""Minimum distance between camera and pelvis in metres, which keeps hands in front of the camera."""

CAMERA_PITCH, CAMERA_PITCH_SPREAD = math.radians(-8), math.radians(10)
"""Mean and standard deviation of the camera's pitch; cameras at eye level look down slightly."""


@dataclass(frozen=True)
class Scenes:
    """A batch of people, each with a separate camera."""

    body: Body
    pose: Int[Tensor, " people"]
    """Indices of the people's poses."""
    orient: Float[Tensor, "people 3 3"]
    body_pose: Float[Tensor, "people 21 3 3"]
    betas: Float[Tensor, "people 10"]
    transl: Float[Tensor, "people 3"]
    camera: Camera

    def __len__(self) -> int:
        """Number of people."""
        return len(self.orient)

    @cached_property
    def landmarks(self) -> Float[Tensor, "people 33 3"]:
        """MediaPipe's landmarks in camera space, metres."""
        with torch.no_grad():
            return self.body.landmarks(self.orient, self.body_pose, self.betas, self.transl)

    @cached_property
    def xy(self) -> Float[Tensor, "people 33 2"]:
        """MediaPipe's landmarks in pixels."""
        return self.camera.project(self.landmarks)

    @cached_property
    def joints(self) -> Float[Tensor, "people 22 3"]:
        """Joints of the body in camera space, metres."""
        with torch.no_grad():
            joints: Tensor = self.body(self.orient, self.body_pose, self.betas, self.transl).joints[:, :22]
            return joints

    @property
    def height(self) -> Float[Tensor, " people"]:
        """Height in pixels of an upright adult of 1.7 m at the person's depth."""
        return self.camera.focal * 1.7 / self.transl[:, 2]

    @property
    def facing(self) -> Float[Tensor, " people"]:
        """Cosine of the angle between the pelvis' forward axis and the direction to the camera: 1 from the front."""
        ahead = self.orient[:, :, 2]
        return -(ahead * torch.nn.functional.normalize(self.transl, dim=-1)).sum(-1)


def draw_scenes(body: Body, poses: Float[Tensor, "poses 22 3"], number: int, generator: torch.Generator) -> Scenes:
    """Draw people: recorded poses, shapes ~ N(0, 1), yaw uniform, cameras near eye level, 35 to 75 degrees of view.

    Args:
        body: body model.
        poses: axis-angle in radians; joint 0 relative to the world, y up.
        number: number of people.
        generator: random generator.

    Returns:
        The people and their cameras.
    """

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(number, *shape, generator=generator)

    chosen = torch.randint(len(poses), (number,), generator=generator)
    rotations = axis_angle_to_matrix(poses[chosen])
    betas = torch.randn(number, body.num_betas, generator=generator)
    zero = torch.zeros(number)
    pitch = math.pi - (CAMERA_PITCH + CAMERA_PITCH_SPREAD * torch.randn(number, generator=generator))
    tilt = axis_angle_to_matrix(torch.stack([pitch, zero, zero], dim=-1))
    turn = axis_angle_to_matrix(torch.stack([zero, uniform(0.0, 2 * math.pi), zero], dim=-1))
    orient = tilt @ turn @ rotations[:, 0]
    focal = SIZE / 2 / torch.tan(uniform(math.radians(35), math.radians(75)) / 2)
    cut = uniform(0.0, 1.0) < CUT_SHARE
    filled = torch.where(cut, uniform(0.9, 1.8), uniform(0.4, 0.9))
    depth = (focal * 1.75 / (filled * SIZE)).clamp(min=LEAST_DEPTH)
    room = torch.where(cut, 0.25, (1 - filled).clamp(max=0.4) / 2)
    aside = room[:, None] * uniform(-1.0, 1.0, 2) * (SIZE * depth / focal)[:, None]
    aside[:, 1] += torch.where(cut, 0.3 * (filled - 0.6) * SIZE * depth / focal, 0.0)  # feet, not heads, out of view
    transl = torch.cat([aside, depth[:, None]], dim=-1)
    camera = Camera(focal, torch.full((number, 2), SIZE / 2))
    return Scenes(body, chosen, orient, rotations[:, 1:], betas, transl, camera)
