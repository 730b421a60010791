import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from qposer.body_pose.rotations import (
    axis_angle_to_matrix,
    geodesic_angle,
    matrix_from_6d,
    matrix_to_6d,
    matrix_to_axis_angle,
    turn_about,
)

vectors = st.tuples(*[st.floats(-3, 3)] * 3).map(lambda v: torch.tensor(v, dtype=torch.float64))


@given(vectors)
def test_matrices_are_scipys(axis_angle):
    expected = torch.from_numpy(Rotation.from_rotvec(axis_angle.numpy()).as_matrix())
    torch.testing.assert_close(axis_angle_to_matrix(axis_angle), expected)


@given(vectors)
def test_axis_angle_comes_back_within_half_a_turn(axis_angle):
    matrix = axis_angle_to_matrix(axis_angle)
    back = matrix_to_axis_angle(matrix)
    assert back.norm() <= math.pi + 1e-9
    torch.testing.assert_close(axis_angle_to_matrix(back), matrix, atol=1e-6, rtol=0)


@given(vectors)
def test_6d_comes_back(axis_angle):
    matrix = axis_angle_to_matrix(axis_angle)
    torch.testing.assert_close(matrix_from_6d(matrix_to_6d(matrix)), matrix)


@given(vectors, st.floats(0.1, 10), st.floats(0.1, 10))
def test_lengths_of_6d_columns_do_not_matter(axis_angle, first, second):
    matrix = axis_angle_to_matrix(axis_angle)
    columns = matrix_to_6d(matrix) * torch.tensor([first] * 3 + [second] * 3)
    torch.testing.assert_close(matrix_from_6d(columns), matrix)


@given(vectors, st.floats(0, 3))
def test_geodesic_angle_is_the_angle_turned(axis_angle, angle):
    start = axis_angle_to_matrix(axis_angle)
    turn = axis_angle_to_matrix(torch.tensor([0.0, angle, 0.0], dtype=torch.float64))
    assert geodesic_angle(start, start @ turn).item() == pytest.approx(angle, abs=1e-6)


def test_gradients_are_finite_at_the_identity():
    axis_angle = torch.zeros(3, requires_grad=True)
    matrix_to_axis_angle(axis_angle_to_matrix(axis_angle)).sum().backward()
    assert torch.isfinite(axis_angle.grad).all()


@given(vectors, vectors, st.floats(-3, 3))
def test_turns_about_an_axis_are_its_twists(swing, axis, angle):
    axis = torch.nn.functional.normalize(axis + 1e-3, dim=0)
    across = swing - (swing @ axis) * axis
    turned = axis_angle_to_matrix(across) @ axis_angle_to_matrix(angle * axis)
    if across.norm() < 3:
        torch.testing.assert_close(turn_about(turned, axis), torch.tensor(angle, dtype=axis.dtype), atol=1e-5, rtol=0)
