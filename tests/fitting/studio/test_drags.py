"""Drags with the shipped prior and the real solver."""

import numpy as np
import pytest
import torch

from fitting.studio.editor import Editor
from qposer import CodePrior
from qposer.control import edits


@pytest.fixture(scope="module")
def prior():
    return CodePrior.from_pretrained()


@pytest.fixture
def editor(prior, mannequin):
    return Editor(prior, mannequin)


def drag(editor, handle, by, steps=6):
    editor.drags.grab(handle)
    for step in range(1, steps + 1):
        editor.drags.pull(handle, np.array(by) * step / steps)
    return editor.drags.release(handle)


def moved(before, after, name):
    return after.points[name] - before.points[name]


def test_a_hand_goes_where_it_is_pulled_and_the_feet_stay(editor):
    before = editor.standing()
    assert drag(editor, "left_hand", [0.1, 0.5, 0.3]) == "Left hand moved."
    after = editor.standing()
    np.testing.assert_allclose(moved(before, after, "left_hand"), [0.1, 0.5, 0.3], atol=0.01)
    for name in ("left_foot", "right_foot", "left_heel", "right_heel"):
        np.testing.assert_allclose(moved(before, after, name), 0.0, atol=0.001)


def test_the_head_takes_the_spine_along(editor):
    before = editor.standing()
    drag(editor, "head", [0.0, -0.1, 0.3])
    np.testing.assert_allclose(moved(before, editor.standing(), "head"), [0.0, -0.1, 0.3], atol=0.06)


def test_hips_that_go_down_leave_the_feet_flat_on_the_ground(editor):
    before = editor.standing()
    drag(editor, "pelvis", [0.0, -0.3, -0.05], steps=12)
    after = editor.standing()
    assert after.pelvis[1] == pytest.approx(before.pelvis[1] - 0.3, abs=0.03)
    for name in ("left_foot", "right_foot", "left_heel", "right_heel"):
        np.testing.assert_allclose(moved(before, after, name), 0.0, atol=0.03)
    assert editor.shown.energy < 2.0


def test_a_hand_three_metres_away_is_reached_for(editor):
    before = editor.standing()
    said = drag(editor, "left_hand", [0.0, 3.0, 0.0], steps=2)
    way = moved(before, editor.standing(), "left_hand")
    assert way[1] > 1.0
    assert f"{np.linalg.norm(np.array([0.0, 3.0, 0.0]) - way):.2f} m short" in said


def test_parts_that_hold_still_keep_their_rotations(editor):
    editor.drags.locks = {"torso", "head"}
    before = editor.session.current.posture.body_pose
    drag(editor, "right_hand", [0.2, 0.4, 0.4])
    joints = edits.joints_of(["torso", "head", "left_arm", "legs"])
    assert torch.equal(editor.session.current.posture.body_pose[joints], before[joints])


def test_drags_of_locked_limbs_are_rejected(editor):
    editor.drags.locks = {"left_arm", "torso", "head"}
    editor.drags.grab("left_hand")
    with pytest.raises(ValueError, match=r"\w"):
        editor.drags.pull("left_hand", np.array([0.1, 0.2, 0.0]))
    editor.drags.release("left_hand")
    assert len(editor.session.poses) == 1
