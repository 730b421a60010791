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
    matrix_to_quaternion,
    nearest_rotation,
    reflected,
    turn_about,
    turn_derivative,
    turns_of,
)

vectors = st.tuples(*[st.floats(-3, 3)] * 3).map(lambda v: torch.tensor(v, dtype=torch.float64))


@given(vectors)
def test_matrices_are_scipys(axis_angle):
    expected = torch.from_numpy(Rotation.from_rotvec(axis_angle.numpy()).as_matrix())
    torch.testing.assert_close(axis_angle_to_matrix(axis_angle), expected)


@given(vectors)
def test_axis_angle_survives_a_round_trip_within_half_a_turn(axis_angle):
    matrix = axis_angle_to_matrix(axis_angle)
    back = matrix_to_axis_angle(matrix)
    assert back.norm() <= math.pi + 1e-9
    torch.testing.assert_close(axis_angle_to_matrix(back), matrix, atol=1e-6, rtol=0)


@given(vectors)
def test_6d_survives_a_round_trip(axis_angle):
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


@given(vectors, vectors)
def test_the_derivative_of_turns_is_that_of_small_ones(axis_angle, vector):
    turn = 1e-6 * axis_angle
    moved = (axis_angle_to_matrix(turn) @ vector - vector) / 1e-6
    torch.testing.assert_close(turn_derivative(vector) @ axis_angle, moved, atol=1e-3, rtol=1e-3)


def test_gradients_are_finite_at_the_identity():
    axis_angle = torch.zeros(3, requires_grad=True)
    matrix_to_axis_angle(axis_angle_to_matrix(axis_angle)).sum().backward()
    assert torch.isfinite(axis_angle.grad).all()


@given(vectors)
def test_axis_angle_of_matrices_is_scipys(axis_angle):
    rotation = Rotation.from_rotvec(axis_angle.numpy())
    found = matrix_to_axis_angle(torch.from_numpy(rotation.as_matrix()))
    if rotation.magnitude() < math.pi - 1e-6:  # at half a turn both signs are right
        torch.testing.assert_close(found, torch.from_numpy(rotation.as_rotvec()))


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0, -0.8), (-2 / 3, 1 / 3, 2 / 3)])
def test_half_turns_survive_a_round_trip(axis):
    axis = torch.tensor(axis, dtype=torch.float64)
    matrix = 2 * torch.outer(axis, axis) - torch.eye(3)
    found = matrix_to_axis_angle(matrix)
    torch.testing.assert_close(found.norm(), torch.tensor(math.pi).double())
    torch.testing.assert_close(axis_angle_to_matrix(found), matrix)


@given(vectors)
def test_quaternions_are_scipys(axis_angle):
    rotation = Rotation.from_rotvec(axis_angle.numpy())
    found, expected = matrix_to_quaternion(torch.from_numpy(rotation.as_matrix())), torch.tensor(rotation.as_quat())
    largest = expected.abs().argmax()
    torch.testing.assert_close(found, expected * expected[largest].sign())


@given(st.integers(0, 1000), st.booleans())
def test_nearest_rotation_is_nearer_than_others(seed, mirrored):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    matrix = matrix if (torch.linalg.det(matrix) < 0) == mirrored else -matrix
    found = nearest_rotation(matrix)
    torch.testing.assert_close(found @ found.mT, torch.eye(3).double())
    assert torch.linalg.det(found) > 0
    turns = axis_angle_to_matrix(0.1 * torch.randn(100, 3, generator=generator, dtype=torch.float64))
    assert ((turns @ found - matrix).norm(dim=(-2, -1)) >= (found - matrix).norm()).all()


def test_nearest_rotation_of_a_rotation_is_itself_and_keeps_precision_and_batch():
    rotations = axis_angle_to_matrix(torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)))
    found = nearest_rotation(3 * rotations)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, rotations, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-7, 1e-4, 1e-2, 1.0, 3.0])
def test_single_precision_has_its_accuracy_in_values_and_gradients(size):
    generator = torch.Generator().manual_seed(0)
    vectors = size * torch.nn.functional.normalize(torch.randn(100, 3, generator=generator), dim=-1)
    weights = torch.randn(100, 3, 3, generator=generator)
    found, exact = (
        _value_and_gradient(vectors.to(dtype), weights.to(dtype)) for dtype in (torch.float32, torch.float64)
    )
    for single, double in zip(found, exact, strict=True):
        torch.testing.assert_close(single.double(), double, atol=5e-6, rtol=0)


def _value_and_gradient(vectors, weights):
    vectors.requires_grad_()
    matrices = axis_angle_to_matrix(vectors)
    return matrices.detach(), torch.autograd.grad((matrices * weights).sum(), vectors)[0]


@pytest.mark.parametrize("size", [1e-3, 0.5, 3.0])
def test_gradients_are_those_of_differences(size):
    vectors = size * torch.nn.functional.normalize(torch.tensor([[1.0, 2.0, -0.5], [0.3, -2.0, 1.0]]).double(), dim=-1)
    vectors.requires_grad_()
    assert torch.autograd.gradcheck(axis_angle_to_matrix, vectors)
    assert torch.autograd.gradcheck(lambda v: matrix_to_axis_angle(axis_angle_to_matrix(v)), vectors)
    assert torch.autograd.gradcheck(lambda v: nearest_rotation(axis_angle_to_matrix(v) + torch.diag(v[0])), vectors)


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-12, 1e-5])
def test_there_and_back_is_the_identity_with_its_gradient_near_zero(size):
    axis_angle = torch.tensor([0.6 * size, 0.0, -0.8 * size], requires_grad=True)
    back = matrix_to_axis_angle(axis_angle_to_matrix(axis_angle))
    torch.testing.assert_close(back, axis_angle)
    jacobian = torch.stack([torch.autograd.grad(value, axis_angle, retain_graph=True)[0] for value in back])
    torch.testing.assert_close(jacobian, torch.eye(3))


def test_gradient_of_a_clamped_angle_is_finite_at_half_a_turn():
    half = torch.diag(torch.tensor([1.0, -1.0, -1.0])).requires_grad_()
    geodesic_angle(half, torch.eye(3), largest_sine=1 - 1e-4).backward()
    assert torch.isfinite(half.grad).all()


@pytest.mark.parametrize("batch", [(), (0,), (2, 3)])
def test_any_batch_shape_and_precision(batch):
    vectors = torch.randn(*batch, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    matrices = axis_angle_to_matrix(vectors)
    assert (matrices.shape, matrices.dtype) == ((*batch, 3, 3), torch.bfloat16)
    assert matrix_to_axis_angle(matrices).shape == matrix_from_6d(matrix_to_6d(matrices))[..., 0].shape == vectors.shape


@given(vectors, vectors, st.floats(-3, 3))
def test_turns_about_an_axis_are_its_twists(swing, axis, angle):
    axis = torch.nn.functional.normalize(axis + 1e-3, dim=0)
    across = swing - (swing @ axis) * axis
    turned = axis_angle_to_matrix(across) @ axis_angle_to_matrix(angle * axis)
    if across.norm() < 3:
        torch.testing.assert_close(turn_about(turned, axis), torch.tensor(angle, dtype=axis.dtype), atol=1e-5, rtol=0)


@given(vectors)
def test_mirroring_commutes_with_rotating_points(axis_angle):
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))
    matrix, point = axis_angle_to_matrix(axis_angle), torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
    torch.testing.assert_close(reflected(matrix) @ (mirror @ point), mirror @ (matrix @ point))


@given(vectors, vectors)
def test_turns_are_those_of_small_rotations(axis_angle, turn):
    rotation = axis_angle_to_matrix(axis_angle)
    after, before = (axis_angle_to_matrix(sign * 1e-5 * turn) @ rotation for sign in (1, -1))
    derivative = (after - before) / 2e-5
    torch.testing.assert_close(turns_of(derivative[None], rotation)[0], turn, atol=1e-6, rtol=1e-6)
