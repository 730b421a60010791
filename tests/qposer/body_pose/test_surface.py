import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from fitting.body.body import Body
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS
from qposer.body_pose.surface import Surface, farthest_points


@pytest.fixture(scope="module")
def surface():
    return Surface.open(200)


@pytest.fixture(scope="module")
def body():
    return Body.open()


def test_points_are_vertices_of_the_posed_body(surface, body):
    torch.manual_seed(0)
    body_pose = 0.7 * torch.randn(4, 21, 3)
    posed = body(torch.zeros(4, 3), body_pose)
    expected = (posed.vertices - posed.joints[:, :1])[:, surface.vertices]
    torch.testing.assert_close(surface(axis_angle_to_matrix(body_pose)), expected, atol=3e-4, rtol=0)


def test_joints_come_with_the_points(surface):
    rotations = axis_angle_to_matrix(0.5 * torch.randn(3, 21, 3))
    points, joints = surface.points_and_joints(rotations)
    torch.testing.assert_close(joints, body_joints(rotations, torch.from_numpy(REST_JOINTS)))
    assert torch.equal(points, surface(rotations))


def test_batch_dimensions_are_kept(surface):
    rotations = axis_angle_to_matrix(0.3 * torch.randn(2, 3, 21, 3))
    points = surface(rotations)
    assert points.shape == (2, 3, 200, 3)
    torch.testing.assert_close(points[1, 2], surface(rotations[1, 2]))


def test_points_are_spread_over_the_whole_skin(surface, body):
    nearest, _ = cKDTree(body.data.template[surface.vertices]).query(body.data.template)
    assert nearest.max() < 0.08
    assert len(set(surface.vertices.tolist())) == 200


def test_the_same_points_at_every_call(surface):
    assert torch.equal(surface.vertices, Surface.open(200).vertices)
    assert torch.equal(surface.vertices[:50], Surface.open(50).vertices)


def test_gradients_are_exact(surface):
    axis_angle = 0.4 * torch.randn(1, 21, 3, dtype=torch.float64)
    double = Surface.open(5).double()
    assert torch.autograd.gradcheck(lambda pose: double(axis_angle_to_matrix(pose)), axis_angle.requires_grad_())


def test_farthest_points_of_a_line():
    line = np.stack([np.array([0.0, 1.0, 2.0, 10.0]), np.zeros(4), np.zeros(4)], axis=1)
    assert farthest_points(line, 3).tolist() == [3, 0, 2]


@pytest.mark.parametrize("points", [0, 20_000])
def test_a_wrong_number_of_points_is_reported(points):
    with pytest.raises(ValueError, match=r"from 1 to the body's \d+ vertices"):
        Surface.open(points)
