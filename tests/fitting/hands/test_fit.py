"""Fits of the hands of bodies to their keypoints."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.hands.fit import HandsInView, fit_hands
from fitting.hands.template import TemplateHands
from fitting.inputs.camera import Camera
from fitting.inputs.hand_keypoints import HandKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.hands.prior import load_hand_prior

PEOPLE = 6
WRISTS = [BODY_JOINT_NAMES.index(f"{side}_wrist") for side in ("left", "right")]


@pytest.fixture(scope="module")
def people(body):
    """Bodies with bent wrists and posed fingers, their parameters, and the keypoints of their hands."""
    generator = torch.Generator().manual_seed(0)
    orient = axis_angle_to_matrix(
        torch.tensor([torch.pi, 0.0, 0.0]) + 0.2 * torch.randn(PEOPLE, 3, generator=generator)
    )
    pose = torch.zeros(PEOPLE, 21, 3)
    pose[:, WRISTS] = 0.3 * torch.randn(PEOPLE, 2, 3, generator=generator)
    pose[:, WRISTS, 0] += 0.8  # twists of the forearms
    pose = axis_angle_to_matrix(pose)
    betas = 0.5 * torch.randn(PEOPLE, body.num_betas, generator=generator)
    transl = torch.tensor([0.0, 0.2, 2.5]).expand(PEOPLE, 3)
    drawn = load_hand_prior().sample(2 * PEOPLE, seed=0).unflatten(0, (PEOPLE, 2))
    fingers = TemplateHands.of(body, betas).to_body(drawn)
    landmarks = body.hand_landmarks(orient, pose, betas, transl, hand_pose=fingers)
    camera = Camera.for_image(1000, 1000, batch=PEOPLE)
    xy = camera.project(landmarks.flatten(1, 2)).unflatten(1, (2, 21)).numpy()
    hands = HandKeypoints(xy, np.ones((PEOPLE, 2, 21)), (landmarks - landmarks[:, :, :1]).numpy())
    return (camera, orient, pose, betas, transl), fingers, landmarks, hands


def rigid(pose):
    """The pose with straight wrists, as a fit without hands has it."""
    other = pose.clone()
    other[:, WRISTS] = torch.eye(3)
    return other


def fitted(body, space, hands, given):
    camera, orient, pose, betas, transl = given
    return fit_hands(body, space, [HandsInView(hands, camera)], orient, rigid(pose), betas, transl)


def test_fingers_and_wrists_are_found(body, space, people):
    given, _, landmarks, hands = people
    _, orient, pose, betas, transl = given
    found = fitted(body, space, hands, given)
    assert found.fitted.all()
    ours = body.hand_landmarks(orient, found.body_pose, betas, transl, hand_pose=found.hand_pose)
    off = (ours - ours[:, :, :1]) - (landmarks - landmarks[:, :, :1])
    assert 1000 * off.norm(dim=-1).mean() < 8
    before = body.hand_landmarks(orient, rigid(pose), betas, transl)
    missed = (before - before[:, :, :1]) - (landmarks - landmarks[:, :, :1])
    assert off.norm(dim=-1).mean() < 0.25 * missed.norm(dim=-1).mean()


def test_without_positions_in_metres_hands_are_found_less_exactly(body, space, people):
    given, _, landmarks, hands = people
    _, orient, _, betas, transl = given
    found = fitted(body, space, dataclasses.replace(hands, world=None), given)
    ours = body.hand_landmarks(orient, found.body_pose, betas, transl, hand_pose=found.hand_pose)
    off = (ours - ours[:, :, :1]) - (landmarks - landmarks[:, :, :1])
    assert 1000 * off.norm(dim=-1).mean(-1).median() < 20


def test_the_rest_of_the_body_does_not_move(body, space, people):
    given, _, _, hands = people
    _, orient, pose, betas, transl = given
    found = fitted(body, space, hands, given)
    before = body(orient, rigid(pose), betas, transl).joints[:, :22]
    after = body(orient, found.body_pose, betas, transl).joints[:, :22]
    assert (after - before).norm(dim=-1).max() < 0.005


def test_unseen_hands_stay_at_rest(body, space, people):
    given, _, _, hands = people
    confidence = hands.confidence.copy()
    confidence[:, 0] = 0.0
    found = fitted(body, space, dataclasses.replace(hands, confidence=confidence), given)
    assert found.fitted.tolist() == [[False, True]] * PEOPLE
    assert torch.equal(found.hand_pose[:, :15], torch.eye(3).expand(PEOPLE, 15, 3, 3))
    assert torch.equal(found.body_pose[:, WRISTS[0]], torch.eye(3).expand(PEOPLE, 3, 3))


def test_hands_of_the_other_arm_or_folded_back_are_left_out(body, space, people):
    given, _, _, hands = people
    exchanged = HandKeypoints(hands.xy[:, ::-1], hands.confidence[:, ::-1], hands.world[:, ::-1])
    assert not fitted(body, space, exchanged, given).fitted.any()
    wrist = hands.xy[:, :, :1]
    folded = HandKeypoints(2 * wrist - hands.xy, hands.confidence, hands.world * (-1, -1, 1))
    found = fitted(body, space, folded, given)
    bend = geodesic_angle(found.body_pose[:, WRISTS], torch.eye(3))
    assert bend[found.fitted].numel() == 0 or bend[found.fitted].max() < 2.4


def test_people_do_not_depend_on_each_other(body, space, people):
    given, _, _, hands = people
    alone = tuple(part[torch.tensor([2])] for part in given)
    one = fitted(body, space, hands[[2]], alone)
    every = fitted(body, space, hands, given)
    assert torch.allclose(one.hand_pose[0], every.hand_pose[2], atol=1e-3)
