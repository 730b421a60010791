"""Fits of hands to their keypoints in several calibrated cameras."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from fitting.hands.fit import HandsInView, fit_hands
from fitting.inputs.camera import Camera
from fitting.inputs.hand_keypoints import HandKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle

PEOPLE = 5
HEADINGS = (0.0, 70.0, -70.0)
"""Of the cameras around the people, in degrees."""
AWAY = torch.tensor([0.0, 0.2, 2.5])
NOISE_PX, NOISE_M = 0.02 * 72.0, 0.008
"""2 % of the hands' length in the pictures, and the error of positions in metres."""
TIPS = [4, 8, 12, 16, 20]


@pytest.fixture(scope="module")
def people(make_people):
    return make_people(PEOPLE)


@pytest.fixture(scope="module")
def views(people):
    """What cameras around the people see, with noise."""
    return [seen_from(people.landmarks, math.radians(heading), seed) for seed, heading in enumerate(HEADINGS)]


def seen_from(landmarks, heading, seed):
    rotation = axis_angle_to_matrix(torch.tensor([0.0, heading, 0.0]))
    translation = AWAY - rotation @ AWAY
    seen = landmarks @ rotation.mT + translation
    generator = torch.Generator().manual_seed(seed)
    camera = Camera.for_image(1000, 1000, 1000.0, batch=PEOPLE)
    xy = camera.project(seen.flatten(1, 2)).unflatten(1, (2, 21))
    xy = xy + NOISE_PX * torch.randn(xy.shape, generator=generator)
    world = seen - seen[:, :, :1] + NOISE_M * torch.randn(seen.shape, generator=generator)
    return HandsInView(HandKeypoints(xy.numpy(), np.ones(xy.shape[:-1]), world.numpy()), camera, rotation, translation)


def fitted(body, space, views, people):
    return fit_hands(body, space, views, *people.fitted)


def tips_mm(body, found, people):
    """Mean distance of the fingertips relative to the wrist."""
    shape, truth = (people.betas, people.transl), people.landmarks
    ours = body.hand_landmarks(people.orient, found.body_pose, *shape, hand_pose=found.hand_pose)
    off = (ours - ours[:, :, :1] - truth + truth[:, :, :1])[:, :, TIPS]
    return 1000 * off.norm(dim=-1).mean().item()


def changed(view, **changes):
    return dataclasses.replace(view, keypoints=dataclasses.replace(view.keypoints, **changes))


@pytest.fixture(scope="module")
def of_all(body, space, views, people):
    return fitted(body, space, views, people)


def test_several_views_are_more_exact_than_one(body, space, views, people, of_all):
    single = [tips_mm(body, fitted(body, space, [view], people), people) for view in views]
    assert of_all.fitted.all()
    assert tips_mm(body, of_all, people) < 0.6 * min(single)


@pytest.mark.parametrize("which", [0, 1])
def test_a_mirrored_view_costs_little(body, space, views, people, which):
    """Of the starts, one for each view, that with the least cost is taken, and not the first."""
    xy = views[which].keypoints.xy.copy()
    xy[..., 0] = 2 * xy[:, :, :1, 0] - xy[..., 0]
    world = views[which].keypoints.world * np.float32([-1, 1, 1])
    mirrored, others = changed(views[which], xy=xy, world=world), [*views[:which], *views[which + 1 :]]
    wrong = fitted(body, space, [*views[:which], mirrored, *views[which + 1 :]], people)
    assert wrong.fitted.all()
    assert tips_mm(body, wrong, people) < 1.1 * tips_mm(body, fitted(body, space, others, people), people)


def test_exchanged_hands_of_a_view_cost_little(body, space, views, people):
    everybody = np.ones(PEOPLE, dtype=bool)
    exchanged = dataclasses.replace(views[1], keypoints=views[1].keypoints.exchanged(everybody))
    wrong = fitted(body, space, [views[0], exchanged, views[2]], people)
    assert wrong.fitted.all()
    others = fitted(body, space, [views[0], views[2]], people)
    assert tips_mm(body, wrong, people) < 1.1 * tips_mm(body, others, people)


def test_views_without_a_hand_change_nothing(body, space, views, people):
    hidden = changed(views[1], confidence=0 * views[1].keypoints.confidence)
    one, both = (fitted(body, space, seen, people) for seen in ([views[0]], [views[0], hidden]))
    assert torch.allclose(one.hand_pose, both.hand_pose, atol=1e-3)
    assert torch.allclose(one.body_pose, both.body_pose, atol=1e-3)


def test_hands_do_not_depend_on_the_axes_of_the_bodies(body, space, views, people):
    """One view, in its own axes and in those of the first camera."""
    orient, pose, betas, transl = people.fitted
    view = views[2]
    pelvis = body(torch.zeros(PEOPLE, 3), torch.zeros(PEOPLE, 21, 3), betas).joints[:, 0]
    own = view.rotation @ orient, pose, betas, (pelvis + transl) @ view.rotation.mT + view.translation - pelvis
    there = fit_hands(body, space, [HandsInView(view.keypoints, view.camera)], *own)
    here = fitted(body, space, [view], people)
    assert there.fitted.all()
    assert here.fitted.all()
    assert geodesic_angle(there.hand_pose, here.hand_pose).max() < 0.05
    assert geodesic_angle(there.body_pose, here.body_pose).max() < 0.05
