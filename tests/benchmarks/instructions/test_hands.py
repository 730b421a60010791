"""The suite of instructions for hands, and the checks of outcomes."""

import pytest
import torch

from benchmarks.instructions.hand_checks import holds
from benchmarks.instructions.hands import Followed, Outcome, by_kind, failures, load_phrases, start_poses, summary
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.angles import rotations_of
from qposer.hands.pairs import of_right_hands
from qposer.hands.prior import load_hand_prior

FLAT = torch.eye(3).expand(30, 3, 3)


@pytest.fixture(scope="module")
def fist():
    """Both hands closed."""
    angles = torch.zeros(15, 3)
    angles[:12, 0] = torch.deg2rad(torch.tensor([85.0, 100.0, 60.0]).repeat(4))
    return of_right_hands(rotations_of(angles).expand(2, 15, 3, 3))


def test_the_suite_has_equal_halves_and_known_checks():
    phrases, refused = load_phrases()
    assert len(phrases) >= 60
    halves = [phrase.half for phrase in phrases]
    assert halves.count("report") == halves.count("development")
    assert {phrase.half for phrase in refused} == set(halves)
    for phrase in phrases:
        for check in phrase.expect:
            holds(check, FLAT, FLAT)


@pytest.mark.parametrize(
    ("check", "of_flat", "of_fist"),
    [
        ("left fingers straight", True, False),
        ("right fingers curled", False, True),
        ("right index flexed 100", False, True),
        ("left ring knuckle 0", True, False),
        ("left unchanged", True, False),
        ("right thumb touches index", False, False),
        ("right index apart middle", False, False),
        ("right index near middle 4", True, True),
    ],
)
def test_checks_of_hands(fist, check, of_flat, of_fist):
    assert holds(check, FLAT, FLAT) == of_flat
    assert holds(check, FLAT, fist) == of_fist


def test_checks_look_at_the_named_side(fist):
    mixed = torch.cat([fist[:15], FLAT[15:]])
    assert holds("left fingers curled", FLAT, mixed)
    assert holds("right unchanged", FLAT, mixed)
    assert not holds("right fingers curled", FLAT, mixed)


def test_unknown_checks_are_rejected():
    with pytest.raises(ValueError, match="unknown check 'left thumb sings'"):
        holds("left thumb sings", FLAT, FLAT)


def test_tables_count_refused_phrases_as_missed():
    phrases, _ = load_phrases()
    done = Followed(phrases[0], (Outcome((), 0.5, 0.1), Outcome((phrases[0].expect[0],), 2.0, 0.2)))
    refused = Followed(phrases[1], (), "no")
    assert done.followed == 50
    assert refused.checks == 0
    assert "1 of 2" in summary({"report": [done, refused]}).markdown()
    assert "| 25 |" in by_kind([done, refused]).markdown()
    lines = failures([done, refused])
    assert "1 of 2 starts" in lines[0]
    assert "not understood: no" in lines[1]


def test_start_poses_are_of_both_hands():
    starts = start_poses(load_hand_prior())
    assert len(starts) == 3
    assert all(start.shape == (30, 3, 3) for start in starts)
    assert torch.equal(starts[0], axis_angle_to_matrix(torch.zeros(30, 3)))
