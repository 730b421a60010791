"""Hands read from files of fits."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.hands.files import read_hands
from fitting.hands.template import TemplateHands
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
    (folder,) = write_results(tmp_path, [dataclasses.replace(person, hands=hands, body="open")], [{}], meshes=())
    found = read_hands(folder / "fit.npz")
    expected = matrix_to_axis_angle(of_right_hands(flat_and_bent))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    assert np.abs(left).max() > 0.1, "the open body's hands rest bent"


def test_hands_of_other_bodies_are_as_in_the_file(make_person, tmp_path):
    rng = np.random.default_rng(0)
    left, right = rng.normal(0, 0.3, (2, 15, 3)).astype(np.float32)
    hands = HandPoses(left, right, np.array([True, False]))
    (folder,) = write_results(
        tmp_path, [dataclasses.replace(make_person(), hands=hands, body="SMPLX")], [{}], meshes=()
    )
    assert np.array_equal(read_hands(folder / "fit.npz"), np.concatenate([left, right]))


def test_files_without_hands(make_person, tmp_path):
    (folder,) = write_results(tmp_path, [make_person()], [{}], meshes=())
    assert read_hands(folder / "fit.npz") is None
    rest = np.zeros((15, 3), np.float32)
    unseen = dataclasses.replace(make_person(), hands=HandPoses(rest, rest, np.array([False, False])))
    (folder,) = write_results(tmp_path, [unseen], [{}], meshes=())
    assert read_hands(folder / "fit.npz") is None
    np.savez(tmp_path / "damaged.npz", hands_found=np.array([True, True]))
    with pytest.raises(ValueError, match=r"damaged\.npz has no left_hand_pose"):
        read_hands(tmp_path / "damaged.npz")
