import numpy as np
import pytest
import torch

from fitting.studio import parts
from fitting.studio.parts import FINGERTIPS
from fitting.studio.session import RESTING
from fitting.studio.standing import HANDLES
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.control.edits import joints_of


@pytest.fixture
def posture():
    turns = 0.3 * torch.randn(22, 3, generator=torch.Generator().manual_seed(3))
    matrices = axis_angle_to_matrix(turns)
    return OrientedPose(matrices[1:], matrices[0])


def test_stands_on_the_ground_where_it_is_put(mannequin, posture):
    standing = mannequin.stand(posture, (0.4, -0.3))
    assert standing.vertices[:, 1].min() == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(standing.pelvis[[0, 2]], [0.4, -0.3], atol=1e-6)


def test_the_pelvis_is_at_its_given_position(mannequin, posture):
    standing = mannequin.stand(posture, pelvis=np.array([0.1, 2.0, 0.3]))
    np.testing.assert_allclose(standing.pelvis, [0.1, 2.0, 0.3], atol=1e-6)
    assert standing.vertices[:, 1].min() > 0.5


def test_joints_are_those_that_targets_mean(mannequin, posture):
    """The shown body and the solved skeleton are the same."""
    standing = mannequin.stand(posture)
    np.testing.assert_allclose(standing.joints - standing.pelvis, PosedSkeleton.of(posture).points[:24], atol=2e-3)


def test_balls_stay_at_the_body(mannequin, posture):
    standing = mannequin.stand(posture)
    for name, handle in HANDLES.items():
        gap = np.linalg.norm(standing.vertices - standing.handles[name], axis=1).min()
        assert gap < handle.radius + 0.02, name


def test_fingertips_are_at_the_ends_of_fingers_that_bend(mannequin, posture):
    bent = RESTING.clone()
    bent[15] = axis_angle_to_matrix(torch.tensor([0.0, 0.0, 1.2]))  # the right index finger
    rest, posed = mannequin.stand(posture), mannequin.stand(posture, hand_pose=bent)
    moved = {name: np.linalg.norm(posed.handles[name] - rest.handles[name]) for name in FINGERTIPS}
    assert moved.pop("right_index") > 0.05
    assert max(moved.values()) < 1e-6
    for name in FINGERTIPS:
        assert np.linalg.norm(posed.vertices - posed.handles[name], axis=1).min() < 0.003


def test_points_in_the_frame_of_a_wrist_do_not_depend_on_the_body(mannequin, posture):
    """In the T-pose's axes, the fingers of the left hand point to the left, the thumb forward."""
    for standing in (mannequin.stand(posture, (0.4, 0.1)), mannequin.stand(neutral_pose())):
        middle, thumb = (standing.in_wrist(name, standing.handles[name]) for name in ("left_middle", "left_thumb"))
        assert 0.14 < middle[0] < 0.24
        assert thumb[2] > middle[2] + 0.04


def test_balls_can_be_seen(mannequin):
    """No ball is completely inside the body."""
    standing = mannequin.stand(neutral_pose())
    for name, handle in HANDLES.items():
        gap = np.linalg.norm(standing.vertices - standing.handles[name], axis=1).min()
        assert gap < handle.radius, name


def test_faces_of_parts(mannequin):
    shown = [mannequin.faces_of(joints_of(part)) for part in ("arms", "legs", "torso", "head")]
    assert all(0.03 < part.mean() < 0.6 for part in shown)
    assert not (shown[0] & shown[1]).any()
    middle = mannequin.stand(neutral_pose()).vertices[mannequin.faces].mean(axis=1)
    assert middle[shown[3], 1].min() > middle[shown[1], 1].max()
    assert not mannequin.faces_of([]).any()
    hand, index, arm = (mannequin.faces_of(parts.joints_of([part])) for part in ("left_hand", "left_index", "left_arm"))
    assert index.any()
    assert not (index & ~hand).any()
    assert not (hand & arm).any()
