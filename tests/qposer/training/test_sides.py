import torch

from qposer.body_pose.kinematics import body_joints, mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES, REST_JOINTS
from qposer.training.sides import FLEXION_AXES, HINGES, SIDEWAYS_AXES, sided_axes, sided_joints

REST = torch.from_numpy(REST_JOINTS)


def test_joints_come_by_kind_and_side():
    assert [[JOINT_NAMES[joint] for joint in pair] for pair in sided_joints("knee", "wrist").tolist()] == [
        ["left_knee", "right_knee"],
        ["left_wrist", "right_wrist"],
    ]


def test_equal_turns_about_axes_of_both_sides_are_symmetric():
    pose = torch.zeros(21, 3)
    pose[sided_joints("shoulder")[0] - 1] = 0.7 * sided_axes((1.0, 2.0, 3.0))[0]
    rotations = axis_angle_to_matrix(pose)
    torch.testing.assert_close(mirror_body_pose(rotations), rotations)


def test_hinges_flex_shins_backward_and_forearms_forward():
    pose = torch.zeros(21, 3)
    pose[HINGES - 1] = 1.0 * FLEXION_AXES
    moved = body_joints(axis_angle_to_matrix(pose), REST) - REST[:22]
    for side in ("left", "right"):
        ankle, wrist = (moved[JOINT_NAMES.index(f"{side}_{end}")] for end in ("ankle", "wrist"))
        assert ankle[2] < -0.2
        assert wrist[2] > 0.1
        assert abs(wrist[1]) < 0.02


def test_axes_of_a_hinge_are_perpendicular():
    torch.testing.assert_close((FLEXION_AXES * SIDEWAYS_AXES).sum(-1), torch.zeros(2, 2), atol=1e-6, rtol=0)
