"""Pelvises are upright in photos of level cameras where keypoints do not tell, and only there."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.keypoints3d import solve_points
from fitting.optimise.problem import Weights
from fitting.optimise.settings import FitSettings
from qposer.body_pose.rotations import axis_angle_to_matrix

NAMES = FORMATS["mediapipe"].names
LEGS = [NAMES.index(f"{side}_{part}") for side in ("left", "right") for part in ("knee", "ankle", "heel", "foot_index")]


@pytest.fixture(scope="module")
def models():
    return Fitter()


@pytest.fixture(scope="module")
def people(models):
    """Eight poses of the prior before a camera, upright; the keypoints above the hips come too close to them."""
    poses = models.prior.sample(8, generator=torch.Generator().manual_seed(2))
    orient = axis_angle_to_matrix(torch.tensor([[math.pi, 0.0, 0.0]])).expand(8, 3, 3)
    transl = torch.tensor([[0.0, 0.2, 3.0]]).expand(8, 3)
    camera = Camera.for_image(1000, 1000, 1100.0, batch=8)
    xy = camera.project(models.body.landmarks(orient, poses, None, transl)).numpy()
    hips = xy[:, [NAMES.index("left_hip"), NAMES.index("right_hip")]].mean(1, keepdims=True)
    confidence = np.ones(xy.shape[:2])
    confidence[:, LEGS] = 0
    return Keypoints(hips + (xy - hips) * [1.0, 0.9], confidence, "mediapipe"), camera


def tilts(models, people, **settings):
    """Degrees between the pelvis and the image's vertical, towards the camera."""
    fitter = Fitter(models.body, models.prior, FitSettings(**settings))
    _, found = fitter.solve(*people)
    up = found.orient[:, :, 1]
    return torch.rad2deg(torch.atan2(-up[:, 2], -up[:, 1]))


def test_people_whose_legs_are_cut_off_lean_less(models, people):
    free = tilts(models, people, weights=dataclasses.replace(Weights(), upright=0.0)).abs()
    upright = tilts(models, people).abs()
    assert free.mean() > 6
    assert upright.mean() < 0.6 * free.mean()


def test_a_known_pitch_of_the_camera_is_the_direction(models, people):
    level, down = (tilts(models, people, camera_pitch=pitch) for pitch in (0.0, 20.0))
    assert (down - level).mean() > 5


@pytest.mark.parametrize("degrees", [0, 30, 90, 180])
def test_people_tilted_in_the_image_are_upright_along_their_torsos(models, people, degrees):
    keypoints, camera = people
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])  # clockwise, of rows
    turned = dataclasses.replace(keypoints, xy=(keypoints.xy - 500) @ turn + 500)
    problem, _ = models.solve(turned, camera)
    expected = (math.sin(angle), -math.cos(angle), 0.0) if degrees > 45 else (0.0, -1.0, 0.0)
    apart = torch.rad2deg(torch.acos((problem.up @ torch.tensor(expected)).clamp(-1, 1)))
    assert apart.mean() < 15


def test_points_in_space_may_have_any_direction(models):
    points = models.body.landmarks(torch.zeros(1, 3), torch.zeros(1, 21, 3))
    problem, *_ = solve_points(models, points.numpy(), np.ones((1, 33)), "mediapipe", torch.eye(3))
    assert problem.up is None
