"""Hands of people in several views."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.hands.template import TemplateHands
from fitting.views.exports import write_views
from fitting.views.fit import undistorted_views
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.prior import load_hand_prior
from qposer.io.npz import read_npz

TIPS = [4, 8, 12, 16, 20]


@pytest.fixture(scope="module")
def body():
    return Body.open(hands=True)


@pytest.fixture(scope="module")
def hand_landmarks(fitter, body):
    """Those of the first of the two people, with posed fingers."""
    body_pose = fitter.prior.sample(2, generator=torch.Generator().manual_seed(3))[:1]
    upright = axis_angle_to_matrix(torch.tensor([torch.pi / 2, 0.0, 0.0]))
    orient = upright @ axis_angle_to_matrix(torch.tensor([[0.0, 0.4, 0.0]]))
    betas = torch.zeros(1, body.num_betas)
    fingers = TemplateHands.of(body, betas).to_body(load_hand_prior().sample(2, seed=1)[None])
    transl = torch.tensor([[0.0, 0.1, 0.9]])
    return body.hand_landmarks(orient, body_pose, betas, transl, hand_pose=fingers)[0].numpy()


@pytest.fixture(scope="module")
def lenses(cameras):
    """The cameras, the first with a distorting lens."""
    return [dataclasses.replace(cameras[0], distortion=np.array([-0.2, 0.05, 0.0, 0.0])), *cameras[1:]]


@pytest.fixture(scope="module")
def views(lenses, truth, hand_landmarks, hands_seen_by):
    """Keypoints of the first person with hands."""
    seen = dataclasses.replace(truth, landmarks=truth.landmarks[:1])
    return [dataclasses.replace(seen.seen_by(one), hands=hands_seen_by(one, hand_landmarks)) for one in lenses]


@pytest.fixture(scope="module")
def fitted(fitter, views, lenses):
    return fitter.fit_views(views, lenses)[0]


def off_mm(body, result, truth):
    """Mean distance of the fingertips relative to the wrist, in world axes."""
    given = (result.global_orient, result.body_pose, result.betas, result.transl, result.hands.both)
    *parameters, fingers = (torch.from_numpy(value)[None] for value in given)
    found = body.hand_landmarks(*parameters, hand_pose=fingers)[0].numpy()
    off = (found - found[:, :1] - truth + truth[:, :1])[:, TIPS]
    return 1000 * np.linalg.norm(off, axis=-1).mean()


def test_hands_are_fitted_to_all_views(body, fitted, hand_landmarks):
    assert fitted.hands.found.all()
    assert fitted.warnings == ()
    assert off_mm(body, fitted, hand_landmarks) < 2


def test_the_mesh_has_the_fingers(body, fitted):
    given = (fitted.global_orient, fitted.body_pose, fitted.betas, fitted.transl, fitted.hands.both)
    *parameters, fingers = (torch.from_numpy(value)[None] for value in given)
    expected = body(*parameters, hand_pose=fingers).vertices[0].numpy()
    np.testing.assert_allclose(fitted.vertices, expected, atol=1e-4)


def test_hands_are_exchanged_with_the_body(fitter, body, views, lenses, hand_landmarks):
    """In one of two views, so that none is rejected."""
    exchanged = [views[0], views[1].exchanged(np.array([True]))]
    (result,) = fitter.fit_views(exchanged, lenses[:2])
    assert result.views[1].exchanged
    assert off_mm(body, result, hand_landmarks) < 1.5


def test_lens_distortion_is_removed(views, lenses, hand_landmarks):
    lens = lenses[0]
    seen = hand_landmarks @ lens.rotation.T + lens.translation
    expected = lens.focal * seen[..., :2] / seen[..., 2:] + lens.centre
    assert np.abs(views[0].hands.xy[0] - expected).max() > 1
    np.testing.assert_allclose(undistorted_views(views, lenses)[0].hands.xy[0], expected, atol=0.1)


def test_hands_far_from_their_arms_are_left_at_rest(fitter, views, lenses, hand_landmarks, hands_seen_by):
    raised = hand_landmarks + np.float32([0.0, 0.0, 0.3])
    wrong = [
        dataclasses.replace(view, hands=hands_seen_by(lens, raised)) for view, lens in zip(views, lenses, strict=True)
    ]
    (result,) = fitter.fit_views(wrong, lenses)
    assert not result.hands.found.any()
    assert "the keypoints of the left hand do not fit the arm: its fingers are left at rest" in result.warnings


def test_files_have_hands_only_if_they_are_fitted(fitter, fitted, views, lenses, tmp_path):
    (rigid,) = fitter.fit_views([dataclasses.replace(view, hands=None) for view in views], lenses)
    assert rigid.hands is None
    elbows_and_wrists = [17, 18, 19, 20]
    others = np.delete(fitted.body_pose - rigid.body_pose, elbows_and_wrists, axis=0)
    np.testing.assert_allclose(others, 0.0, atol=1e-6)
    for name, result in (("fingers", fitted), ("rigid", rigid)):
        (folder,) = write_views(tmp_path / name, [result], lenses, [None] * len(lenses))
        arrays, readable = read_npz(folder / "fit.npz"), json.loads((folder / "fit.json").read_text())
        for content in (arrays, readable):
            assert ("hands_found" in content) == (name == "fingers")
    arrays = read_npz(tmp_path / "fingers" / "person0" / "fit.npz")
    np.testing.assert_array_equal(arrays["left_hand_pose"], fitted.hands.left)
    np.testing.assert_array_equal(arrays["hands_found"], [True, True])
