"""Fits of the hands of bodies to their keypoints."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.hands.arms import WRISTS
from fitting.hands.fit import HandsInView, fit_hands
from fitting.inputs.camera import Camera
from fitting.inputs.hand_keypoints import HandKeypoints
from qposer.body_pose.rotations import geodesic_angle

PEOPLE = 6


@pytest.fixture(scope="module")
def people(make_people):
    return make_people(PEOPLE, twist=0.8)


@pytest.fixture(scope="module")
def camera():
    return Camera.for_image(1000, 1000, batch=PEOPLE)


@pytest.fixture(scope="module")
def hands(people, camera):
    """Their keypoints."""
    return HandKeypoints(*seen(people, camera), (people.landmarks - people.landmarks[:, :, :1]).numpy())


def seen(people, camera):
    xy = camera.project(people.landmarks.flatten(1, 2)).unflatten(1, (2, 21)).numpy()
    return xy, np.ones((PEOPLE, 2, 21))


@pytest.fixture(scope="module")
def fitted(body, space, people, camera):
    def fitted(hands, chosen=slice(None), people=people):
        parameters = [part[chosen] for part in people.fitted]
        return fit_hands(body, space, [HandsInView(hands, camera[torch.arange(PEOPLE)[chosen]])], *parameters)

    return fitted


def off(body, people, pose, hand_pose=None):
    """Displacements of the landmarks relative to the wrists."""
    ours = body.hand_landmarks(people.orient, pose, people.betas, people.transl, hand_pose=hand_pose)
    return (ours - ours[:, :, :1]) - (people.landmarks - people.landmarks[:, :, :1])


def test_fingers_and_wrists_are_found(body, people, hands, fitted):
    found = fitted(hands)
    assert found.fitted.all()
    ours = off(body, people, found.body_pose, found.hand_pose)
    assert 1000 * ours.norm(dim=-1).mean() < 8
    assert ours.norm(dim=-1).mean() < 0.25 * off(body, people, people.rigid_pose).norm(dim=-1).mean()


def test_without_positions_in_metres_hands_are_found_less_exactly(body, people, hands, fitted):
    found = fitted(dataclasses.replace(hands, world=None))
    ours = off(body, people, found.body_pose, found.hand_pose)
    assert 1000 * ours.norm(dim=-1).mean(-1).median() < 20


def test_without_positions_in_metres_turned_forearms_are_found(body, make_people, camera, fitted):
    turned = make_people(PEOPLE, twist=2.0)
    found = fitted(HandKeypoints(*seen(turned, camera)), people=turned)
    ours = off(body, turned, found.body_pose, found.hand_pose)[found.fitted]
    assert found.fitted.sum() >= 2 * PEOPLE - 1
    assert 1000 * ours.norm(dim=-1).mean() < 10


def test_the_rest_of_the_body_does_not_move(body, people, hands, fitted):
    found = fitted(hands)
    before, after = (
        body(people.orient, pose, people.betas, people.transl).joints[:, :22]
        for pose in (people.rigid_pose, found.body_pose)
    )
    assert (after - before).norm(dim=-1).max() < 0.005


def test_unseen_hands_stay_at_rest(hands, fitted):
    confidence = hands.confidence.copy()
    confidence[:, 0] = 0.0
    found = fitted(dataclasses.replace(hands, confidence=confidence))
    assert found.fitted.tolist() == [[False, True]] * PEOPLE
    assert torch.equal(found.hand_pose[:, :15], torch.eye(3).expand(PEOPLE, 15, 3, 3))
    assert torch.equal(found.body_pose[:, WRISTS[0]], torch.eye(3).expand(PEOPLE, 3, 3))


def test_hands_of_the_other_arm_or_folded_back_are_left_out(hands, fitted):
    exchanged = HandKeypoints(hands.xy[:, ::-1], hands.confidence[:, ::-1], hands.world[:, ::-1])
    assert not fitted(exchanged).fitted.any()
    wrist = hands.xy[:, :, :1]
    folded = HandKeypoints(2 * wrist - hands.xy, hands.confidence, hands.world * (-1, -1, 1))
    found = fitted(folded)
    bend = geodesic_angle(found.body_pose[:, WRISTS], torch.eye(3))
    assert bend[found.fitted].numel() == 0 or bend[found.fitted].max() < 2.4


def test_people_do_not_depend_on_each_other(hands, fitted):
    one, every = fitted(hands[[2]], slice(2, 3)), fitted(hands)
    assert torch.allclose(one.hand_pose[0], every.hand_pose[2], atol=1e-3)
