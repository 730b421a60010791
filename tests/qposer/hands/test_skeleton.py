import numpy as np
import pytest
import torch

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.skeleton import (
    BONES,
    FLEXION_AXES,
    HAND,
    LANDMARKS,
    PARENTS,
    SPREAD_AXES,
    mirror_hand,
)
from qposer.hands.smplh import FINGER_JOINT_NAMES


def test_joints_are_in_the_order_of_smplh():
    assert FINGER_JOINT_NAMES[:4] == ("index1", "index2", "index3", "middle1")
    assert FINGER_JOINT_NAMES[6] == "pinky1"
    assert FINGER_JOINT_NAMES[9] == "ring1"
    assert FINGER_JOINT_NAMES[12:] == ("thumb1", "thumb2", "thumb3")
    assert PARENTS[1:4] == (0, 1, 2)
    assert PARENTS[16:] == (3, 6, 9, 12, 15)


def test_landmarks_follow_the_fingers_from_the_palm_to_the_tip():
    assert sorted(LANDMARKS) == list(range(21))
    for finger in range(5):
        chain = LANDMARKS[1 + 4 * finger : 5 + 4 * finger]
        assert [PARENTS[point] for point in chain] == [0, *chain[:3]]
    assert LANDMARKS[1] - 1 == FINGER_JOINT_NAMES.index("thumb1")
    assert LANDMARKS[17] - 1 == FINGER_JOINT_NAMES.index("pinky1")


def test_axes_are_orthonormal():
    frames = np.stack([BONES, FLEXION_AXES, SPREAD_AXES], axis=1)
    np.testing.assert_allclose(frames @ frames.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (15, 3, 3)), atol=1e-6)


def test_the_flat_hand_is_straight_and_of_an_adult():
    points = HAND.points(torch.eye(3).expand(15, 3, 3))
    np.testing.assert_allclose(points, HAND.rest_points, atol=1e-7)
    assert 0.16 < points[17].norm() < 0.21, "wrist to the tip of the middle finger"
    for first, tip in ((1, 16), (4, 17), (7, 18), (10, 19), (13, 20)):
        ways = points[[first + 1, first + 2, tip]] - points[[first, first + 1, first + 2]]
        assert torch.linalg.matrix_rank(ways, atol=1e-5) == 1


def test_a_mirrored_pose_moves_the_points_to_their_mirror_images():
    pose = 0.4 * torch.randn(15, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(axis_angle_to_matrix(mirror_hand(pose)), mirror_hand(axis_angle_to_matrix(pose)))
    torch.testing.assert_close(mirror_hand(mirror_hand(pose)), pose)
    flip = np.array([-1, 1, 1], dtype=np.float32)
    left = type(HAND)(**{**vars(HAND), "rest_points": HAND.rest_points * flip})
    torch.testing.assert_close(
        left.points(mirror_hand(axis_angle_to_matrix(pose))),
        HAND.points(axis_angle_to_matrix(pose)) * torch.from_numpy(flip),
    )


def test_parts():
    assert HAND.indices("index") == [0, 1, 2]
    assert HAND.indices(("ring", "pinky")) == [6, 7, 8, 9, 10, 11]
    assert HAND.indices("fingers") == list(range(12))
    with pytest.raises(ValueError, match=r"no part 'pinkie' \(did you mean pinky"):
        HAND.indices("pinkie")
