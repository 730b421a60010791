"""Measures of hands on poses with known values."""

import math

import pytest
import torch

from qposer.control.hand_measures import (
    FLESH,
    UP_OF_THUMB,
    Apart,
    BoneAngle,
    Coordinate,
    Flexion,
    Gap,
    HandConstraint,
    InFront,
    Lead,
    PosedHand,
    Surface,
)
from qposer.hands.angles import rotations_of
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import FINGER_JOINT_NAMES

INDEX1 = FINGER_JOINT_NAMES.index("index1")


def hand(**degrees):
    """A hand with some joints flexed; spread with the suffix _spread."""
    angles = torch.zeros(15, 3)
    for name, value in degrees.items():
        joint, _, spread = name.partition("_")
        angles[FINGER_JOINT_NAMES.index(joint), 1 if spread else 0] = math.radians(value)
    return PosedHand.of(rotations_of(angles))


def test_angles():
    bent = hand(index1=40, middle1=10, index1_spread=5)
    assert Flexion("index1")(bent).item() == pytest.approx(40, abs=0.1)
    assert Lead("index", "middle")(bent).item() == pytest.approx(30, abs=0.1)
    assert Apart("index", "middle")(bent).item() == pytest.approx(11, abs=0.1)
    assert Apart("index", "middle")(hand()).item() == pytest.approx(6, abs=0.1)


def test_gaps_are_in_centimetres():
    points = 100 * torch.from_numpy(HAND.rest_points)
    assert Gap("index1", "pinky1")(hand()).item() == pytest.approx((points[1] - points[7]).norm().item(), abs=1e-3)
    assert InFront("index_tip", "index1")(hand(index1=90)).item() == pytest.approx(3.79 + 2.43 + 2.22, abs=0.05)


def test_coordinates_are_those_of_the_wrist():
    place = [Coordinate("index_tip", axis)(hand(index1=90)).item() for axis in range(3)]
    assert place == pytest.approx(hand(index1=90).place("index_tip").tolist())
    assert place[1] == pytest.approx(-0.73 - 3.79 - 2.43 - 2.22, abs=0.1)
    assert Coordinate("index2", 0).joints == ("index1",)


def test_bones_and_axes():
    assert BoneAngle("index1", (0.0, -1.0, 0.0))(hand(index1=90)).item() == pytest.approx(0, abs=1)
    assert BoneAngle("index1", "middle1")(hand()).item() == pytest.approx(6, abs=0.1)
    assert BoneAngle("thumb3", UP_OF_THUMB)(hand()).item() == pytest.approx(math.degrees(math.acos(0.566)), abs=1)


def test_the_surface_of_a_ball_is_a_finger_away_from_its_bones():
    flat = hand()
    near, far = (Surface("middle_tip", diameter, bar=False)(flat).item() for diameter in (4.0, 8.0))
    assert near > far - 4
    centre = torch.tensor([-7.5, -1.2 - 2.0, 0.0])
    assert near == pytest.approx((flat.place("middle_tip") - centre).norm().item() - 2.0 - FLESH, abs=1e-4)


@pytest.mark.parametrize(
    ("measure", "joints"),
    [
        (Gap("thumb_tip", "middle1"), ("thumb1", "thumb2", "thumb3")),
        (Gap("index2_bone", "ring2"), ("index1", "index2", "ring1")),
        (Surface("pinky3_bone", 5.0, bar=True), ("pinky1", "pinky2", "pinky3")),
        (BoneAngle("thumb2", "index1"), ("thumb1", "thumb2", "index1")),
    ],
)
def test_measures_depend_on_their_joints_only(measure, joints):
    assert measure.joints == joints
    value = measure(hand())
    for joint in FINGER_JOINT_NAMES:
        changed = abs(measure(hand(**{joint: 20})) - value).item() > 1e-3
        assert changed <= (joint in joints)


def test_contradictions():
    low, high = HandConstraint("a", Flexion("index1"), 0, 10), HandConstraint("b", Flexion("index1"), 20, 30)
    assert low.contradicts(high)
    assert not low.contradicts(HandConstraint("c", Flexion("index2"), 20, 30))
    assert low.residual(hand(index1=25)).item() == pytest.approx(15, abs=0.1)
    assert high.residual(hand(index1=15)).item() == pytest.approx(-5, abs=0.1)
