"""One step of a solve, and the cost of exceeding joint ranges."""

import pytest
import torch

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.anatomy import ANGLES
from qposer.control.constraint_solver import RANGE_UNIT, ConstraintSolver, squared
from qposer.control.constraints import about
from qposer.control.free_joints import FreeJoints
from qposer.control.inverse_kinematics import THOROUGH, solve_constraints
from qposer.control.measures import JointAngle
from qposer.least_squares import Step

NEUTRAL = neutral_pose()
KNEE = about("the left knee bent", JointAngle("left_knee_flexion"), 70.0, "degrees", ("left_knee",), 2.0)


@pytest.fixture
def solver(shipped_prior):
    return ConstraintSolver(shipped_prior, NEUTRAL, [KNEE], FreeJoints.of(["left_knee", "left_hip"]), THOROUGH)


@pytest.mark.parametrize("size", [-1e3, 1e3])
def test_no_step_goes_beyond_the_outermost_codes(solver, size):
    state = solver.state(solver.starts(1), torch.zeros(1, 3))
    moved = solver.moved(state, Step(torch.full((1, 2 * solver.heads), size)))
    codebooks = solver.prior.model.quantizer.codebooks
    outermost = codebooks.amax(1) if size > 0 else codebooks.amin(1)
    reached = solver.prior.network.unstandardise(moved.latents)[:, solver.moving]
    torch.testing.assert_close(reached, outermost.flatten().expand_as(reached))


@pytest.mark.parametrize(("degrees", "beyond"), [(170.0, 15.0), (-30.0, 25.0), (60.0, 0.0)])
def test_joints_beyond_their_ranges_cost_by_how_far_they_are(solver, degrees, beyond):
    anatomy = ANGLES["left_knee_flexion"]
    assert max(degrees - anatomy.high, anatomy.low - degrees, 0.0) == beyond
    bent = NEUTRAL.body_pose.clone()
    turn = torch.tensor([degrees, 0.0, 0.0]).deg2rad()
    bent[BODY_JOINT_NAMES.index("left_knee")] = axis_angle_to_matrix(turn)
    asked = 1 + len(solver.ranges)
    ranges = solver.residuals(bent[None], torch.zeros(1, 3))[:, 1:asked]
    assert float(squared(ranges).sqrt()) == pytest.approx(beyond / RANGE_UNIT, abs=0.1)


def test_a_knee_hardly_bends_the_wrong_way_on_request(shipped_prior):
    wrong = about("the wrong way", JointAngle("left_knee_flexion"), -25.0, "degrees", ("left_knee",))
    bent = NEUTRAL.body_pose.clone()
    bent[BODY_JOINT_NAMES.index("left_knee")] = axis_angle_to_matrix(torch.tensor([-0.44, 0.0, 0.0]))
    (answer,) = solve_constraints(
        shipped_prior,
        OrientedPose(bent, NEUTRAL.global_orient),
        [wrong],
        FreeJoints.of(["left_knee"]),
        generator=torch.Generator().manual_seed(0),
    )
    assert JointAngle("left_knee_flexion")(PosedSkeleton.of(answer.posture)) > -23
