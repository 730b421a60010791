"""Hands posed by their descriptions."""

import pytest
import torch

from benchmarks.instructions.hand_descriptions import RoundTrip, failures, round_trip, summary
from benchmarks.instructions.hands import HandPhrase
from qposer.hands.prior import load_hand_prior

FLAT = torch.eye(3).expand(30, 3, 3)


def phrase(instruction, *expect, after=""):
    return HandPhrase("kind", "development", instruction, expect, after)


@pytest.fixture(scope="module")
def prior():
    return load_hand_prior()


def test_a_fist_is_described_and_made_again(prior):
    done = round_trip(phrase("make a fist with the right hand", "right fingers curled", "left unchanged"), FLAT, prior)
    assert done.checks == ("right fingers curled",)
    assert done.description == ("the left hand is flat", "the right hand makes a fist")
    assert (done.before, done.after, done.refused) == ((), (), "")


def test_checks_are_those_of_the_phrase(prior):
    done = round_trip(phrase("make a fist with the right hand", "right fingers straight"), FLAT, prior)
    assert done.before == done.after == ("right fingers straight",)
    assert done.held(done.after) == 0
    assert failures([done]) == []


def test_a_reference_follows_its_earlier_instruction(prior):
    done = round_trip(
        phrase("mirror that", "left fingers curled", after="make a fist with the right hand"), FLAT, prior
    )
    assert done.description == ("the left hand makes a fist", "the right hand is flat")
    assert done.after == ()


def test_tables_count_lost_checks_and_refusals(prior):
    lost = RoundTrip(phrase("wave", "a", "b"), ("a", "b"), ("the left hand is flat",), (), ("b",))
    refused = round_trip(phrase("make a fsit", "right fingers curled"), FLAT, prior)
    assert "did you mean fist" in refused.refused
    assert "| development | 2 | 50.0" in summary({"development": [lost, refused]}).markdown()
    assert [line[:8] for line in failures([lost, refused])] == ['- "wave"', '- "make ']
    assert failures([lost])[0].endswith("(the left hand is flat): b")
