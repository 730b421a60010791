"""Control uses the prior's device: it creates no tensor on the default device, and leaves no constant on the CPU."""

import pytest
import torch

from qposer.body_pose.posed_skeleton import neutral_pose
from qposer.control.constraint_solver import ConstraintSolver
from qposer.control.edits import complete, interpolate, swap, vary
from qposer.control.finger_inverse_kinematics import solve_fingertips
from qposer.control.free_joints import FreeJoints
from qposer.control.hand_instructions import instruct_hands
from qposer.control.hand_measures import Flexion, Gap, HandConstraint
from qposer.control.hand_solver import DAMPING, WHILE_DRAGGING, _HandSolver
from qposer.control.instructions import constraints_of, instruct
from qposer.control.inverse_kinematics import THOROUGH, solve_ik
from qposer.hands.prior import HAND_FILE, load_hand_prior
from qposer.hands.skeleton import HAND
from qposer.io.assets import asset
from qposer.least_squares import minimise
from qposer.prior.code_prior import CodePrior, default_prior

NEUTRAL = neutral_pose()
BENT = torch.full((21, 3), 0.1)
HANDS = torch.eye(3).repeat(30, 1, 1)

CALLS = {
    "sample": lambda: default_prior().sample(2),
    "swap": lambda: swap(NEUTRAL.body_pose, BENT, "legs"),
    "interpolate": lambda: interpolate(NEUTRAL.body_pose, BENT, 3),
    "vary": lambda: vary(BENT, "legs"),
    "complete": lambda: complete(BENT, unknown="legs"),
    "drag": lambda: solve_ik(NEUTRAL, {"left_wrist": (0.3, 0.5, 0.3)}).posture.body_pose,
    "drag far": lambda: solve_ik(NEUTRAL, {"left_wrist": (-0.3, 0.6, 0.9)}).posture.body_pose,
    "instruct": lambda: instruct(NEUTRAL, "touch the left knee with the right hand, lean to the left").pop().posture[0],
    "instruct hands": lambda: instruct_hands(HANDS, "right fist, spread the left fingers").hand_pose,
    "drag a fingertip": lambda: solve_fingertips(HANDS[:15], {"index": (-0.1, -0.05, 0.0)}).hand_pose,
}


@pytest.mark.parametrize("name", CALLS)
def test_no_tensor_is_created_on_the_default_device(name):
    expected = CALLS[name]()
    with torch.device("meta"):
        found = CALLS[name]()
    torch.testing.assert_close(found, expected)


def test_constraints_are_solved_on_the_device_of_the_prior():
    prior = CodePrior.from_pretrained().to("meta")
    start = NEUTRAL.to(prior.network.mean)
    free = FreeJoints.of(["right_shoulder", "right_elbow"], ["spine1"], pelvis=True)
    text = "right hand on the right hip, lean forward, keep the left foot on the floor"
    solver = ConstraintSolver(prior, start, constraints_of(text), free, THOROUGH)
    found = solver.run(prior.network.mean.new_zeros(3, 21, solver.heads), torch.Generator().manual_seed(0))
    assert found.residuals.is_meta
    assert len(solver.arms) == 1


def test_hands_are_solved_on_the_device_of_the_prior():
    prior = load_hand_prior(path=asset(HAND_FILE))
    prior.code_prior.to("meta")
    wanted = [HandConstraint("", Gap("thumb_tip", "index_tip"), 0, 1, "cm"), HandConstraint("", Flexion("ring1"), 3, 9)]
    flat, options = HANDS[:15].to("meta"), WHILE_DRAGGING._replace(starts=3)
    solver = _HandSolver(prior, flat, wanted, torch.Generator().manual_seed(0), options, HAND)
    start = solver.state(flat.new_zeros(3, 15, solver.heads))
    assert minimise(solver, start, options.iterations, DAMPING).residuals.is_meta
