"""Words of instructions for hands, and their clauses."""

import pytest

from qposer.control.hand_instructions import mentions_hands
from qposer.control.hand_instructions.parser import LEXICON, HandClause, Likewise, Mirror, parse
from qposer.control.hand_instructions.reading import ACTIONS, STATES
from qposer.control.hand_instructions.shapes import SHAPES
from qposer.control.hand_instructions.vocabulary import SHAPES as SHAPE_WORDS
from qposer.control.hand_instructions.vocabulary import STATES as STATE_WORDS
from qposer.control.hand_instructions.vocabulary import VERBS
from qposer.control.instructions.words import InstructionError


def only(text):
    (step,) = parse(text)
    (clause,) = step
    return clause


def test_a_verb_and_its_fingers():
    clause = only("please touch the left thumb with the little finger")
    assert clause.verb == "touch"
    assert [(part.name, part.side) for part in clause.parts] == [("thumb", "left"), ("pinky", "left")]


def test_a_hand_after_fingers_gives_them_its_side():
    clause = only("bend the index and the middle finger of the right hand 40 degrees")
    assert [(part.name, part.side) for part in clause.parts] == [("index", "right"), ("middle", "right")]
    assert (clause.value, clause.unit) == (40.0, "degrees")


def test_millimetres_and_inches_are_centimetres():
    assert only("hold a ball of 70 mm").value == pytest.approx(7.0)
    assert only("hold a ball of 2 inches").value == pytest.approx(5.08)


def test_and_joins_fingers_or_clauses():
    assert len(parse("straighten the index finger and the thumb")[0]) == 1
    assert len(parse("straighten the index finger and bend the thumb")[0]) == 2
    assert len(parse("the left hand is open and the right hand is a fist")[0]) == 2


def test_then_separates_steps():
    assert [len(step) for step in parse("make a fist, then point. then relax the hand")] == [1, 1, 1]


def test_verbs_after_others_are_states():
    clause = only("open the left hand with the fingers spread")
    assert (clause.verb, clause.states) == ("open", ("spread",))


def test_references():
    assert isinstance(only("mirror that"), Mirror)
    same = only("do the same with the left hand")
    assert isinstance(same, Likewise)
    assert same.part.side == "left"


def test_both_sides():
    assert only("left and right hand in a fist").parts[0].side == "both"
    assert only("clench both fists").parts[0].side == "both"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("make a fsit", r"did you mean fist\?: make a \[fsit\]"),
        ("raise the arm", "plain English about hands and fingers"),
        ("please", "says nothing about hands"),
        ("", "is empty"),
        ("bend touch the thumb", r"one action at a time.*\[touch\]"),
        ("bend the thumb 30 40 degrees", r"one number.*\[40\]"),
        ("bend the thumb degrees", "a number is missing"),
    ],
)
def test_errors_mark_the_position(text, message):
    with pytest.raises(InstructionError, match=message):
        parse(text)


def test_every_word_has_a_meaning():
    assert set(SHAPE_WORDS) == set(SHAPES)
    assert set(STATE_WORDS) == set(STATES)
    assert set(VERBS) - {"hold", "show"} == set(ACTIONS)


def test_phrases_have_one_meaning():
    assert LEXICON.phrases[("ring", "finger")].value == "ring"
    assert LEXICON.phrases[("ring", "sign")].kind == "SHAPE"


@pytest.mark.parametrize(
    ("text", "of_hands"),
    [
        ("make a fist", True),
        ("spread the fingers", True),
        ("open the left hand", True),
        ("put the hands together", False),
        ("point to the left with the left hand", False),
        ("raise the left arm", False),
        ("mirror that", False),
    ],
)
def test_instructions_for_fingers_are_told_from_those_for_bodies(text, of_hands):
    assert mentions_hands(text) == of_hands


def test_clauses_keep_their_place_in_the_text():
    text = "make a fist and spread the fingers"
    clause = parse(text)[0][1]
    assert isinstance(clause, HandClause)
    assert text[slice(*clause.span)] == "spread the fingers"
