"""Distances of the centre of mass from the feet."""

import math

import pytest
import torch

from fitting.optimise.balance import off_balance
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES, REST_JOINTS

UP = torch.tensor([[0.0, 1.0, 0.0]])
STANDING = torch.from_numpy(REST_JOINTS)[None, :22].float()


def leaning(joints, degrees):
    """Rotated about the ankles, forward."""
    ankles = joints[:, [JOINT_NAMES.index("left_ankle"), JOINT_NAMES.index("right_ankle")]].mean(1, keepdim=True)
    return ankles + (joints - ankles) @ axis_angle_to_matrix(torch.tensor([math.radians(degrees), 0.0, 0.0])).T


def test_a_standing_person_is_balanced_and_a_leaning_one_is_not():
    upright = off_balance(STANDING, UP)
    assert upright < 0.06
    for degrees in (-30, 30):
        fallen = off_balance(leaning(STANDING, degrees), UP)
        assert fallen == pytest.approx(0.9 * math.sin(math.radians(30)), abs=0.1)


def test_the_centre_may_be_anywhere_between_the_feet_but_not_beyond():
    apart, beside = STANDING.clone(), STANDING.clone()
    for name in ("ankle", "foot"):
        left, right = (JOINT_NAMES.index(f"{side}_{name}") for side in ("left", "right"))
        apart[:, left, 0] += 0.6
        beside[:, [left, right], 0] += 0.6
    assert off_balance(apart, UP) < 0.06
    assert off_balance(beside, UP) == pytest.approx(0.44, abs=0.02)


def test_axes_and_positions_do_not_matter():
    turn = axis_angle_to_matrix(torch.tensor([0.7, -1.1, 0.4]))
    joints = leaning(STANDING, 20)
    turned = (joints + torch.tensor([1.0, -2.0, 5.0])) @ turn.T
    torch.testing.assert_close(off_balance(turned, UP @ turn.T), off_balance(joints, UP), atol=1e-5, rtol=0)


def test_raised_arms_move_the_centre():
    lowered = leaning(STANDING, 30)
    raised = lowered.clone()
    for side in ("left", "right"):
        for name in ("elbow", "wrist"):
            raised[:, JOINT_NAMES.index(f"{side}_{name}"), 2] += 0.5
    farther = off_balance(raised, UP) - off_balance(lowered, UP)
    assert farther == pytest.approx(0.5 * 2 * (0.027 * 0.58 + 0.022), abs=1e-4)
