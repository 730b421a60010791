import pytest
from hypothesis import given
from hypothesis import strategies as st

from qposer.control.instructions import vocabulary
from qposer.control.instructions.words import LONGEST_TEXT, PHRASES, InstructionError, tokens

WORDS = sorted({word for phrase in PHRASES for word in phrase})
SENTENCES = st.lists(st.sampled_from([*WORDS, ",", ".", "30", "2.5"]), min_size=1, max_size=12).map(" ".join)


def kinds(text):
    return [(token.type, str(token)) for token in tokens(text)]


@given(SENTENCES)
def test_tokens_lie_in_the_text_one_after_the_other_and_leave_out_fillers_alone(text):
    try:
        found = list(tokens(text))
    except InstructionError:
        return
    fillers = vocabulary.FILLERS.split(", ")
    end = 0
    for token in found:
        assert end <= token.start_pos < token.end_pos
        left_out = text[end : token.start_pos].strip(" ,.")
        assert not left_out or any(filler in left_out for filler in fillers)
        end = token.end_pos


@given(st.text(max_size=60))
def test_any_text_is_tokens_or_an_error_that_points_into_it(text):
    try:
        places = [(token.start_pos, token.end_pos) for token in tokens(text)]
    except InstructionError as error:
        places = [(error.start, error.end)]
    assert all(0 <= start <= end <= len(text) for start, end in places)


@pytest.mark.parametrize("phrase", [" ".join(phrase) for phrase, meaning in PHRASES.items() if meaning.kind == "VERB"])
def test_every_verb_is_known_whatever_its_case(phrase):
    meaning = PHRASES[tuple(phrase.split())]
    assert kinds(f"{phrase.upper()} it")[0] == (meaning.kind, meaning.value)


def test_the_longest_phrase_is_taken():
    assert kinds("put the hands together") == [("VERB", "put"), ("PART", "hand"), ("STATE", "together")]
    assert kinds("put together the hands") == [("VERB", "close"), ("PART", "hand")]
    assert kinds("stand on your toes") == [("VERB", "tiptoe")]
    assert kinds("bend the upper arm") == [("VERB", "bend"), ("PART", "upper arm")]


def test_left_and_right_are_sides_of_parts_or_directions():
    assert kinds("turn left") == [("VERB", "turn"), ("DIRECTION", "left")]
    assert kinds("turn left foot") == [("VERB", "turn"), ("SIDE", "left"), ("PART", "foot")]
    assert kinds("bend left and right knee")[1:] == [
        ("SIDE", "left"),
        ("AND", "and"),
        ("SIDE", "right"),
        ("PART", "knee"),
    ]
    assert kinds("bend the right one")[1:] == [("SIDE", "right"), ("PART", "one")]
    assert kinds("reach behind")[1:] == [("DIRECTION", "backward")]
    assert kinds("reach behind the head")[1:] == [("PREP", "behind"), ("PART", "head")]


def test_numbers_and_marks():
    assert kinds("bend the knee 12.5°") == [("VERB", "bend"), ("PART", "knee"), ("NUMBER", "12.5"), ("UNIT", "degrees")]
    assert kinds("bend the knee forty-five degrees")[2:] == [("NUMBER", "45.0"), ("UNIT", "degrees")]
    assert kinds("sit, stand. kneel!")[1::2] == [("SEP", ","), ("STOP", ".")]
    assert kinds("...sit") == [("STOP", "."), ("STOP", "."), ("VERB", "sit")]


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_text_is_reported(text):
    with pytest.raises(InstructionError, match="the instruction is empty"):
        list(tokens(text))


def test_a_long_text_is_reported():
    with pytest.raises(InstructionError, match=f"10000 characters, but at most {LONGEST_TEXT} are allowed"):
        list(tokens("sit and " * 1250))


@pytest.mark.parametrize(
    ("text", "word", "hint"),
    [
        ("raise the left armm", "armm", "did you mean arm"),
        ("rais the left arm", "rais", "did you mean raise"),
        ("bend the kneee, please", "kneee", "did you mean knee"),
        ("Hebe den linken Arm", "Hebe", "is not known"),
        ("抬起左臂", "抬起左臂", "use plain English"),
        ("raise the left arm ²", "²", "use plain English"),
        ("raise <b>", "<", "use plain English"),
        ("do not sit", "not", "use plain English"),
        ("lève le bras", "lève", "is not known"),
    ],
)
def test_unknown_words_are_shown_with_the_nearest_known_ones(text, word, hint):
    with pytest.raises(InstructionError, match=hint) as error:
        list(tokens(text))
    assert text[error.value.start : error.value.end] == word


def test_errors_show_the_place():
    error = InstructionError("what is this", "raise the armm", 10, 14)
    assert str(error) == "what is this: raise the [armm]"
    assert str(InstructionError("nothing here", "raise")) == "nothing here"
    assert (InstructionError("all of it", "raise").start, InstructionError("all of it", "raise").end) == (0, 5)
