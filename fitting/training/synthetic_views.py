"""Synthetic views for training: poses before random cameras, seen with the errors of a detector."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, FormatName
from fitting.training.detector_errors import draw_detections
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, reflected
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.data.dataset import PoseDataset
from qposer.data.stance import upright_frames
from qposer.training.rig_variation import STRENGTH, vary_rig

FORMAT_SHARES: dict[FormatName, float] = {"mediapipe": 0.6, "openpose": 0.15, "coco": 0.15, "h36m": 0.1}

RIG_VARIATION = STRENGTH / 2
"""Strength of the rig variation; more reduces accuracy, because keypoints do not show all its changes."""

STANDING_SHARE = 0.2
"""Fraction of people sampled from the most upright poses, because most people in photos stand."""

DETECTED_SHARE = 0.6
"""Fraction of people with simulated detector errors; the others have independent noise."""

EYE_LEVEL_SHARE = 0.35
"""Fraction of people with recorded orientation seen from eye level."""

EYE_LEVEL = math.radians(8), math.radians(10)
"""Downward angle of such a camera to the centre of the person: mean and standard deviation."""

LEGS, SIDES = ("knee", "ankle", "heel", "foot_index", "toe"), ("left", "right")


@dataclass(frozen=True)
class Views:
    """People in front of cameras."""

    orient: Float[Tensor, "people 3 3"]
    body_pose: Float[Tensor, "people 21 3 3"]
    camera: Camera
    keypoints: Float[Tensor, "people joints 2"]
    confidence: Float[Tensor, "people joints"]
    format: FormatName

    def __len__(self) -> int:
        """Number of people."""
        return len(self.orient)

    def __getitem__(self, people: slice) -> Views:
        """Views of some of the people."""
        camera = Camera(self.camera.focal[people], self.camera.centre[people])
        person = self.orient[people], self.body_pose[people]
        return Views(*person, camera, self.keypoints[people], self.confidence[people], self.format)

    def to(self, device: str | torch.device) -> Views:
        """The same views on a device."""
        camera = Camera(self.camera.focal.to(device), self.camera.centre.to(device))
        person = self.orient.to(device), self.body_pose.to(device)
        return Views(*person, camera, self.keypoints.to(device), self.confidence.to(device), self.format)


class Photographer:
    """Samples views of poses."""

    def __init__(self, body: Body, generator: torch.Generator) -> None:
        self.body, self.generator = body, generator

    def _uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.generator)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def draw(self, poses: Float[Tensor, "people 22 3 3"], format: FormatName) -> Views:
        """Sample views of poses (joint 0: relative to the world, y up) in one format.

        Args:
            poses: rotations, relative to the parents.
            format: keypoint format.

        Returns:
            Simulated keypoints with the true poses.
        """
        people = len(poses)
        orient = self._orientations(poses[:, 0])
        focal = 500 / torch.tan(self._uniform(math.radians(15), math.radians(40), people))
        depth = focal * 1.75 / self._uniform(300, 800, people)
        sideways = self._uniform(-0.4, 0.4, people, 2) * (500 * depth / focal)[:, None]
        transl = torch.cat([sideways, depth[:, None]], dim=-1)
        camera = Camera(focal, torch.full((people, 2), 500.0))
        betas = self._normal(people, self.body.num_betas)
        landmarks = self.body.landmarks(orient, poses[:, 1:], betas, transl, format=format)
        keypoints, confidence = self._observed(landmarks, camera.project(landmarks), focal * 1.7 / depth, format)
        return Views(orient, poses[:, 1:], camera, keypoints, confidence, format)

    def _orientations(self, recorded: Float[Tensor, "people 3 3"]) -> Float[Tensor, "people 3 3"]:
        """Recorded, upright to about 15 degrees, or random orientations, seen from all sides and slightly above or
        below.

        Some of the recorded ones are seen as in most photos: from eye level, by level cameras.
        """
        people = len(recorded)
        kind = torch.rand(people, generator=self.generator)
        level = kind < EYE_LEVEL_SHARE
        axes = torch.nn.functional.normalize(self._normal(people, 3), dim=-1)
        any_way = axis_angle_to_matrix(axes * self._uniform(0, math.pi, people, 1))
        upright = axis_angle_to_matrix(math.radians(15) * self._normal(people, 3))
        standing = torch.where((kind < 0.65)[:, None, None], recorded, upright)
        standing = torch.where((kind < 0.92)[:, None, None], standing, any_way)
        zero = torch.zeros(people)
        mean, spread = EYE_LEVEL
        down = torch.where(level, mean, 0.0) + torch.where(level, spread, math.radians(15)) * self._normal(people)
        lean = torch.where(level, math.radians(2), math.radians(5)) * self._normal(people)
        tilt = axis_angle_to_matrix(torch.stack([math.pi + down, zero, zero], dim=-1))
        roll = axis_angle_to_matrix(torch.stack([zero, zero, lean], dim=-1))
        turn = axis_angle_to_matrix(torch.stack([zero, self._uniform(0, 2 * math.pi, people), zero], dim=-1))
        return roll @ tilt @ turn @ standing

    def _observed(
        self,
        landmarks: Float[Tensor, "people joints 3"],
        xy: Float[Tensor, "people joints 2"],
        height: Float[Tensor, " people"],
        format: FormatName,
    ) -> tuple[Float[Tensor, "people joints 2"], Float[Tensor, "people joints"]]:
        """Keypoints with simulated detector errors or independent noise, a few outliers, and some missing."""
        people, joints = xy.shape[:2]
        detected = draw_detections(landmarks, xy, height, format, self.generator)
        noise = self._uniform(0.0, 0.03, people) * (torch.rand(people, generator=self.generator) < 0.8)
        noisy = xy + (noise * height)[:, None, None] * self._normal(people, joints, 2)
        real = torch.rand(people, 1, generator=self.generator) < DETECTED_SHARE
        found = torch.where(real[..., None], detected.xy, noisy)
        confidence = torch.where(real, detected.confidence, self._uniform(0.5, 1.0, people, joints))
        wild = torch.rand(people, joints, generator=self.generator) < self._uniform(-0.1, 0.1, people, 1)
        spread = height[:, None, None] * self._uniform(-0.7, 0.7, people, joints, 2)
        found = torch.where(wild[..., None], found.mean(1, keepdim=True) + spread, found)
        hidden = self._hidden(xy, format)
        hidden &= (hidden | (confidence == 0)).sum(-1, keepdim=True) <= joints - 6
        hidden |= confidence == 0
        return torch.where(hidden[..., None], 0.0, found), confidence * ~hidden

    def _hidden(self, xy: Float[Tensor, "people joints 2"], format: FormatName) -> Bool[Tensor, "people joints"]:
        """Hidden keypoints: none, scattered ones, legs, one side, or all below a line."""
        people, joints = xy.shape[:2]
        names = FORMATS[format].names
        kind = torch.rand(people, 1, generator=self.generator)
        hidden = torch.rand(people, joints, generator=self.generator) < self._uniform(0.0, 0.6, people, 1)
        hidden &= (kind > 0.35) & (kind < 0.6)
        legs = torch.tensor([name.endswith(LEGS) for name in names])
        hidden |= (kind > 0.6) & (kind < 0.72) & legs
        left, right = (torch.tensor([name.startswith(side) for name in names]) for side in SIDES)
        hidden |= (kind > 0.72) & (kind < 0.78) & left | (kind > 0.78) & (kind < 0.84) & right
        low, high = xy[..., 1].amin(1, keepdim=True), xy[..., 1].amax(1, keepdim=True)
        line = low + self._uniform(0.35, 1.0, people, 1) * (high - low)
        return hidden | (kind > 0.84) & (xy[..., 1] > line)


def view_source(
    body: Body, poses: Float[Tensor, "poses 24 3"], batch_size: int, generator: torch.Generator
) -> Callable[[], Views]:
    """Draws batches of views of random poses, half of them mirrored, all varied between rigs, in a random format.

    Args:
        body: body model of the people.
        poses: axis-angle in radians; joint 0 relative to the world, y up.
        batch_size: number of people in a batch.
        generator: source of all random numbers.

    Returns:
        A function that draws a batch.
    """
    photographer = Photographer(body, generator)
    names, shares = list(FORMAT_SHARES), torch.tensor(list(FORMAT_SHARES.values()))
    standing = torch.from_numpy(upright_frames(poses.numpy()))

    def draw() -> Views:
        chosen = torch.randint(len(poses), (batch_size,), generator=generator)
        upright = standing[torch.randint(len(standing), (batch_size,), generator=generator)]
        stands = torch.rand(batch_size, generator=generator) < STANDING_SHARE
        chosen = torch.where(stands, upright, chosen)
        rotations = axis_angle_to_matrix(poses[chosen, : NUM_BODY_JOINTS + 1])
        half = batch_size // 2
        mirrored = torch.cat([reflected(rotations[:half, :1]), mirror_body_pose(rotations[:half, 1:])], dim=1)
        format = names[int(torch.multinomial(shares, 1, generator=generator))]
        recorded = torch.cat([mirrored, rotations[half:]])
        body_pose = vary_rig(recorded[:, 1:], generator, RIG_VARIATION)
        return photographer.draw(torch.cat([recorded[:, :1], body_pose], dim=1), format)

    return draw


def held_out_views(body: Body, data: PoseDataset) -> list[Views]:
    """Views of every fourth validation pose, the same in every run.

    Args:
        body: body model of the people.
        data: poses.

    Returns:
        Views in MediaPipe's and in OpenPose's format.
    """
    fixed = Photographer(body, torch.Generator().manual_seed(1))
    poses = axis_angle_to_matrix(data.poses("validation")[::4, : NUM_BODY_JOINTS + 1])
    return [fixed.draw(poses, format) for format in ("mediapipe", "openpose")]
