import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.instructions import vocabulary
from qposer.control.instructions.meaning import Meaning
from qposer.control.instructions.parser import parse
from qposer.control.instructions.reading import meaning_of
from qposer.control.instructions.words import InstructionError

NOW = PosedSkeleton.of(neutral_pose())


def first(table):
    return [phrases.split(", ")[0] for phrases in table.values()]


def meant(text, now=NOW):
    meaning = Meaning()
    for step in parse(text):
        for clause in step:
            meaning += meaning_of(clause, now, text)
    return meaning


SIDES = st.sampled_from(["", "left ", "right ", "both ", "one ", "the other "])
PARTS = st.builds(lambda side, part: side + part, SIDES, st.sampled_from(first(vocabulary.PARTS)))
VERBS = st.sampled_from(first(vocabulary.VERBS))
PREPOSITIONS = st.sampled_from(first(vocabulary.PREPOSITIONS))
MODIFIERS = st.sampled_from(
    [
        *("", "left", "right", "diagonally up", "30 degrees", "by 20 degrees", "400 degrees", "10 cm", "3 m", "5"),
        *first(vocabulary.DIRECTIONS),
        *first(vocabulary.LEVELS),
        *first(vocabulary.STATES),
        *first(vocabulary.DONE),
        *first(vocabulary.AMOUNTS),
    ]
)
PHRASES = st.one_of(
    st.tuples(VERBS, PARTS, MODIFIERS),
    st.tuples(VERBS, PARTS, PREPOSITIONS, PARTS, MODIFIERS),
    st.tuples(VERBS, PREPOSITIONS, PARTS, MODIFIERS),
    st.tuples(PARTS, MODIFIERS, MODIFIERS),
    st.tuples(PARTS, PREPOSITIONS, PARTS, MODIFIERS),
    st.tuples(VERBS, MODIFIERS, st.just("with"), PARTS, MODIFIERS),
).map(" ".join)


@settings(max_examples=200)
@given(PHRASES)
def test_any_words_together_are_constraints_or_refused(text):
    try:
        meaning = meant(text)
    except InstructionError as error:
        place = (error.start, error.end)
        meaning = Meaning()
    else:
        place = (0, 0)
    assert 0 <= place[0] <= place[1] <= len(text)
    joints = {joint for constraint in meaning.constraints for joint in constraint.joints}
    assert joints | meaning.helping | meaning.still <= set(BODY_JOINT_NAMES)
    for constraint in meaning.constraints:
        assert torch.isfinite(constraint.gap(NOW))
        assert constraint.low <= constraint.high
        assert constraint.text


SIDED = [
    *("raise the left arm", "lift the left hand to chin height", "lower the left arm", "raise the left arm sideways"),
    *("raise the left knee", "raise the left foot 10 cm", "raise the left leg backward", "lower the left leg"),
    *("bend the left elbow 40 degrees", "bend the left wrist up", "stretch the left arm to the left"),
    *("reach up with the left hand", "point forward with the left arm", "turn the left foot outward"),
    *(
        "put the left hand on the left hip",
        "put the left hand on the right knee",
        "touch the left ear with the left hand",
    ),
    *("put the left foot in front of the right foot", "hold the left hand behind the head", "cover the left ear"),
    *("lean to the left", "turn the torso to the left", "tilt the head to the left", "look to the left"),
    *("look over the left shoulder", "look at the left hand", "stand on the left leg", "kneel on the left knee"),
    *(
        "lunge with the left leg",
        "step to the left with the left leg",
        "kick with the left leg",
        "shrug the left shoulder",
    ),
    *("wave with the left hand", "salute with the left hand", "cross the left leg over the right leg"),
    *("turn the left palm up", "the left arm is horizontal", "spread the arms", "hug yourself", "t-pose", "squat"),
]


@pytest.mark.parametrize("text", SIDED)
def test_with_left_and_right_swapped_the_mirrored_skeleton_has_the_same_constraints(
    text, random_postures, in_mirror, other_side
):
    posture = random_postures(2, 1, 0.3)
    posture = OrientedPose(posture.body_pose[0], torch.eye(3))
    figure, mirrored = PosedSkeleton.of(posture), PosedSkeleton.of(in_mirror(posture))
    exchanged = " ".join({"left": "right", "right": "left"}.get(word, word) for word in text.split())
    one, other = meant(text, figure), meant(exchanged, mirrored)
    assert {other_side(joint) for joint in one.helping} == other.helping
    gaps = sorted(float(constraint.gap(figure)) for constraint in one.constraints)
    assert gaps == pytest.approx(sorted(float(c.gap(mirrored)) for c in other.constraints), abs=0.2)
    joints = sorted(sorted(map(other_side, constraint.joints)) for constraint in one.constraints)
    assert joints == sorted(sorted(constraint.joints) for constraint in other.constraints)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("bend the knee 400 degrees", "400 degrees are out of range: the left knee .* from -5 to 155", "400 degrees"),
        ("raise the arm 200 degrees", "200 degrees are out of range: .* from 0 to 180", "200 degrees"),
        ("turn the head 120 degrees to the left", "head turn ranges from -85 to 85", "120 degrees"),
        ("bend the knee 10 cm", "give degrees, not centimetres", "10 cm"),
        ("step forward 40 degrees", "give cm here, not degrees", "40 degrees"),
        ("lean forward 150 degrees", "110 at most", "150 degrees"),
        ("look up 100 degrees", "90 at most", "100 degrees"),
        ("squat 200 degrees", "155 at most", "200 degrees"),
        ("lower the left leg 400 degrees", "130 at most", "400 degrees"),
        ("spread the legs 300 degrees", "0 to 120 degrees", "300 degrees"),
        ("raise the left hand 4 m", "400 cm are out of range: 300 at most", "4 m"),
        ("raise", "say what to raise", "raise"),
        ("bend the cheek", "how to bend the cheek is not known", "cheek"),
        ("turn the torso", "give the direction in which the body turns", None),
        ("point with the left arm", "say where to point", None),
        ("touch", "say what to touch", None),
        ("kick to the left with the right leg", "the right leg can kick forward, backward or to the right", None),
    ],
)
def test_impossible_instructions_are_reported(text, message, place):
    with pytest.raises(InstructionError, match=message) as error:
        meant(text)
    assert place is None or text[error.value.start : error.value.end] == place


def test_numbers_are_taken_and_amounts_are_ordered():
    def constraint_of(text):
        (constraint,) = meant(text).constraints
        return constraint

    assert (
        constraint_of("bend the left knee 37 degrees").low,
        constraint_of("bend the left knee 37 degrees").high,
    ) == (37, 37)
    middle = [
        (constraint.low + min(constraint.high, 180.0)) / 2
        for constraint in map(
            constraint_of, (f"bend the left knee {amount}" for amount in ("slightly", "halfway", "fully"))
        )
    ]
    assert middle == sorted(middle)
    by = constraint_of("bend the left knee by 20 degrees")
    assert by.low == pytest.approx(20 + float(by.measure(NOW)), abs=1e-3)


def test_parts_to_keep_still_are_known():
    meaning = meant("keep the left arm still")
    assert meaning.still == {"left_collar", "left_shoulder", "left_elbow", "left_wrist"}
    assert all(constraint.gap(NOW) == 0 for constraint in meaning.constraints)
    assert meant("keep the head still").still == {"neck", "head"}
    assert meant("keep the body still").still == set(BODY_JOINT_NAMES)


def test_helping_joints_belong_to_the_reach():
    assert {"spine1", "spine2", "spine3"} <= meant("put the left hand on the left knee").helping
    assert meant("put the left hand on the left knee").pelvis
    assert not meant("put the left hand on the head").pelvis
    assert not meant("bend the left elbow").helping
