import pytest
from hypothesis import given
from hypothesis import strategies as st

from qposer.control.instructions.clauses import Again, Clause, Likewise, Mirror, Part
from qposer.control.instructions.parser import parse
from qposer.control.instructions.words import PHRASES, InstructionError

WORDS = [" ".join(phrase) for phrase in PHRASES]


def steps_or_error(text):
    """The steps of a text; empty if it is rejected."""
    try:
        return parse(text)
    except InstructionError as refusal:
        error = refusal
    assert 0 <= error.start <= error.end <= len(text)
    return []


def clause(text):
    ((only,),) = parse(text)
    return only


def parts(of):
    return [(part.name, part.side) for part in of]


@given(st.lists(st.sampled_from([*WORDS, ",", ".", "30", "cm"]), min_size=1, max_size=7).map(" ".join))
def test_known_words_are_steps_or_an_error_that_points_into_them(text):
    for step in steps_or_error(text):
        assert step
        for saying in step:
            assert 0 <= saying.span[0] < saying.span[1] <= len(text)


@given(st.text(max_size=40))
def test_any_other_text_is_an_error(text):
    steps_or_error(text)


def test_a_complete_command_is_parsed():
    reported = clause("please slowly raise the left arm diagonally forward by 30 degrees")
    assert (reported.verb, parts(reported.parts), reported.direction) == ("raise", [("arm", "left")], "forward")
    assert reported.diagonal
    assert (reported.extent.value, reported.extent.unit, reported.extent.relative) == (30, "degrees", True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bend the left knee", [("knee", "left")]),
        ("bend both knees", [("knee", "both")]),
        ("bend the knees", [("knee", "")]),
        ("bend one knee", [("knee", "any")]),
        ("bend the other knee", [("knee", "other")]),
        ("bend the left and right knee", [("knee", "left"), ("knee", "right")]),
        ("bend the left knee and elbow", [("knee", "left"), ("elbow", "left")]),
        ("bend the left knee and the right elbow", [("knee", "left"), ("elbow", "right")]),
        ("bend the left knee, the right elbow, and the head", [("knee", "left"), ("elbow", "right"), ("head", "")]),
    ],
)
def test_parts_and_their_sides(text, expected):
    assert parts(clause(text).parts) == expected


@pytest.mark.parametrize(
    ("part", "alone", "sides"),
    [
        (Part("knee", "left"), False, ["left"]),
        (Part("knee", "both"), True, ["left", "right"]),
        (Part("knee"), False, ["left", "right"]),
        (Part("knee"), True, ["right"]),
        (Part("knee", "any"), False, ["right"]),
    ],
)
def test_omitted_sides_are_inferred(part, alone, sides):
    assert part.sides(alone) == sides


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("bend the knee 60 degrees", 60, "degrees"),
        ("bend the knee sixty degrees", 60, "degrees"),
        ("bend the knee 60", 60, ""),
        ("bend the knee at a right angle", 90, "degrees"),
        ("raise the hand 0.2 m", 20, "cm"),
        ("raise the hand 100 mm", 10, "cm"),
        ("raise the hand 2 inches", 5.08, "cm"),
        ("spread the feet shoulder width apart", 38, "cm"),
    ],
)
def test_measures(text, value, unit):
    extent = clause(text).extent
    assert (extent.value, extent.unit) == (pytest.approx(value), unit)


def test_relations_levels_and_states():
    reported = clause("put the left hand on the right knee")
    assert [(r.preposition, parts(r.parts)) for r in reported.relations] == [("on", [("knee", "right")])]
    assert clause("raise the hands to shoulder height").level == "shoulder"
    assert clause("hold the arm horizontal").states == ("horizontal",)
    assert clause("the left knee is bent slightly").done == ("bend",)
    assert clause("the left knee is bent slightly").extent.amount == "slightly"
    assert parts(clause("touch the nose with the left hand").instruments) == [("hand", "left")]


def test_clauses_and_steps():
    steps = parse("raise the left arm and bend the right knee, then look up while leaning back. Sit")
    assert [[saying.verb for saying in step] for step in steps] == [["raise", "bend"], ["look", "lean", "sit"]]


@pytest.mark.parametrize("text", ["raise and stretch the left arm", "raise, bend and stretch the left arm"])
def test_verbs_in_a_row_share_their_parts(text):
    (step,) = parse(text)
    assert {tuple(parts(saying.parts)) for saying in step} == {(("arm", "left"),)}


def test_verbs_of_the_whole_body_share_nothing():
    ((squat, raised),) = parse("squat and raise the arms")
    assert (squat.verb, squat.parts, raised.verb) == ("squat", (), "raise")


def test_pronouns_refer_to_the_last_named_parts():
    ((_, it),) = parse("raise the left arm and bend it")
    assert parts(it.parts) == [("arm", "left")]
    (_, (them,)) = parse("raise the left arm and the right knee, then lower them")
    assert parts(them.parts) == [("arm", "left"), ("knee", "right")]
    ((_, one),) = parse("raise the left arm and lower the right one")
    assert parts(one.parts) == [("arm", "right")]
    with pytest.raises(InstructionError, match="no part was named before") as error:
        parse("bend it")
    assert (error.value.start, error.value.end) == (5, 7)


def test_references_to_the_previous_edit_are_parsed():
    assert isinstance(clause("mirror that"), Mirror)
    assert clause("a bit more") == Again(False, clause("a bit more").extent, (0, 10))
    assert clause("a little less").less
    assert clause("20 degrees more").extent.value == 20
    same = clause("do the same with the right arm")
    assert isinstance(same, Likewise)
    assert parts(same.parts) == [("arm", "right")]
    assert clause("do the same to the right").direction == "right"


def test_spans_are_those_of_the_words():
    text = "raise the left arm, then bend the right knee 60 degrees"
    (raised,), (bent,) = parse(text)
    assert text[slice(*raised.span)] == "raise the left arm"
    assert text[slice(*bent.span)] == "bend the right knee 60 degrees"
    assert text[slice(*bent.parts[0].span)] == "right knee"
    assert text[slice(*bent.extent.span)] == "60 degrees"


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("put the left hand on the", "incomplete: something is missing after 'on'", ""),
        ("raise the left arm and", "incomplete", ""),
        ("with", "'with' is not understood here", "with"),
        ("the", "incomplete", ""),
        ("!", "incomplete", ""),
        ("on the head the left hand", "'head' is not understood here", "head"),
        ("raise the left arm of to of", "incomplete", ""),
        ("left left left", "is not understood here", "left"),
    ],
)
def test_invalid_sentences_are_rejected(text, message, place):
    with pytest.raises(InstructionError, match=message) as error:
        parse(text)
    assert text[error.value.start : error.value.end] == place


def test_out_counts_only_where_no_other_direction_is_named():
    assert Clause("raise", directions=("outward", "forward")).direction == "forward"
    assert Clause("raise", directions=("outward",)).direction == "outward"
    assert Clause("raise").direction == ""
