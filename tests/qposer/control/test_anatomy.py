import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.anatomy import ANGLES, angle_between
from qposer.control.measures import JointAngle

SEEDS = st.integers(0, 2**31)
SIDEWAYS = {"head_tilt", "head_turn", "trunk_tilt", "trunk_turn"}
"""Angles of trunk and head that change sign under reflection."""


def value(measure, posture):
    return float(measure(PosedSkeleton.of(posture)))


@pytest.mark.parametrize(
    ("turns", "angle", "degrees"),
    [
        ({"left_knee": (70.0, 0.0, 0.0)}, "left_knee_flexion", 70),
        ({"right_knee": (-5.0, 0.0, 0.0)}, "right_knee_flexion", -5),
        ({"left_elbow": (0.0, -90.0, 0.0)}, "left_elbow_flexion", 90),
        ({"right_elbow": (0.0, 90.0, 0.0)}, "right_elbow_flexion", 90),
        ({"left_hip": (-80.0, 0.0, 0.0)}, "left_hip_flexion", 80),
        ({"right_hip": (20.0, 0.0, 0.0)}, "right_hip_flexion", -20),
        ({"left_hip": (0.0, 0.0, 30.0)}, "left_hip_abduction", 30),
        ({"right_hip": (0.0, 0.0, -30.0)}, "right_hip_abduction", 30),
        ({"left_hip": (0.0, 40.0, 0.0)}, "left_hip_rotation", 40),
        ({"right_hip": (0.0, -40.0, 0.0)}, "right_hip_rotation", 40),
        ({"left_shoulder": (0.0, -90.0, 0.0)}, "left_shoulder_flexion", 90),
        ({"right_shoulder": (0.0, 90.0, 0.0)}, "right_shoulder_flexion", 90),
        ({"left_shoulder": (0.0, 0.0, 0.0)}, "left_shoulder_abduction", 90),
        ({"right_shoulder": (0.0, 0.0, 0.0)}, "right_shoulder_elevation", 90),
        ({"left_shoulder": (0.0, 0.0, 80.0)}, "left_shoulder_elevation", 170),
        ({"left_shoulder": (-30.0, 0.0, 0.0)}, "left_shoulder_rotation", 30),
        ({"right_shoulder": (-30.0, 0.0, 0.0)}, "right_shoulder_rotation", 30),
        ({"left_collar": (0.0, 0.0, 15.0)}, "left_shrug", 15),
        ({"right_collar": (0.0, 0.0, -15.0)}, "right_shrug", 15),
        ({"left_collar": (0.0, 10.0, 0.0)}, "left_shoulder_retraction", 10),
        ({"right_collar": (0.0, -10.0, 0.0)}, "right_shoulder_retraction", 10),
        ({"left_ankle": (35.0, 0.0, 0.0)}, "left_ankle_flexion", 35),
        ({"left_wrist": (0.0, 0.0, -50.0)}, "left_wrist_flexion", 50),
        ({"right_wrist": (0.0, 0.0, 50.0)}, "right_wrist_flexion", 50),
        ({"spine1": (20.0, 0.0, 0.0), "spine3": (15.0, 0.0, 0.0)}, "trunk_bend", 35),
        ({"spine2": (0.0, 0.0, -20.0)}, "trunk_tilt", 20),
        ({"spine2": (0.0, 25.0, 0.0)}, "trunk_turn", 25),
        ({"neck": (20.0, 0.0, 0.0), "head": (10.0, 0.0, 0.0)}, "head_bend", 30),
        ({"neck": (0.0, 0.0, -20.0)}, "head_tilt", 20),
        ({"head": (0.0, 45.0, 0.0)}, "head_turn", 45),
        ({"head": (0.0, -45.0, 0.0)}, "head_turn", -45),
    ],
)
def test_angles_have_anatomical_signs(posed, turns, angle, degrees):
    assert value(JointAngle(angle), posed(**turns)) == pytest.approx(degrees, abs=0.1)


@given(SEEDS)
def test_angles_are_those_of_single_joints_by_other_means(random_postures, seed):
    posture = random_postures(seed, 1)
    figure = PosedSkeleton.of(posture)
    local = dict(zip(BODY_JOINT_NAMES, posture.body_pose[0].double().numpy(), strict=True))
    for side, outward in (("left", 1), ("right", -1)):
        shin = local[f"{side}_knee"] @ [0, -1, 0]
        folded = math.degrees(math.acos(np.clip(-shin[1], -1, 1))) * (-1 if shin[2] > 0 else 1)
        assert float(ANGLES[f"{side}_knee_flexion"].measure(figure)) == pytest.approx(folded, abs=0.1)
        arm = local[f"{side}_collar"] @ local[f"{side}_shoulder"] @ [outward, 0, 0]
        raised = math.degrees(math.acos(np.clip(-arm[1], -1, 1)))
        assert float(ANGLES[f"{side}_shoulder_elevation"].measure(figure)) == pytest.approx(raised, abs=0.1)
        thigh = local[f"{side}_hip"] @ [0, -1, 0]
        spread = 90 - math.degrees(math.acos(np.clip(outward * thigh[0], -1, 1)))
        assert float(ANGLES[f"{side}_hip_abduction"].measure(figure)) == pytest.approx(spread, abs=0.1)
        quaternion = Rotation.from_matrix(local[f"{side}_hip"]).as_quat()
        twist = 2 * math.degrees(math.atan2(quaternion[1], quaternion[3]))
        difference = float(ANGLES[f"{side}_hip_rotation"].measure(figure)) - outward * twist
        assert (difference + 180) % 360 - 180 == pytest.approx(0, abs=0.1)


@given(SEEDS)
def test_in_a_mirror_the_sides_of_angles_change(random_postures, in_mirror, other_side, seed):
    posture = random_postures(seed, 1)
    figure, mirrored = PosedSkeleton.of(posture), PosedSkeleton.of(in_mirror(posture))
    for name, angle in ANGLES.items():
        sign = -1 if name in SIDEWAYS else 1
        difference = ANGLES[other_side(name)].measure(mirrored) - sign * angle.measure(figure)
        assert abs((float(difference) + 180) % 360 - 180) < 0.2


@given(SEEDS)
def test_angles_between_directions(seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 3))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    found = angle_between(torch.tensor(a), torch.tensor(b))
    assert float(found) == pytest.approx(math.degrees(math.acos(np.clip(cosine, -1, 1))), abs=1e-4)


def test_tiny_angles_are_exact():
    for degrees in (1e-3, 180 - 1e-3):
        way = torch.tensor([math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.0])
        assert float(angle_between(torch.tensor([2.0, 0.0, 0.0]), way)) == pytest.approx(degrees, abs=1e-4)


def test_the_neutral_posture_is_within_all_anatomical_ranges():
    neutral = PosedSkeleton.of(neutral_pose())
    for angle in ANGLES.values():
        assert angle.low < 0 < angle.high or angle.low == 0
        assert angle.low <= float(angle.measure(neutral)) <= angle.high
        assert set(angle.joints) <= set(BODY_JOINT_NAMES)


def test_only_its_joints_change_an_angle(random_postures):
    posture = OrientedPose(*(part[0] for part in random_postures(5, 1)))
    turn = axis_angle_to_matrix(torch.tensor([0.3, 0.4, -0.3]))
    for joint, name in enumerate(BODY_JOINT_NAMES):
        body_pose = posture.body_pose.clone()
        body_pose[joint] = body_pose[joint] @ turn
        turned = OrientedPose(body_pose, posture.global_orient)
        for angle in ANGLES.values():
            changed = value(angle.measure, turned) - value(angle.measure, posture)
            assert abs(changed) < 1e-3 or name in angle.joints
