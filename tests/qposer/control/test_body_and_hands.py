"""Instructions split into parts for the body and for the hands."""

import pytest

from benchmarks.instructions.hands import load_phrases
from benchmarks.instructions.suite import Suite
from qposer.control.body_and_hands import split_instruction


@pytest.mark.parametrize(
    ("text", "body", "hands"),
    [
        ("raise the left arm", "raise the left arm", ""),
        ("put the hands together", "put the hands together", ""),
        ("thumbs up", "", "thumbs up"),
        ("point with the right hand", "", "point with the right hand"),
        ("point to the left with the left hand", "point to the left with the left hand", ""),
        ("point with the left arm", "point with the left arm", ""),
        ("make a claw with the right hand", "", "make a claw with the right hand"),
        ("raise the left knee and bend it 90 degrees", "raise the left knee and bend it 90 degrees", ""),
        (
            "raise the arms and open them, then pinch with the left hand",
            "raise the arms and open them",
            "pinch with the left hand",
        ),
        (
            "bend the knuckles of the left hand 80 degrees and keep the fingers straight",
            "",
            "bend the knuckles of the left hand 80 degrees and keep the fingers straight",
        ),
        ("stretch out the index finger and the thumb", "", "stretch out the index finger and the thumb"),
        (
            "raise the right arm, palm forward, and make a fist with the right hand",
            "raise the right arm, palm forward",
            "make a fist with the right hand",
        ),
        (
            "make a fist with the right hand and raise the left and right arm",
            "raise the left and right arm",
            "make a fist with the right hand",
        ),
        (
            "bend the knees, make a fist with the left hand, then straighten the knees and open the left hand",
            "bend the knees, then straighten the knees",
            "make a fist with the left hand, then open the left hand",
        ),
        (
            "bend the knees and hold a ball of 7.5 cm",
            "bend the knees",
            "hold a ball of 7.5 cm",
        ),
        (
            "sit and do the rock and roll sign with both hands",
            "sit",
            "do the rock and roll sign with both hands",
        ),
    ],
)
def test_clauses_go_to_the_body_or_to_the_hands(text, body, hands):
    assert split_instruction(text) == (body, hands)


@pytest.mark.parametrize(
    ("text", "body", "hands"),
    [
        ("raise the left arm and make a fist", "raise the left arm", "make a fist with the left hand"),
        ("raise both arms and hold a ball", "raise both arms", "hold a ball with both hands"),
        ("bend the knees and make a fist", "bend the knees", "make a fist"),
        ("raise the left arm and point with the right index finger", None, "point with the right index finger"),
        ("make a fist with the right hand, palm up", "right palm up", "make a fist with the right hand"),
        ("make a fist with the right hand, palms up", "palms up", "make a fist with the right hand"),
        ("raise the left arm, give a thumbs up, then raise the right arm and pinch", None,
         "give a thumbs up with the left hand, then pinch with the right hand"),
    ],
)  # fmt: skip
def test_a_side_holds_for_the_next_clause_of_the_other_kind(text, body, hands):
    split = split_instruction(text)
    assert split.hands == hands
    assert body is None or split.body == body


@pytest.mark.parametrize(
    ("text", "before", "body", "hands"),
    [
        ("mirror that", ("body",), "mirror that", ""),
        ("mirror that", ("hands",), "", "mirror that"),
        ("mirror that", ("body", "hands"), "mirror that", "mirror that"),
        ("do the same with the left hand", ("hands",), "", "do the same with the left hand"),
        ("do the same with the left arm", ("body", "hands"), "do the same with the left arm", ""),
        ("a bit more", ("body",), "a bit more", ""),
        ("raise the left arm, make a fist, then mirror that", ("body",),
         "raise the left arm, then mirror that", "make a fist with the left hand, then mirror that"),
        ("raise the left arm, make a fist with the right hand and do the same with the left hand", ("body",),
         "raise the left arm", "make a fist with the right hand and do the same with the left hand"),
    ],
)  # fmt: skip
def test_references_go_where_they_refer_to(text, before, body, hands):
    assert split_instruction(text, before) == (body, hands)


@pytest.mark.parametrize("text", ["", "lève le bras gauche", "make a fsit", "raise the left armm", ", and", "and"])
def test_what_is_not_understood_is_for_the_body(text):
    assert split_instruction(text) == (text, "")
    assert split_instruction(text).kinds == (("body",) if text else ())


def test_every_phrase_of_the_suites_goes_to_its_own_grammar():
    for phrase in Suite.load().phrases:
        for text in phrase.instructions:
            assert split_instruction(text) == (text, "")
    for phrase in load_phrases()[0]:
        assert split_instruction(phrase.instruction, ("hands",)) == ("", phrase.instruction)
