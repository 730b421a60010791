"""Fingertips that are moved to targets."""

import math
from dataclasses import replace

import pytest
import torch

from qposer.control.finger_inverse_kinematics import solve_fingertips
from qposer.control.hand_instructions import instruct_hands
from qposer.control.hand_measures import PosedHand
from qposer.hands.anatomy import entangled
from qposer.hands.angles import LIMITS, angles_of
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import FINGERS

FLAT = torch.eye(3).expand(15, 3, 3).clone()
EASE = 1e-3
"""Radians of rounding."""


@pytest.fixture(scope="module")
def relaxed():
    return instruct_hands(FLAT.repeat(2, 1, 1), "relax the right hand").hand_pose[15:]


def tip(pose, finger, skeleton=HAND):
    return (PosedHand.of(pose, skeleton).place(f"{finger}_tip") / 100).tolist()


def within_ranges(pose, finger):
    angles, (low, high) = angles_of(pose), LIMITS.unbind(-1)
    joints = HAND.indices(finger)
    return bool(((angles > low - EASE) & (angles < high + EASE))[joints].all())


@pytest.mark.parametrize("finger", FINGERS)
def test_a_fingertip_goes_to_its_target_and_other_fingers_stay(relaxed, finger):
    way = (0.012, -0.012, 0.01) if finger == "thumb" else (0.02, -0.02, 0.003)
    target = [a + b for a, b in zip(tip(relaxed, finger), way, strict=True)]
    found = solve_fingertips(relaxed, {finger: target})
    assert math.dist(tip(found.hand_pose, finger), target) < 0.004
    assert found.distance[finger] == pytest.approx(math.dist(tip(found.hand_pose, finger), target), abs=1e-6)
    assert within_ranges(found.hand_pose, finger)
    others = [joint for joint in range(15) if joint not in HAND.indices(finger)]
    assert torch.equal(found.hand_pose[others], relaxed[others])
    assert found.energy < 3.0


def test_two_fingertips_move_together(relaxed):
    targets = {finger: [x + 0.015, y - 0.015, z] for finger in ("index", "ring") for x, y, z in [tip(relaxed, finger)]}
    found = solve_fingertips(relaxed, targets)
    assert max(found.distance.values()) < 0.004


@pytest.mark.parametrize(("finger", "way"), [("thumb", (0.015, -0.015, -0.02)), ("middle", (0.03, -0.03, 0.0))])
def test_a_fingertip_follows_a_target_that_moves_there_and_back(relaxed, finger, way):
    """Joints at the end of their range do not keep the finger from bending the other way."""
    pose, start = relaxed, tip(relaxed, finger)
    for update in range(41):
        part = 0.5 - 0.5 * math.cos(math.pi * update / 20)
        target = [a + part * b for a, b in zip(start, way, strict=True)]
        found = solve_fingertips(pose, {finger: target})
        assert found.distance[finger] < 0.004
        moved = PosedHand.of(found.hand_pose).points - PosedHand.of(pose).points
        assert moved.norm(dim=-1).max() < 2.0
        pose = found.hand_pose


@pytest.mark.parametrize("way", [(-0.3, 0.0, 0.0), (0.0, 0.1, 0.0), (0.1, 0.1, 0.0), (0.0, 0.0, 0.2)])
def test_targets_out_of_reach_are_approached_within_the_ranges_of_joints(relaxed, way):
    target = [a + b for a, b in zip(tip(relaxed, "index"), way, strict=True)]
    found = solve_fingertips(relaxed, {"index": target})
    assert within_ranges(found.hand_pose, "index")
    assert found.distance["index"] < math.dist(tip(relaxed, "index"), target) + 1e-4
    assert found.distance["index"] > 0.01


def test_targets_far_away_are_approached_in_steps(relaxed):
    """One run of the solver moves a fingertip by a few centimetres, so that it stays plausible."""
    target = [a + b for a, b in zip(tip(relaxed, "middle"), (0.08, -0.03, 0.0), strict=True)]
    first = solve_fingertips(relaxed, {"middle": target})
    assert 0.01 < first.distance["middle"] < 0.06
    assert solve_fingertips(first.hand_pose, {"middle": target}).distance["middle"] < first.distance["middle"] - 0.005


def test_a_finger_stays_out_of_the_palm(relaxed):
    x, y, z = PosedHand.of(relaxed).place("middle1").div(100).tolist()
    found = solve_fingertips(relaxed, {"middle": (x + 0.03, y + 0.02, z)})
    assert not entangled(angles_of(found.hand_pose)[None])[0]


def test_bones_are_those_of_the_skeleton(relaxed):
    child = replace(HAND, rest_points=0.6 * HAND.rest_points)
    x, y, z = tip(relaxed, "index", child)
    found = solve_fingertips(relaxed, {"index": (x + 0.01, y - 0.01, z)}, skeleton=child)
    assert math.dist(tip(found.hand_pose, "index", child), (x + 0.01, y - 0.01, z)) < 0.003


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({}, "no target is given"),
        ({"toe": (0, 0, 0)}, "there is no finger 'toe'"),
        ({"index": (0, 0)}, "three finite numbers"),
        ({"index": (0, 0, math.nan)}, "three finite numbers"),
        ({"index": "here"}, "three finite numbers"),
    ],
)
def test_wrong_targets_are_named(targets, message):
    with pytest.raises(ValueError, match=message):
        solve_fingertips(FLAT, targets)
