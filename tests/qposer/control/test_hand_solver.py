"""Hands that satisfy constraints."""

import pytest
import torch

from qposer.control.hand_measures import Flexion, Gap, HandConstraint, PosedHand
from qposer.control.hand_solver import solve_hand
from qposer.hands.anatomy import entangled
from qposer.hands.angles import LIMITS, angles_of
from qposer.hands.prior import load_hand_prior

FLAT = torch.eye(3).expand(15, 3, 3).clone()


@pytest.fixture(scope="module")
def prior():
    return load_hand_prior()


def solved(prior, *constraints):
    return solve_hand(prior, FLAT, constraints, torch.Generator().manual_seed(0))


def test_constraints_hold_and_other_joints_keep_their_rotations(prior):
    pose = solved(prior, HandConstraint("", Flexion("index2"), 50, 55))
    assert 48 < PosedHand.of(pose).angles[1, 0] < 57
    others = [joint for joint in range(15) if joint != 1]
    assert torch.equal(pose[others], FLAT[others])


def test_fingertips_meet_without_entering_each_other(prior):
    touch = HandConstraint("", Gap("thumb_tip", "middle_tip"), 0.0, 1.4, "cm")
    pose = solved(prior, touch)
    assert Gap("thumb_tip", "middle_tip")(PosedHand.of(pose)) < 1.6
    assert not entangled(angles_of(pose)[None])[0]


def test_ranges_of_joints_win_over_constraints_out_of_reach(prior):
    pose = solved(prior, HandConstraint("", Flexion("index2"), 160, 170))
    assert angles_of(pose)[1, 0] < LIMITS[1, 0, 1] + 0.3


def test_constraints_that_hold_already_change_little(prior):
    pose = solved(prior, HandConstraint("", Flexion("ring1"), -5, 5))
    assert angles_of(pose)[9, 0].abs().rad2deg() < 6
