"""Hands of a person in a clip of several views."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.hands.template import TemplateHands
from fitting.inputs.hand_keypoints import joined_hands
from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.views.clip import fit_tracks
from qposer.body_pose.rotations import axis_angle_to_matrix, rotation_lerp
from qposer.hands.prior import load_hand_prior

FRAMES, TIPS, ELBOWS_AND_WRISTS = 12, [4, 8, 12, 16, 20], [17, 18, 19, 20]
UNMATCHED = 6
"""Frame that only one camera shows."""


@pytest.fixture(scope="module")
def body():
    return Body.open(hands=True)


@pytest.fixture(scope="module")
def motion(fitter, truth, body):
    """A person who walks and moves the fingers: landmarks of the body, and of the hands."""
    t = torch.linspace(0, 1, FRAMES)[:, None]
    pose = axis_angle_to_matrix(0.1 * torch.sin(4 * t + torch.arange(63)).unflatten(1, (21, 3)))
    upright = axis_angle_to_matrix(torch.tensor([torch.pi / 2, 0.0, 0.0]))
    orient = upright @ axis_angle_to_matrix(t * torch.tensor([0.0, 0.5, 0.0]))
    transl = t * torch.tensor([0.2, 0.0, 0.0]) + torch.tensor([0.0, 0.0, 0.9])
    betas = torch.zeros(FRAMES, body.num_betas)
    first, last = (end.expand(FRAMES, 2, 15, 3, 3) for end in load_hand_prior().sample(4, seed=1).view(2, 2, 15, 3, 3))
    fingers = TemplateHands.of(body, betas).to_body(rotation_lerp(first, last, 0.3 * t[:, None]))
    landmarks = fitter.body.landmarks(orient, pose, None, transl)
    hands = body.hand_landmarks(orient, pose, betas, transl, hand_pose=fingers)
    return dataclasses.replace(truth, landmarks=landmarks.numpy()), hands.numpy()


@pytest.fixture(scope="module")
def tracks(motion, cameras, hands_seen_by):
    """What three cameras see."""
    walk, hands = motion
    found = []
    for camera in cameras[:3]:
        seen = walk.seen_by(camera, noise=1.0)
        whole = joined_hands([hands_seen_by(camera, each) for each in hands])
        found.append(TrackedKeypoints(dataclasses.replace(seen, hands=whole), np.arange(FRAMES), 30.0))
    gap = np.delete(np.arange(FRAMES), [UNMATCHED])
    return [found[0], *(one[gap] for one in found[1:])]


@pytest.fixture(scope="module")
def fitted(fitter, tracks, cameras):
    return fit_tracks(fitter, tracks, cameras[:3], (0, 0, 0))


def tips_mm(body, clip, motion):
    """Distances of the fingertips relative to the wrists, in world axes."""
    given = (clip.global_orient, clip.body_pose, np.tile(clip.betas, (len(clip.frames), 1)), clip.transl)
    *parameters, fingers = (torch.from_numpy(value) for value in (*given, clip.hands.both))
    found, truth = body.hand_landmarks(*parameters, hand_pose=fingers).numpy(), motion[1]
    off = (found - found[:, :, :1] - truth + truth[:, :, :1])[:, :, TIPS]
    return 1000 * np.linalg.norm(off, axis=-1).mean((1, 2))


def test_hands_of_all_frames_are_fitted(body, fitted, motion):
    error = tips_mm(body, fitted, motion)
    assert np.delete(error, UNMATCHED).max() < 6
    assert np.flatnonzero(~fitted.hands.found.all(1)).tolist() == [UNMATCHED]
    assert error[UNMATCHED] < 5, "hands that nobody sees are interpolated"
    given = (fitted.global_orient, fitted.body_pose, np.tile(fitted.betas, (FRAMES, 1)), fitted.transl)
    joints = body(*(torch.from_numpy(value) for value in given)).joints[:, :22]
    np.testing.assert_allclose(joints.numpy(), fitted.joints[:, :22], atol=2e-3)


def test_exchanged_hands_of_a_view_go_with_the_body(fitter, body, tracks, cameras, motion):
    everywhere = np.ones(len(tracks[1].keypoints), bool)
    turned = dataclasses.replace(tracks[1], keypoints=tracks[1].keypoints.exchanged(everywhere))
    clip = fit_tracks(fitter, [tracks[0], turned], cameras[:2], (0, 0))
    assert np.delete(tips_mm(body, clip, motion), UNMATCHED).max() < 6


def test_without_keypoints_hands_are_rigid(fitter, fitted, tracks, cameras):
    bare = [dataclasses.replace(one, keypoints=dataclasses.replace(one.keypoints, hands=None)) for one in tracks]
    clip = fit_tracks(fitter, bare, cameras[:3], (0, 0, 0))
    assert clip.hands is None
    others = np.delete(clip.body_pose - fitted.body_pose, ELBOWS_AND_WRISTS, axis=1)
    np.testing.assert_allclose(others, 0.0, atol=1e-5)
