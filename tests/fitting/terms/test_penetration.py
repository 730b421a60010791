"""Arms inside the body."""

import pytest
import torch

from fitting.body.body import Body
from fitting.optimise.assembly import Assembly
from fitting.terms.penetration import ArmsInside
from fitting.terms.term import Derivatives, Posed
from qposer.body_pose.rotations import axis_angle_to_matrix, turn_derivative
from qposer.body_pose.skeleton import BODY_JOINT_NAMES

DTYPE = torch.float64


ORIENT = axis_angle_to_matrix(torch.tensor([[2.8, 0.4, -0.3]], dtype=DTYPE))


def posed(body_pose):
    people = len(body_pose)
    empty = torch.zeros(people, 0, dtype=DTYPE)
    world = Body.open().double().posed_landmarks(ORIENT.expand(people, 3, 3), body_pose).world
    return Posed(empty, empty, empty, empty, empty, body_pose, empty, world)


@pytest.fixture
def poses():
    """Both arms along the sides, the left one so far in that the hand is inside the thigh; and the T-pose."""
    turns = torch.zeros(2, 21, 3, dtype=DTYPE)
    turns[0, BODY_JOINT_NAMES.index("left_shoulder"), 2] = -1.75
    turns[0, BODY_JOINT_NAMES.index("right_shoulder"), 2] = 1.2
    return axis_angle_to_matrix(turns)


def test_only_an_arm_inside_costs(poses):
    found = ArmsInside(torch.full((2,), 0.5, dtype=DTYPE)).residual(posed(poses))
    assert found.values.shape == (2, 10, 1)
    assert found.values[0].max() > 1.0
    assert found.values[1].max() == 0
    assert (found.values[0, 5:] == 0).all()
    assert found.cost[0] == pytest.approx(0.5 * found.values[0].square().sum().item())


@pytest.fixture
def by(poses):
    """Random turns of the joints by four numbers each."""
    turns = 0.1 * torch.randn(2, 21, 4, 3, generator=torch.Generator().manual_seed(0), dtype=DTYPE)
    return Derivatives({"pose": torch.zeros(2, 1, 3, 84)}, turn_derivative(turns).mT @ poses[:, :, None], turns)


def test_columns_are_those_of_autograd(poses, by):
    term = ArmsInside(torch.full((2,), 0.5, dtype=DTYPE))

    def values(numbers):
        return term.residual(posed(poses + torch.einsum("pjl,pjlab->pjab", numbers, by.body_pose))).values.sum(0)

    dense = term.columns(posed(poses), by)
    found = torch.zeros(2, 10, 1, 84, dtype=DTYPE)
    found[dense.rows] = dense.columns["pose"][:, 0]
    jacobian = torch.autograd.functional.jacobian(values, torch.zeros(2, 21, 4, dtype=DTYPE))
    expected = jacobian.movedim(2, 0).flatten(-2)
    assert expected[0].norm() > 1
    torch.testing.assert_close(found, expected)
    assert term.columns(posed(poses), Derivatives({}, None)) is None
    assert term.columns(posed(poses[1:]), by) is None


def test_equations_of_the_points_inside_are_those_of_all_points(poses, by):
    at, term = posed(poses), ArmsInside(torch.tensor([0.5, 2.0], dtype=DTYPE))
    residual, dense = term.residual(at), term.columns(at, by)
    rows = torch.zeros(2, 10, 84, dtype=DTYPE)
    rows[dense.rows] = dense.columns["pose"][:, 0, 0]
    found = Assembly([(term, residual)], at, by)
    weight = 2 * residual.weight[..., None]
    assert found.slope[0].norm() > 1
    torch.testing.assert_close(found.slope, (weight * rows * residual.values).sum(1))
    torch.testing.assert_close(found.curvature, rows.mT @ (weight * rows))
