"""Recorded motions on a floor in front of a static camera, with simulated detector errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, MIN_SEEN, SEEN_CONFIDENCE, Keypoints
from fitting.optimise.initialize import stature
from fitting.training.detector_errors import draw_detections
from fitting.video.contact import foot_points
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix

FPS, SIZE, FOCAL = 30.0, (1280, 720), 1100.0
GRAVITY = 9.81

FEET = FORMATS["mediapipe"].indices(*foot_points("mediapipe"))
"""Landmarks of heels and toes."""

STANDS_MM, STANDS_HEIGHT = 2.0, 0.03
"""Contact in the truth: maximum motion of a point between frames (mm), and its maximum height (m)."""

FLIGHT = 0.5
"""Duration of jumps in seconds."""

_BLUR = 1.0
"""Width of the smoothing at transitions between the feet, in frames."""


@dataclass(frozen=True)
class Scene:
    """A motion in front of a camera, in camera axes."""

    name: str
    joints: Float[Tensor, "frames 22 3"]
    feet: Float[Tensor, "frames 4 3"]
    """Positions of heels and toes, metres."""
    stands: Bool[np.ndarray, "frames 4"]
    """Whether each of them is in contact with the floor."""
    up: Float[Tensor, "3"]
    camera_height: float
    flying: Bool[np.ndarray, " frames"]
    """Mask of the frames in the air."""
    landmarks: Float[Tensor, "frames 33 3"]
    xy: Float[Tensor, "frames 33 2"]
    height: Float[Tensor, " frames"]
    """Standing height of the person in pixels."""

    def seen(self, seed: int) -> TrackedKeypoints:
        """Simulate a detector with independent errors in every frame.

        Args:
            seed: seed of the errors.

        Returns:
            Keypoints of the frames with a detection.
        """
        generator = torch.Generator().manual_seed(seed)
        found = draw_detections(self.landmarks, self.xy, self.height, "mediapipe", generator)
        confident = found.confidence > SEEN_CONFIDENCE
        inside = confident & ((found.xy >= 0) & (found.xy < torch.tensor(SIZE))).all(-1)
        enough = np.flatnonzero(((confident.sum(1) >= MIN_SEEN) & (2 * inside.sum(1) > confident.sum(1))).numpy())
        keypoints = Keypoints(found.xy.numpy(), found.confidence.numpy(), "mediapipe")
        return TrackedKeypoints(keypoints[enough.tolist()], enough, FPS)


def make_scene(
    body: Body, name: str, poses: Float[np.ndarray, "frames 24 3"], seed: int, *, jump: bool = False, aside: float = 0.0
) -> Scene:
    """Make a scene of a body with a random shape and a recorded motion, with its lowest foot on the floor.

    Args:
        body: body model.
        name: name of the recording.
        poses: SMPL poses, axis-angle in radians, z up.
        seed: seed of shape, direction and camera.
        jump: add half a second in the air in the middle.
        aside: distance to the right of the camera's axis in metres.

    Returns:
        The scene.
    """
    generator = torch.Generator().manual_seed(seed)
    pose = torch.from_numpy(poses).float()
    z_up = axis_angle_to_matrix(torch.tensor([-math.pi / 2, 0.0, 0.0]))
    draw = torch.rand(4, generator=generator)
    yaw = axis_angle_to_matrix(torch.tensor([0.0, 2 * math.pi * draw[0].item(), 0.0]))
    betas = torch.randn(1, body.num_betas, generator=generator).expand(len(pose), -1)
    orient = yaw @ z_up @ axis_angle_to_matrix(pose[:, 0])
    way, flying = _way(body, orient, pose[:, 1:22], betas, jump)

    height, pitch = 0.8 + 0.8 * draw[1].item(), math.radians(2 + 10 * draw[2].item())
    to_camera = axis_angle_to_matrix(torch.tensor([math.pi + pitch, 0.0, 0.0]))
    reach = way.amax(0) - way.amin(0)
    away = 4.0 + 1.5 * draw[3].item() + (reach[2].item() + 2 * reach[0].item()) / 2
    middle = (way.amax(0) + way.amin(0)) / 2
    shift = torch.tensor([aside - middle[0], -height, -away - middle[2]])
    rest = pose.new_zeros(1, 22, 3)
    pelvis = body.posed_landmarks(rest[:, 0], rest[:, 1:], betas[:1]).joints[:, 0]
    transl = (pelvis + way + shift) @ to_camera.T - pelvis
    landmarks, joints, _ = body.posed_landmarks(to_camera @ orient, pose[:, 1:22], betas, transl)
    feet = landmarks[:, list(FEET)]
    up = to_camera[:, 1]
    camera = Camera.for_image(*SIZE, FOCAL, batch=len(pose))
    tall = stature(body, betas[:1])
    return Scene(
        *(name, joints[:, :22], feet, _standing(feet, up, height, soles(body, betas[:1])), up, height, flying),
        *(landmarks, camera.project(landmarks), FOCAL * tall / joints[:, 0, 2]),
    )


def soles(body: Body, betas: Float[Tensor, "1 shapes"]) -> Float[Tensor, "4"]:
    """Compute the heights of heels and toes above the sole.

    Args:
        body: body model.
        betas: shape coefficients.

    Returns:
        Heights in metres.
    """
    rest = betas.new_zeros(1, 22, 3)
    flat = body.landmarks(rest[:, 0], rest[:, 1:], betas)[0, list(FEET), 1]
    above: Float[Tensor, "4"] = flat - body(rest[:, 0], rest[:, 1:], betas).vertices[..., 1].amin()
    return above


def _way(
    body: Body,
    orient: Float[Tensor, "frames 3 3"],
    pose: Float[Tensor, "frames 21 3"],
    betas: Float[Tensor, "frames shapes"],
    jump: bool,
) -> tuple[Float[Tensor, "frames 3"], Bool[np.ndarray, " frames"]]:
    """Translations that keep the lowest point of the feet in place at height zero, and the frames in the air."""
    feet = body.landmarks(orient, pose, betas)[:, list(FEET)].double().numpy()
    feet[..., 1] -= soles(body, betas[:1]).numpy()
    lowest = feet[..., 1].argmin(1)
    every = np.arange(len(feet) - 1)
    steps = feet[every, lowest[1:]] - feet[every + 1, lowest[1:]]
    way = np.concatenate([np.zeros((1, 3)), steps]).cumsum(0)
    way[:, 1] = -feet[..., 1].min(1)
    way = gaussian_filter1d(way, _BLUR, axis=0)
    seconds = np.arange(len(way)) / FPS - len(way) / FPS / 2
    arc = GRAVITY / 2 * ((FLIGHT / 2) ** 2 - np.square(seconds)) * jump
    way[:, 1] += arc.clip(min=0.0)
    return torch.from_numpy(way).float(), arc > 0.02


def _standing(
    feet: Float[Tensor, "frames 4 3"], up: Float[Tensor, "3"], height: float, sole: Float[Tensor, "4"]
) -> Bool[np.ndarray, "frames 4"]:
    """Mask of the points of the feet that are on the ground and do not move until the next frame."""
    low = (feet @ up + height - sole).numpy() < STANDS_HEIGHT
    still = 1000 * (feet[1:] - feet[:-1]).norm(dim=-1).numpy() < STANDS_MM
    return np.concatenate([still & low[1:] & low[:-1], np.zeros((1, len(FEET)), bool)])
