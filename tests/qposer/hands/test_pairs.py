"""Edits of both hands by named parts."""

import pytest
import torch

from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.hands.anatomy import draw_hands
from qposer.hands.angles import angles_of, rotations_of
from qposer.hands.pairs import as_right_hands, blend, complete, mirror, of_right_hands, swap, vary
from qposer.hands.skeleton import HAND

INDEX = slice(0, 3)


@pytest.fixture(scope="module")
def hands():
    """Two poses of both hands."""
    drawn = rotations_of(draw_hands(4, torch.Generator().manual_seed(3)))
    return of_right_hands(drawn.unflatten(0, (2, 2)))


def test_the_left_hand_comes_first_and_is_mirrored():
    left_fist = torch.zeros(30, 3)
    left_fist[INDEX, 2] = -1.0  # about the left hand's z axis, which closes it
    assert (angles_of(as_right_hands(left_fist))[0, :3, 0] > 0.9).all()
    assert torch.allclose(as_right_hands(left_fist)[1], torch.eye(3).expand(15, 3, 3))


def test_swapped_parts_come_from_the_donor_and_the_other_hand_stays(hands):
    edited = swap(hands[0], hands[1], "right_index")
    assert torch.equal(edited[:15], hands[0, :15])
    points, donor = HAND.points(edited[15:]), HAND.points(hands[1, 15:])
    assert torch.allclose(points[16], donor[16], atol=0.004)
    assert torch.allclose(points[17], HAND.points(hands[0, 15:])[17], atol=0.004)


def test_parts_without_a_side_are_those_of_both_hands(hands):
    edited = swap(hands[0], hands[1], "thumb")
    assert not torch.equal(edited[:15], hands[0, :15])
    assert not torch.equal(edited[15:], hands[0, 15:])


def test_a_blend_with_all_weight_on_one_pose_is_that_pose(hands):
    edited = blend(list(hands), [0.0, 1.0], "left_hand")
    assert torch.allclose(HAND.points(edited[:15]), HAND.points(hands[1, :15]), atol=0.004)
    assert torch.equal(edited[15:], hands[0, 15:])


def test_varied_parts_change_and_others_keep_their_rotations(hands):
    varied = vary(hands[0], ["left_index", "left_thumb"], 1.0, 3)
    assert varied.shape == (3, 30, 3, 3)
    assert torch.allclose(varied[:, 3:12], hands[0, 3:12].expand(3, -1, -1, -1), atol=1e-5)
    assert torch.equal(varied[:, 15:], hands[0, 15:].expand(3, -1, -1, -1))
    assert (varied[0, INDEX] - varied[1, INDEX]).abs().max() > 0.05


def test_completed_fingers_follow_the_others_of_their_hand(hands):
    completed = complete(hands[0], ["left_index", "right_thumb"], n=2)
    assert completed.shape == (2, 30, 3, 3)
    known = [joint for joint in range(30) if joint not in (0, 1, 2, 27, 28, 29)]
    assert torch.allclose(completed[:, known], hands[0, known].expand(2, -1, -1, -1), atol=1e-5)
    lost = hands[0].clone()
    lost[INDEX] = torch.eye(3)
    lost[27:] = torch.eye(3)
    assert torch.allclose(complete(lost, ["left_index", "right_thumb"], n=2), completed, atol=1e-5)
    with pytest.raises(ValueError, match="no joint is known"):
        complete(hands[0], "left_hand")


def test_the_mirror_exchanges_the_hands_and_keeps_the_representation(hands):
    turns = matrix_to_axis_angle(hands[0])
    mirrored = mirror(turns)
    assert mirrored.shape == (30, 3)
    assert torch.allclose(as_right_hands(mirrored), as_right_hands(hands[0]).flip(0), atol=1e-5)
    assert torch.allclose(axis_angle_to_matrix(mirror(mirrored)), hands[0], atol=1e-5)


@pytest.mark.parametrize(
    ("parts", "message"),
    [("left_indx", "did you mean left_index"), ([], "no part is named"), ("left_", "no part 'left_'")],
)
def test_unknown_parts_are_named(hands, parts, message):
    with pytest.raises(ValueError, match=message):
        swap(hands[0], hands[1], parts)


def test_poses_of_one_hand_are_rejected():
    with pytest.raises(ValueError, match=r"both hands must be .*\(15, 3\)"):
        mirror(torch.zeros(15, 3))
