"""Photos of children: recorded poses with straight legs, seen from the front half."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.prior.poses import Poses
from fitting.body.body import Body
from fitting.body.body_data import BodyData
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.training.detector_errors import draw_detections
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, NUM_JOINTS
from qposer.io.npz import read_npz

AGES, CHILDREN = (3, 6, 10), 20
"""Years, and children of each age in the file."""

SIZE, TALL = 1000, 730.0
"""Of the images and of the children in them, pixels."""

ADULT = 1.7
"""Height in metres of everybody in a detector's positions in metres."""

FILE = Path(__file__).parent / "children.npz"


class Photographed(NamedTuple):
    """Children of one age."""

    keypoints: Keypoints
    camera: Camera
    height: Float[Tensor, " people"]
    """True standing height in metres."""
    joints: Float[Tensor, "people 24 3"]
    """True joints, metres."""


def photographed(age: int, errors: bool, number: int = CHILDREN, metres: bool = False, views: int = 1) -> Photographed:
    """Photograph children of an age.

    Args:
        age: one of the `AGES`.
        errors: keypoints have errors like those of a detector.
        number: number of children.
        metres: keypoints have positions in metres, those of an adult, as a detector has learned them.
        views: pictures of each child.

    Returns:
        Their keypoints and cameras, and the truth, for the first pictures of all, then the second ones.
    """
    file = read_npz(FILE, ("vertices", "points", "height"))
    rows = slice(AGES.index(age) * CHILDREN, AGES.index(age) * CHILDREN + number)
    height = torch.from_numpy(file["height"][rows]).repeat(views)
    body = _body(file["vertices"], file["points"][rows].astype(np.float32))
    poses, generator = Poses.quick().test, torch.Generator().manual_seed(age)
    legs = [BODY_JOINT_NAMES.index(f"{side}_{name}") for side in ("left", "right") for name in ("hip", "knee")]
    straight = poses[poses[:, legs].norm(dim=-1).sum(-1).argsort()[:number]].repeat(views, 1, 1)
    people = len(height)
    pitch, yaw = (low + width * torch.rand(people, generator=generator) for low, width in ((-0.1, 0.3), (-0.8, 1.6)))
    about_x, about_y, away = torch.eye(3)
    orient = axis_angle_to_matrix((math.pi + pitch)[:, None] * about_x) @ axis_angle_to_matrix(yaw[:, None] * about_y)
    focal = 700.0 + 800.0 * torch.rand(people, generator=generator)
    transl = (focal * height / TALL)[:, None] * away
    shapes = torch.eye(number).repeat(views, 1)
    landmarks, joints, _ = body.posed_landmarks(orient, axis_angle_to_matrix(straight), shapes, transl)
    camera = Camera(focal, torch.full((people, 2), SIZE / 2))
    xy, confidence = camera.project(landmarks), torch.ones(landmarks.shape[:2])
    if errors:
        xy, confidence, _ = draw_detections(landmarks, xy, torch.full((people,), TALL), "mediapipe", generator)
    hips = [FORMATS["mediapipe"].names.index(f"{side}_hip") for side in ("left", "right")]
    adult = (landmarks - landmarks[:, hips].mean(1, keepdim=True)) * (ADULT / height)[:, None, None]
    keypoints = Keypoints(xy.numpy(), confidence.numpy(), "mediapipe", adult.numpy() if metres else None)
    return Photographed(keypoints, camera, height, joints)


def _body(vertices: np.ndarray, points: Float[np.ndarray, "people points 3"]) -> Body:
    """A body with a shape component for each child: the vertices of its landmarks, and its joints as vertices."""
    data, mean = Body.ages().data, points.mean(0)
    regressor = np.zeros((NUM_JOINTS, points.shape[1]), np.float32)
    regressor[:, len(vertices) :] = np.eye(NUM_JOINTS)
    new = {int(vertex): index for index, vertex in enumerate(vertices)}
    landmarks = {
        name: {new[part] if isinstance(part, int) else part: weight for part, weight in landmark.items()}
        for name, landmark in data.landmarks.items()
    }
    return Body(
        BodyData(
            name="children",
            template=mean,
            shapes=np.moveaxis(points - mean, 0, -1),
            pose_shapes=None,
            joint_regressor=regressor,
            weights=np.concatenate([data.weights[vertices], np.eye(NUM_JOINTS, dtype=np.float32)]),
            faces=np.array([[0, 1, 2]]),
            landmarks=landmarks,
        )
    )
