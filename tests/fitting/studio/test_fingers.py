"""Edits of the fingers of the shown body, with the shipped prior of hands."""

import numpy as np
import pytest
import torch

from fitting.studio.fingers import Fingers
from fitting.studio.parts import FINGERTIPS, finger_joints_of
from fitting.studio.session import RESTING
from qposer.body_pose.posed_skeleton import neutral_pose
from qposer.hands import pairs
from qposer.hands.prior import load_hand_prior


@pytest.fixture
def fingers(mannequin):
    return Fingers(mannequin.body, load_hand_prior())


def changed(hand_pose, before=RESTING):
    """The joints with other rotations."""
    return (hand_pose != before).flatten(1).any(1).nonzero().flatten().tolist()


@pytest.mark.parametrize(
    ("finger", "way"),
    [
        ("left_thumb", (-0.015, -0.005, -0.015)),
        ("left_pinky", (-0.02, -0.02, 0.003)),
        ("right_index", (0.025, -0.025, -0.004)),
        ("right_thumb", (0.015, -0.005, -0.015)),
    ],
)
def test_the_tip_of_the_shown_finger_goes_to_the_target(fingers, mannequin, finger, way):
    """The hands of the solver have the bones of the shown body."""
    standing = mannequin.stand(neutral_pose())
    target = standing.in_wrist(finger, standing.handles[finger]) + np.array(way)
    hand_pose, distances = fingers.reach(RESTING, {finger: torch.from_numpy(target).float()})
    posed = mannequin.stand(neutral_pose(), hand_pose=hand_pose)
    assert np.linalg.norm(posed.in_wrist(finger, posed.handles[finger]) - target) < 0.003
    assert list(distances) == [finger]
    assert set(changed(hand_pose)) <= set(finger_joints_of([finger]))
    assert changed(hand_pose)


def test_edits_change_the_named_parts_only(fingers):
    drawn = fingers.sample()
    assert changed(drawn) == list(range(30))
    parts = ["left_hand", "right_index"]
    for edited in (
        fingers.vary(drawn, parts, 0.8),
        fingers.complete(drawn, parts),
        fingers.take(drawn, RESTING, parts),
    ):
        assert changed(edited, drawn) == finger_joints_of(parts) == [*range(15), 15, 16, 17]


def test_taken_hands_are_those_of_the_donor(fingers, mannequin):
    drawn = fingers.sample()
    taken = fingers.take(RESTING, drawn, ["left_hand"])
    donor, posed = (mannequin.stand(neutral_pose(), hand_pose=pose) for pose in (drawn, taken))
    for name in FINGERTIPS:
        if name.startswith("left"):
            assert np.linalg.norm(posed.handles[name] - donor.handles[name]) < 0.008


def test_seeds_repeat_what_is_drawn(mannequin):
    drawn = []
    for seed in (1, 1, 2):
        made = Fingers(mannequin.body, load_hand_prior(), seed)
        drawn.append(made.vary(made.sample(), ["right_hand"], 0.5))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_fist_is_an_instruction_for_one_hand(fingers, mannequin):
    fist, edit = fingers.instruct(RESTING, "make a fist with the left hand", None)
    assert all(check.satisfied for check in edit.checks)
    assert changed(fist) == list(range(15))
    posed = mannequin.stand(neutral_pose(), hand_pose=fist)
    reach = {name: np.linalg.norm(posed.in_wrist(name, posed.handles[name])) for name in FINGERTIPS}
    assert reach["left_middle"] < 0.12 < reach["right_middle"]
    both, _ = fingers.instruct(fist, "do the same with the right hand", edit)
    assert torch.equal(both[:15], fist[:15])
    assert not torch.equal(both[15:], fist[15:])


def test_energies_are_those_of_each_hand(fingers):
    fist, _ = fingers.instruct(RESTING, "make a fist with the left hand", None)
    left, right = (fingers.energy(fist, hand) for hand in ("left_hand", "right_hand"))
    assert right == pytest.approx(fingers.energy(RESTING, "right_hand"))
    assert left != pytest.approx(right)
    assert fingers.energy(pairs.mirror(fist), "right_hand") == pytest.approx(left, abs=0.1)
