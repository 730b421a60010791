import numpy as np

from fitting.body.files import read_body
from qposer.body_pose.skeleton import (
    BODY_JOINT_NAMES,
    JOINT_NAMES,
    MIRROR,
    NUM_BODY_JOINTS,
    NUM_JOINTS,
    PARENTS,
    REST_JOINTS,
)
from qposer.io.assets import asset

FLIP = np.array([-1.0, 1.0, 1.0])


def test_names_are_24_and_the_pose_is_1_to_21():
    assert len(set(JOINT_NAMES)) == len(PARENTS) == NUM_JOINTS == 24
    assert JOINT_NAMES[1:22] == BODY_JOINT_NAMES
    assert len(BODY_JOINT_NAMES) == NUM_BODY_JOINTS
    assert JOINT_NAMES[-2:] == ("left_hand", "right_hand")


def test_parents_come_before_their_children_and_keep_to_their_side():
    assert PARENTS[0] == -1
    for joint, parent in enumerate(PARENTS[1:], start=1):
        assert 0 <= parent < joint
        sides = {JOINT_NAMES[j].partition("_")[0] for j in (joint, parent)} & {"left", "right"}
        assert len(sides) < 2


def test_known_limbs():
    parent = {name: JOINT_NAMES[PARENTS[j]] for j, name in enumerate(JOINT_NAMES) if j}
    assert parent["left_wrist"] == "left_elbow"
    assert parent["right_collar"] == parent["neck"] == "spine3"
    assert parent["left_foot"] == "left_ankle"


def test_mirror_swaps_sides_and_commutes_with_parents():
    for joint, other in enumerate(MIRROR):
        assert MIRROR[other] == joint
        names = JOINT_NAMES[joint], JOINT_NAMES[other]
        assert names[0] == names[1] or {name.partition("_")[0] for name in names} == {"left", "right"}
        if joint:
            assert PARENTS[other] == MIRROR[PARENTS[joint]]


def test_rest_joints_stand_in_the_t_pose_and_are_symmetric():
    assert REST_JOINTS.dtype == np.float32
    np.testing.assert_array_equal(REST_JOINTS[list(MIRROR)] * FLIP, REST_JOINTS)
    joints = dict(zip(JOINT_NAMES, REST_JOINTS, strict=True))
    np.testing.assert_array_equal(joints["pelvis"], 0)
    for start, end, direction in (
        ("left_shoulder", "left_elbow", (1, 0, 0)),
        ("left_elbow", "left_wrist", (1, 0, 0)),
        ("left_hip", "left_knee", (0.09, -0.99, -0.01)),
        ("left_knee", "left_ankle", (-0.03, -0.99, -0.1)),
    ):
        bone = joints[end] - joints[start]
        cosine = bone @ direction / np.linalg.norm(bone) / np.linalg.norm(direction)
        assert np.degrees(np.arccos(min(cosine, 1.0))) < 0.1
    assert joints["left_foot"][2] - joints["left_ankle"][2] > 0.1, "feet point forward"
    assert 0.5 < joints["neck"][1] < joints["head"][1]


def test_rest_joints_are_those_of_the_open_body():
    body = read_body(asset("body.npz"))
    np.testing.assert_allclose(body.joint_regressor.astype(float) @ body.template, REST_JOINTS, atol=1e-4)
