"""Fits on another device than the CPU, simulated, give the same bodies."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.camera import Camera
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.keypoints import Keypoints
from fitting.inputs.starts import StartBodies
from fitting.optimise.settings import FitSettings
from fitting.video import clip
from fitting.video.clip import fit_clip
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.prior import load_hand_prior
from tests.other_device import DEVICE, OtherDevice

SIZE, FOCAL = (1280, 960), 1100.0


@pytest.fixture(scope="module")
def people(fitter):
    """Keypoints of two people with hands, exact, and a camera."""
    body = Body.open(hands=True)
    pose = fitter.prior.sample(2, seed=4)
    orient = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0], [torch.pi - 0.1, 0.4, 0.0]]))
    transl = torch.tensor([[-0.5, 0.0, 4.0], [0.8, 0.1, 5.0]])
    fingers = load_hand_prior().sample(4, seed=0).reshape(2, 30, 3, 3)
    camera = Camera.for_image(*SIZE, FOCAL, batch=2)
    landmarks = body.landmarks(orient, pose, None, transl)
    hands = body.hand_landmarks(orient, pose, torch.zeros(2, body.num_betas), transl, hand_pose=fingers)
    xy = camera.project(hands.flatten(1, 2)).unflatten(1, (2, 21)).numpy()
    seen_hands = HandKeypoints(xy, np.ones((2, 2, 21)), (hands - hands[:, :, :1]).numpy())
    seen = Keypoints(camera.project(landmarks).numpy(), np.ones((2, 33)), "mediapipe", hands=seen_hands)
    return seen, landmarks.numpy()


def in_photo(fitter, keypoints, points):
    return fitter.fit_keypoints(keypoints, SIZE, focal=FOCAL, hypotheses=2)


def held(fitter, keypoints, points):
    bodies = StartBodies(np.zeros((2, 21, 3), np.float32))
    return fitter.fit_keypoints(replace(keypoints, hands=None), SIZE, focal=FOCAL, start=bodies)


def refitted(fitter, keypoints, points):
    (first,) = fitter.fit_keypoints(keypoints[:1], SIZE, focal=FOCAL)
    x, y = first.keypoints.xy[0, first.keypoints.names.index("left_wrist")]
    return [fitter.refit(first, moved={"left_wrist": (x + 40, y)}, holds=("right hand on the right hip",), height=1.8)]


def in_space(fitter, keypoints, points):
    return fitter.fit_keypoints_3d(points)


def in_views(fitter, keypoints, points):
    intrinsics = np.array([[FOCAL, 0, SIZE[0] / 2], [0, FOCAL, SIZE[1] / 2], [0, 0, 1]])
    cameras = [
        CalibratedCamera(name, intrinsics, np.eye(3), np.array([shift, 0.0, 0.0]), np.zeros(0), SIZE)
        for name, shift in (("a", 0.0), ("b", -1.0))
    ]
    views = []
    for camera in cameras:
        seen = (points[:1] + camera.translation) @ intrinsics.T
        views.append(Keypoints(seen[..., :2] / seen[..., 2:], np.ones((1, 33)), "mediapipe"))
    return fitter.fit_views(views, cameras, up="-y")


def in_video(fitter, keypoints, points):
    moving = Keypoints(np.repeat(keypoints.xy[:1], 6, axis=0), np.ones((6, 33)), "mediapipe")
    return [fit_clip(fitter, TrackedKeypoints(moving, np.arange(6), 30.0), SIZE, focal=FOCAL)]


FITS = (in_photo, held, refitted, in_space, in_views, in_video)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fit", FITS)
def test_fits_give_the_same_bodies_on_another_device(people, fit, monkeypatch):
    monkeypatch.setattr(clip, "in_threads", map)  # other threads do not have the simulated device
    keypoints, points = people
    settings = FitSettings(holds=("left foot on the floor",)) if fit is held else None
    expected = fit(Fitter(settings=settings), keypoints, points)
    with OtherDevice():
        found = fit(Fitter(settings=settings, device=DEVICE), keypoints, points)
    for ours, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other.joints, ours.joints, atol=2e-3)
        np.testing.assert_allclose(other.body_pose, ours.body_pose, atol=1e-2)
    assert load_hand_prior().model.quantizer.codebooks.device.type == "cpu"  # others use it, too
