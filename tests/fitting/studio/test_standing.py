import numpy as np
import pytest
import torch

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
    for name, ball in standing.handles.items():
        gap = np.linalg.norm(standing.vertices - ball, axis=1).min()
        assert gap < HANDLES[name].radius + 0.02, name


def test_balls_can_be_seen(mannequin):
    """No ball is completely inside the body."""
    standing = mannequin.stand(neutral_pose())
    for name, ball in standing.handles.items():
        gap = np.linalg.norm(standing.vertices - ball, axis=1).min()
        assert gap < HANDLES[name].radius, name


def test_faces_of_parts(mannequin):
    parts = [mannequin.faces_of(joints_of(part)) for part in ("arms", "legs", "torso", "head")]
    assert all(0.03 < part.mean() < 0.6 for part in parts)
    assert not (parts[0] & parts[1]).any()
    middle = mannequin.stand(neutral_pose()).vertices[mannequin.faces].mean(axis=1)
    assert middle[parts[3], 1].min() > middle[parts[1], 1].max()
    assert not mannequin.faces_of([]).any()
