"""Hands read from files of poses, and written to them."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.hands.files import hand_arrays, hands_of, read_hands, resting_hands
from fitting.hands.template import TemplateHands
from fitting.output.amass import write_motion
from fitting.output.hand_poses import HandPoses
from fitting.output.results import write_results
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.hands.angles import rotations_of
from qposer.hands.pairs import of_right_hands


@pytest.fixture
def flat_and_bent():
    """A flat left hand, and a right hand with a bent index finger."""
    angles = torch.zeros(2, 15, 3)
    angles[1, 0, 0] = 1.0
    return rotations_of(angles)


def test_hands_of_the_open_body_are_relative_to_flat_ones(make_person, flat_and_bent, tmp_path):
    person = make_person()
    template = TemplateHands.of(Body.open(hands=True), torch.from_numpy(person.betas)[None])
    left, right = matrix_to_axis_angle(template.to_body(flat_and_bent[None])[0]).view(2, 15, 3).numpy()
    hands = HandPoses(left, right, np.array([True, True]))
    person = dataclasses.replace(person, hands=hands, body="open")
    (folder,) = write_results(tmp_path, [person], [{}], meshes=())
    expected = matrix_to_axis_angle(of_right_hands(flat_and_bent))[None]
    for found in (read_hands(folder / "fit.npz"), hands_of(person)):
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    assert np.abs(left).max() > 0.1, "the open body's hands rest bent"


def test_hands_of_other_bodies_are_as_in_the_file(make_person, tmp_path):
    rng = np.random.default_rng(0)
    left, right = rng.normal(0, 0.3, (2, 15, 3)).astype(np.float32)
    hands = HandPoses(left, right, np.array([True, False]))
    (folder,) = write_results(
        tmp_path, [dataclasses.replace(make_person(), hands=hands, body="SMPLX")], [{}], meshes=()
    )
    np.testing.assert_allclose(read_hands(folder / "fit.npz"), np.concatenate([left, right])[None], atol=1e-5)


def random_hands(seed=0):
    return np.random.default_rng(seed).normal(0, 0.3, (2, 30, 3)).astype(np.float32)


@pytest.mark.parametrize(("joints", "flat"), [(52, True), (55, True), (52, False)])
def test_hands_of_amass_files_are_relative_to_flat_ones(joints, flat, tmp_path):
    poses = np.zeros((2, joints, 3), np.float32)
    poses[:, -30:] = random_hands()
    np.savez(tmp_path / "walk.npz", poses=poses.reshape(2, -1) if flat else poses)
    np.testing.assert_allclose(read_hands(tmp_path / "walk.npz"), poses[:, -30:], atol=1e-5)
    np.savez(tmp_path / "rigid.npz", poses=np.zeros((2, 3 * joints), np.float32))
    assert read_hands(tmp_path / "rigid.npz") is None


def test_motion_of_the_open_body_is_relative_to_its_rest(flat_and_bent, tmp_path):
    body = Body.open(hands=True)
    template = TemplateHands.of(body, torch.zeros(1, body.num_betas))
    hands = matrix_to_axis_angle(template.to_body(flat_and_bent[None])).numpy()
    still, body_pose = np.zeros((1, 3)), np.zeros((1, 21, 3))
    write_motion(tmp_path / "motion.npz", still, body_pose, np.zeros(10), still, still[0], 30.0, "open", hands)
    expected = matrix_to_axis_angle(of_right_hands(flat_and_bent))[None]
    torch.testing.assert_close(read_hands(tmp_path / "motion.npz"), expected, atol=1e-3, rtol=0)


def test_a_hand_without_a_pose_is_at_rest(tmp_path):
    poses = np.zeros((1, 52, 3), np.float32)
    poses[0, -15:] = random_hands()[0, :15]
    np.savez(tmp_path / "walk.npz", poses=poses)
    (found,) = read_hands(tmp_path / "walk.npz")
    torch.testing.assert_close(found[:15], resting_hands()[:15])
    np.testing.assert_allclose(found[15:], poses[0, -15:], atol=1e-5)


def test_written_hands_come_back(tmp_path):
    hands = torch.from_numpy(random_hands())
    hands[1] = resting_hands()
    hands[0, :15] = resting_hands()[:15]
    arrays = hand_arrays(hands)
    assert arrays["hands_found"].tolist() == [[False, True], [False, False]]
    assert not arrays["left_hand_pose"].any()
    assert str(arrays["body"]) == "open"
    np.savez(tmp_path / "edit.npz", body_pose=np.zeros((2, 21, 3), np.float32), **arrays)
    torch.testing.assert_close(read_hands(tmp_path / "edit.npz"), hands, atol=1e-5, rtol=0)


def test_files_without_hands(make_person, tmp_path):
    (folder,) = write_results(tmp_path, [make_person()], [{}], meshes=())
    assert read_hands(folder / "fit.npz") is None
    rest = np.zeros((15, 3), np.float32)
    unseen = dataclasses.replace(make_person(), hands=HandPoses(rest, rest, np.array([False, False])))
    (folder,) = write_results(tmp_path, [unseen], [{}], meshes=())
    assert read_hands(folder / "fit.npz") is None
    pose = np.zeros((1, 21, 3), np.float32)
    np.savez(tmp_path / "damaged.npz", body_pose=pose, hands_found=np.array([True, True]))
    with pytest.raises(ValueError, match=r"damaged\.npz has no left_hand_pose"):
        read_hands(tmp_path / "damaged.npz")
    wrong = np.full((1, 15, 3), np.nan, np.float32)
    np.savez(tmp_path / "damaged.npz", body_pose=pose, left_hand_pose=wrong, right_hand_pose=wrong)
    with pytest.raises(ValueError, match=r"damaged\.npz: the hands contain NaN"):
        read_hands(tmp_path / "damaged.npz")
