"""Corrections of a fitted photo: the photo and detector are real."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.fit import Fitter
from fitting.inputs.images import read_image
from fitting.studio.editor import Editor
from fitting.studio.photo_fit import CORRECTABLE, PhotoFit
from qposer import CodePrior
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.io.assets import asset


@pytest.fixture(scope="module")
def fitted():
    return PhotoFit(Fitter(), "walk_side.jpg", read_image(asset("walk_side.jpg")))


@pytest.fixture
def photo(fitted):
    """The fitted photo without corrections."""
    fitted.choose(0)
    return fitted


def test_keypoints_are_on_the_person_in_the_picture(photo):
    places = np.array([*photo.places.values()])
    assert [*photo.places] == [*CORRECTABLE]
    assert (places > 0.05).all()
    assert (places < 0.95).all()
    assert photo.places["nose"][1] < photo.places["left_hip"][1] < photo.places["left_ankle"][1]


def test_a_dragged_keypoint_takes_the_limb_along(photo):
    before = photo.result.joints[20]
    place = photo.places["left_wrist"] + np.array([0.0, -0.1])
    photo.drag("left_wrist", place)
    assert photo.places["left_wrist"] == pytest.approx(place)
    assert before[1] - photo.result.joints[20][1] > 0.05
    photo.toggle("left_wrist")
    assert "left_wrist" in photo.corrections.unseen
    photo.toggle("left_wrist")
    assert photo.corrections.unseen == frozenset()
    assert photo.places["left_wrist"] == pytest.approx(place + np.array([0.0, 0.1]))


def test_hands_are_found_and_shown_before_and_after_corrections(photo, mannequin):
    editor = Editor(CodePrior.from_pretrained(), mannequin)
    editor.photo = photo
    shown = []
    for correct in (lambda fit: fit.choose(0), lambda fit: fit.drag("nose", fit.places["nose"])):
        editor.correct(correct)
        assert photo.result.hands.found.all()
        shown.append(matrix_to_axis_angle(editor.session.current.hand_pose).numpy())
        np.testing.assert_allclose(shown[-1], photo.result.hands.both, atol=1e-4)
    assert (np.abs(shown).max(axis=-1) > 1e-3).mean() > 0.9


def test_words_and_height_are_kept_and_refusals_change_nothing(photo):
    said = photo.tell("left hand on the left hip", 1.6)
    assert "2D error" in said
    before = photo.result
    with pytest.raises(ValueError, match="hyperdrive"):
        photo.tell("left hand on the hyperdrive", 1.6)
    assert photo.result is before
    assert photo.corrections.hold == "left hand on the left hip"
    photo.tell("", 0.0)
    assert photo.corrections.height is None


def test_hypotheses_can_be_chosen(photo):
    assert len(photo.hypotheses) > 1
    said = photo.choose(1)
    assert photo.result is photo.hypotheses[1]
    assert f"{photo.result.probability:.0%}" in said
    assert not torch.allclose(*(torch.from_numpy(one.body_pose) for one in photo.hypotheses[:2]), atol=1e-3)
    with pytest.raises(ValueError, match="no hypothesis 9"):
        photo.choose(8)


def test_corrections_of_a_hypothesis_keep_its_left_and_right(photo, monkeypatch):
    swapped = dataclasses.replace(
        photo.hypotheses[1], keypoints=photo.hypotheses[1].keypoints.exchanged(np.array([True])), swapped=True
    )
    monkeypatch.setattr(photo, "hypotheses", [photo.hypotheses[0], swapped])
    photo.choose(1)
    photo.tell("", 1.7)
    np.testing.assert_array_equal(photo.result.keypoints.xy, swapped.keypoints.xy)
    assert photo.result.swapped
