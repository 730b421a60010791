"""Instructions for hands followed with the shipped prior."""

import pytest
import torch

from qposer.control.hand_instructions import InstructionError, instruct_hands
from qposer.control.hand_measures import FLESH, Gap, PosedHand, Surface
from qposer.hands.pairs import as_right_hands
from qposer.hands.prior import load_hand_prior

FLAT = torch.zeros(30, 3)


@pytest.fixture(scope="module")
def prior():
    return load_hand_prior()


def posed(edit, side):
    return PosedHand.of(as_right_hands(edit.hand_pose)[("left", "right").index(side)])


def test_a_fist_of_one_hand_leaves_the_other_alone(prior):
    edit = instruct_hands(FLAT, "make a fist with the left hand", prior=prior)
    assert (posed(edit, "left").angles[:12, 0].view(4, 3).sum(-1) > 200).all()
    assert torch.equal(edit.hand_pose[15:], FLAT[15:])
    assert edit.energy[0] < 1
    assert all(check.satisfied for check in edit.checks)
    assert all(joint.startswith("left_") for joint in edit.mentioned)


def test_fingers_that_are_not_mentioned_keep_their_rotations(prior):
    matrices = torch.eye(3).expand(30, 3, 3).clone()
    edit = instruct_hands(matrices, "touch the right thumb with the ring finger", prior=prior)
    assert edit.hand_pose.shape == (30, 3, 3)
    assert torch.equal(edit.hand_pose[15:24], matrices[15:24])
    assert 0.9 < float(Gap("thumb_tip", "ring_tip")(posed(edit, "right"))) < 1.5


def test_a_ball_is_held_with_its_diameter(prior):
    hand = posed(instruct_hands(FLAT, "hold a ball of 8 cm", prior=prior), "right")
    for finger in ("thumb", "index", "middle", "ring", "pinky"):
        assert abs(float(Surface(f"{finger}_tip", 8.0, bar=False)(hand))) < 0.5


def test_small_balls_are_held_by_fingertips(prior):
    hand = posed(instruct_hands(FLAT, "hold a ball of 2 cm", prior=prior), "right")
    assert float(Gap("thumb_tip", "index_tip")(hand)) == pytest.approx(2 + 2 * FLESH, abs=0.3)


def test_degrees_are_those_of_the_middle_joint(prior):
    edit = instruct_hands(FLAT, "bend the left ring finger by 60 degrees", prior=prior)
    assert posed(edit, "left").angles[10, 0].item() == pytest.approx(60, abs=4)
    further = instruct_hands(edit.hand_pose, "bend the left ring finger 20 degrees more", prior=prior)
    assert posed(further, "left").angles[10, 0].item() == pytest.approx(80, abs=6)


def test_later_steps_begin_where_earlier_ones_end(prior):
    edit = instruct_hands(FLAT, "make a fist with the right hand, then stretch out the index finger", prior=prior)
    flexion = posed(edit, "right").angles[:12, 0].view(4, 3).sum(-1)
    assert flexion[0] < 30
    assert (flexion[1:] > 200).all()
    assert torch.equal(edit.hand_pose[:15], FLAT[:15])


def test_the_same_with_the_other_hand_and_the_mirror(prior):
    first = instruct_hands(FLAT, "thumbs up", prior=prior)
    both = instruct_hands(first.hand_pose, "do the same with the left hand", previous=first, prior=prior)
    assert (posed(both, "left").angles[:12, 0].view(4, 3).sum(-1) > 200).all()
    mirrored = instruct_hands(first.hand_pose, "mirror that", prior=prior)
    assert torch.allclose(posed(mirrored, "left").points, posed(first, "right").points, atol=1e-3)
    assert torch.allclose(mirrored.hand_pose[15:], FLAT[15:], atol=1e-5)


def test_equal_seeds_give_equal_hands(prior):
    one, two = (instruct_hands(FLAT, "pinch", seed=4, prior=prior) for _ in range(2))
    assert torch.equal(one.hand_pose, two.hand_pose)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bend the ring finger by 200 degrees", "middle joint of the ring finger ranges from -5 to 110"),
        ("bend the index finger 5 cm", "measured in degrees, not in cm"),
        ("hold a ball of 40 cm", "ranges from 0.5 to 12"),
        ("touch the thumb", "name two fingers"),
        ("bend the", "bend which finger"),
        ("make a fist 30 degrees", "leave out the number"),
        ("straighten and bend the index finger", "which|contradict|one action"),
        ("open the right hand and make a fist with the right hand", "contradict each other"),
        ("do the same with the left hand", "nothing was done before"),
        ("straighten the other fingers", "which are the others"),
        ("turn the palm up", "'turn' is not known"),
        ("right palm up", "instruction for the body"),
        ("make a fist and mirror that", "a sentence of its own"),
    ],
)
def test_instructions_that_make_no_sense(prior, text, message):
    with pytest.raises(InstructionError, match=message):
        instruct_hands(FLAT, text, prior=prior)


def test_several_poses_are_rejected():
    with pytest.raises(ValueError, match=r"one pose of both hands.*\(2, 30, 3\)"):
        instruct_hands(torch.zeros(2, 30, 3), "make a fist")
