"""Hands of initial bodies: kept where no hand is seen, and starts of fits elsewhere."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.hands.start import StartHands
from fitting.hands.template import TemplateHands
from fitting.inputs.camera import Camera
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.images import Photo
from fitting.inputs.keypoints import Keypoints
from fitting.inputs.starts import StartBodies, read_start
from fitting.optimise.start import as_start, given_start
from fitting.output.results import read_result, write_results
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle, matrix_to_axis_angle
from qposer.hands.pairs import mirror
from qposer.hands.prior import load_hand_prior

PEOPLE, SIZE, FOCAL = 3, (1000, 1000), 1100.0


@pytest.fixture(scope="module")
def truth(fitter, body):
    """Bodies with hands, and their keypoints."""
    pose = fitter.prior.sample(PEOPLE, seed=5)
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])).expand(PEOPLE, 3, 3)
    transl = torch.tensor([[x, 0.1, 4.0] for x in (-1.0, 0.0, 1.0)])
    betas = torch.zeros(PEOPLE, body.num_betas)
    drawn = load_hand_prior().sample(2 * PEOPLE, seed=3).unflatten(0, (PEOPLE, 2))
    hands = TemplateHands.of(body, betas).to_body(drawn)
    camera = Camera.for_image(*SIZE, FOCAL, batch=PEOPLE)
    xy = camera.project(body.landmarks(orient, pose, betas, transl))
    seen = Keypoints(xy.numpy(), np.ones(xy.shape[:2]), "mediapipe")
    arrays = [matrix_to_axis_angle(part).numpy() for part in (pose, orient, hands)]
    start = StartBodies(arrays[0], arrays[1], betas.numpy(), "open", arrays[2])
    landmarks = body.hand_landmarks(orient, pose, betas, transl, hand_pose=hands)
    return start, seen, landmarks


def fit(fitter, seen, start):
    return fitter.fit_keypoints(seen, SIZE, focal=FOCAL, start=start)


@pytest.fixture(scope="module")
def kept(fitter, truth):
    return fit(fitter, truth[1], truth[0])


def test_hands_of_a_start_are_kept_without_keypoints(kept, truth):
    for result, pose in zip(kept, truth[0].hand_pose, strict=True):
        np.testing.assert_allclose(result.hands.both, pose, atol=1e-4)
        assert result.hands.found.all()
        assert result.notes == ()


def test_a_hand_that_the_start_lacks_stays_at_rest(fitter, truth):
    found = np.array([[True, False]] * PEOPLE)
    for result in fit(fitter, truth[1], dataclasses.replace(truth[0], hands_found=found)):
        assert not result.hands.right.any()
        assert result.hands.left.any()
        assert result.hands.found.tolist() == [True, False]


def test_people_without_a_start_have_no_hands(fitter, truth):
    first, *others = fit(fitter, truth[1], truth[0][[0]])
    assert first.hands is not None
    assert [other.hands for other in others] == [None] * (PEOPLE - 1)


def test_no_hands_means_those_of_the_start_too(fitter, truth):
    photo = Photo(np.zeros((*SIZE, 3), np.uint8), FOCAL)
    options = {"keypoints": truth[1], "start": truth[0], "people": PEOPLE}
    for hands in (True, False):
        results = fitter.fit_photo(photo, hands=hands, **options)
        assert [result.hands is not None for result in results] == [hands] * PEOPLE


def test_files_of_fits_keep_hands(fitter, kept, tmp_path):
    half = dataclasses.replace(kept[1], hands=dataclasses.replace(kept[1].hands, found=np.array([True, False])))
    kept = [kept[0], half, kept[2]]
    folders = write_results(tmp_path, kept, [{}] * PEOPLE)
    for folder, result in zip(folders, kept, strict=True):
        for name in ("fit.npz", "fit.json"):
            start = read_start(folder / name)
            np.testing.assert_allclose(start.hand_pose[0], result.hands.both, atol=1e-6)
            assert start.hands_found.tolist() == [result.hands.found.tolist()]
    again = fitter.refit(read_result(folders[0]))
    np.testing.assert_allclose(again.hands.both, kept[0].hands.both, atol=1e-4)


def test_hands_of_a_start_are_the_initial_guess(fitter, truth, body):
    """With keypoints but no positions in metres: fingers come closer with the true poses as the start."""
    start, seen, landmarks = truth
    xy = Camera.for_image(*SIZE, FOCAL, batch=PEOPLE).project(landmarks.flatten(1, 2)).unflatten(1, (2, 21))
    shown = dataclasses.replace(seen, hands=HandKeypoints(xy.numpy(), np.ones(xy.shape[:-1])))
    angles = []
    for given in (start, dataclasses.replace(start, hand_pose=None, hands_found=None)):
        results = fit(fitter, shown, given)
        assert all(result.hands.found.all() for result in results)
        found = torch.from_numpy(np.stack([result.hands.both for result in results]))
        true = axis_angle_to_matrix(torch.from_numpy(start.hand_pose))
        angles.append(geodesic_angle(axis_angle_to_matrix(found), true).mean())
    assert angles[0] < 0.6 * angles[1]


def test_hands_are_mirrored_with_a_mirrored_body(fitter, truth):
    start = as_start(truth[0], fitter.body)
    start = dataclasses.replace(start, hands=dataclasses.replace(start.hands, found=FOUND))
    mirrored = dataclasses.replace(start, body_pose=mirror_body_pose(start.body_pose))
    xy, weight = torch.from_numpy(truth[1].xy), torch.ones(truth[1].xy.shape[:2])
    camera = Camera.for_image(*SIZE, FOCAL, batch=PEOPLE)
    back = given_start(fitter.body, mirrored, start.orient, xy, weight, "mediapipe", camera)
    turned = (back.body_pose - mirrored.body_pose).flatten(1).norm(dim=1) > 1
    assert turned.any()
    torch.testing.assert_close(back.hands.pose[turned], mirror(start.hands.pose[turned]))
    assert torch.equal(back.hands.found[turned], FOUND.flip(1)[turned])


FOUND = torch.tensor([[True, False]] * PEOPLE)


def test_hands_of_other_bodies_point_the_same_way(body):
    """Flat hands of SMPL-H are not the open body's resting hands."""
    betas = torch.zeros(1, body.num_betas)
    flat = StartHands(torch.eye(3).expand(1, 30, 3, 3), torch.ones(1, 2, dtype=torch.bool), "smplh")
    found = flat.on(body, betas)
    assert found.body == "open"
    still = torch.zeros(1, 3), torch.zeros(1, 21, 3)
    joints = body(*still, betas, hand_pose=found.pose).joints[0, 22:].unflatten(0, (10, 3))
    bones = torch.nn.functional.normalize(joints.diff(dim=1), dim=-1)
    fingers = torch.arange(10) % 5 != 4
    assert (bones[fingers, 0] * bones[fingers, 1]).sum(-1).min() > 0.999, "fingers are straight"
    other = Body(dataclasses.replace(body.data, name="other"))
    back = found.on(other, betas)
    assert back.body == "other"
    torch.testing.assert_close(back.pose, found.pose, atol=1e-5, rtol=0.0)
    assert found.on(body, betas) is found
