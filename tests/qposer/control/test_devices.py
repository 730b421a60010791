"""Control on another device than the CPU, simulated, gives the same poses."""

import pytest
import torch

from qposer.body_pose.posed_skeleton import neutral_pose
from qposer.control.edits import complete, interpolate, swap, vary
from qposer.control.finger_inverse_kinematics import solve_fingertips
from qposer.control.hand_instructions import instruct_hands
from qposer.control.instructions import instruct
from qposer.control.inverse_kinematics import solve_ik
from qposer.control.text_prior import TextPrior
from qposer.hands.prior import HAND_FILE, load_hand_prior
from qposer.io.assets import asset
from qposer.prior.code_prior import CodePrior
from tests.other_device import DEVICE, OtherDevice

NEUTRAL = neutral_pose()
BENT = torch.full((21, 3), 0.1)
HANDS = torch.eye(3).repeat(30, 1, 1)
TEXT = "touch the left knee with the right hand and lean to the left"

CONTROLS = {
    "swap": lambda prior: swap(NEUTRAL.body_pose, BENT, "legs", model=prior.model),
    "interpolate": lambda prior: interpolate(NEUTRAL.body_pose, BENT, 3, model=prior.model),
    "vary": lambda prior: vary(BENT, "legs", prior=prior),
    "complete": lambda prior: complete(BENT, unknown="legs", prior=prior),
    "drag": lambda prior: solve_ik(NEUTRAL, {"left_wrist": (0.3, 0.3, 0.3)}, prior=prior).posture.body_pose,
    "instruct": lambda prior: instruct(NEUTRAL, TEXT, prior=prior)[0].posture.body_pose,
    "text": lambda prior: TextPrior.from_pretrained(prior=prior).generate("sitting", generator=torch.Generator()),
}
HAND_CONTROLS = {
    "instruct": lambda prior: instruct_hands(HANDS, "make a fist with the right hand", prior=prior).hand_pose,
    "drag": lambda prior: solve_fingertips(HANDS[:15], {"index": (-0.16, -0.03, 0.0)}, prior=prior).hand_pose,
    "complete": lambda prior: prior.complete(HANDS[:15], "index"),
}


@pytest.fixture(scope="module")
def elsewhere():
    with OtherDevice():
        hand_prior = load_hand_prior(path=asset(HAND_FILE))
        hand_prior.code_prior.to(DEVICE)
        return CodePrior.from_pretrained(device=DEVICE), hand_prior


@pytest.mark.parametrize("name", CONTROLS)
def test_bodies(shipped_prior, elsewhere, name):
    expected = CONTROLS[name](shipped_prior)
    with OtherDevice():
        found = CONTROLS[name](elsewhere[0])
        assert found.device == DEVICE
        torch.testing.assert_close(found.cpu(), expected, atol=5e-3, rtol=0)


@pytest.mark.parametrize("name", HAND_CONTROLS)
def test_hands(elsewhere, name):
    expected = HAND_CONTROLS[name](load_hand_prior())
    with OtherDevice():
        found = HAND_CONTROLS[name](elsewhere[1])
        assert found.device == DEVICE
        torch.testing.assert_close(found.cpu(), expected, atol=0.05, rtol=0)
