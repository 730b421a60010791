"""Descriptions of hands, and the same hands posed by their descriptions."""

import pytest
import torch

from benchmarks.instructions.hand_checks import holds
from qposer.control.hand_descriptions import BALLS, BARS, SIGNS, SLACK, SMALL_BALLS, describe_hands
from qposer.control.hand_instructions import instruct_hands
from qposer.control.hand_instructions.clauses import Context, constraints_of, contradiction
from qposer.control.hand_instructions.parser import HandClause, parse
from qposer.control.hand_measures import PosedHand
from qposer.control.hand_signs import BY_FINGERS, FOLDED, RAISED, sign_of
from qposer.hands.angles import angles_of, clamped, rotations_of
from qposer.hands.pairs import as_right_hands, mirror, of_right_hands
from qposer.hands.prior import load_hand_prior
from qposer.hands.smplh import FINGER_JOINT_NAMES, SIDES

FLAT = torch.eye(3).expand(30, 3, 3)


@pytest.fixture(scope="module")
def prior():
    return load_hand_prior()


def posed(**flexion):
    """A flat right hand with some joints flexed, degrees, and a flat left hand."""
    angles = torch.zeros(2, 15, 3)
    for joint, degrees in flexion.items():
        angles[1, FINGER_JOINT_NAMES.index(joint), 0] = torch.tensor(degrees).deg2rad()
    return of_right_hands(rotations_of(angles))


def fingers(knuckle, middle, last, *names):
    return {f"{name}{number}": degrees for name in names for number, degrees in enumerate((knuckle, middle, last), 1)}


def constraints(sentences):
    """Constraints of sentences by side."""
    text, found, context = ". ".join(sentences), {}, Context()
    now = {side: PosedHand.of(FLAT[:15]) for side in SIDES}
    for step in parse(text):
        for clause in step:
            assert isinstance(clause, HandClause)
            for side, own in constraints_of(clause, now, context, text).items():
                found.setdefault(side, []).extend(own)
    return found


def test_flat_hands_are_described_in_one_sentence():
    assert describe_hands(FLAT) == ["both hands are flat"]
    assert describe_hands(torch.zeros(30, 3)) == ["both hands are flat"]


@pytest.mark.parametrize(
    ("flexion", "sentences"),
    [
        (
            fingers(40.0, 60.0, 40.0, "ring"),
            ["the right ring finger is bent 60 degrees", "the knuckle of the right ring finger is bent 40 degrees"],
        ),
        (fingers(70.0, 0.0, 0.0, "index"), ["the knuckle of the right index finger is bent 70 degrees"]),
        (fingers(70.0, 0.0, 0.0, "index"), ["the middle joint of the right index finger is straight"]),
        (
            fingers(85.0, 104.0, 65.0, "ring", "pinky"),
            [
                "the index and middle finger of the right hand are straight",
                "the other fingers of the right hand are fully curled",
            ],
        ),
        (
            fingers(85.0, 104.0, 65.0, "middle", "ring", "pinky"),
            ["the right hand makes a finger gun"],
        ),
        (fingers(0.0, 70.0, 0.0, "pinky"), ["the last joint of the right little finger is straight"]),
        ({"thumb3": 50.0, **fingers(85.0, 104.0, 65.0, "index")}, ["the right thumb is bent 50 degrees"]),
    ],
)
def test_fingers_are_described_by_their_joints(flexion, sentences):
    described = describe_hands(posed(**flexion))
    assert set(sentences) <= set(described)
    assert described[0] == "the left hand is flat"


def test_a_mirrored_hand_has_the_sentences_of_the_other_side():
    hands = posed(**fingers(40.0, 60.0, 40.0, "ring"))
    exchanged = {"left": "right", "right": "left"}
    mirrored = [" ".join(exchanged.get(word, word) for word in line.split()) for line in describe_hands(mirror(hands))]
    assert sorted(mirrored) == sorted(describe_hands(hands))


def test_every_sentence_about_a_whole_hand_is_an_instruction():
    for sentence in (*SIGNS, *BALLS, *BARS, *SMALL_BALLS):
        for side in SIDES:
            assert set(constraints([sentence.format(side=side)])) == {side}
    for one, both in SIGNS.items():
        own = [(c.measure, c.low, c.high) for c in constraints([one.format(side="left")])["left"]]
        of_both = constraints([both])
        for side in SIDES:
            assert [(c.measure, c.low, c.high) for c in of_both[side]] == own


def test_descriptions_hold_and_are_instructions_without_contradictions(prior):
    drawn = rotations_of(clamped(angles_of(prior.sample(60, seed=3)))).unflatten(0, (30, 2))
    for pair in drawn:
        sentences = describe_hands(of_right_hands(pair))
        for side, own in constraints(sentences).items():
            hand = PosedHand.of(pair[SIDES.index(side)])
            if sign_of(hand):
                continue  # a sign by raised fingers is true although its angles differ
            assert contradiction(own) is None, sentences
            for one in own:
                rounding = 3.5 if one.unit == "degrees" else 0.2
                assert abs(one.residual(hand)) <= SLACK[type(one.measure)] + rounding, (one.text, sentences)


def test_no_angle_is_reported_that_people_do_not_reach():
    described = describe_hands(posed(index1=30.0, index2=140.0, index3=75.0))
    assert "the right index finger is bent 110 degrees" in described
    instruct_hands(FLAT, "the right index finger is bent 110 degrees")


def hand(raised, bent=75.0, **thumb):
    """A right hand with casually raised and folded fingers."""
    flexion = {}
    for finger in ("index", "middle", "ring", "pinky"):
        straight = (-8.0, 5.0, 8.0) if len(raised) == 4 else (30.0, 20.0, 15.0)
        flexion |= fingers(*(straight if finger in raised else (bent, 60.0, 30.0)), finger)
    stretched = {"thumb2": 5.0, "thumb3": 5.0} if "thumb" in raised else {"thumb2": 35.0, "thumb3": 35.0}
    return posed(**flexion, **stretched, **thumb)


@pytest.mark.parametrize(("raised", "sentence"), [*BY_FINGERS.items()][2:])
def test_casual_signs_are_recognised_by_their_raised_fingers(raised, sentence):
    assert sentence.format(side="right") in describe_hands(hand(raised))


def test_casual_fists_and_thumbs():
    assert "the right hand makes a fist" in describe_hands(hand(()))
    assert "the right hand gives a thumbs up" not in describe_hands(hand(("thumb",))), "the thumb of a flat hand"
    up = hand(("thumb",))
    up[15 + FINGER_JOINT_NAMES.index("thumb1")] = spread_thumb(40.0)
    assert "the right hand gives a thumbs up" in describe_hands(up)


def spread_thumb(degrees):
    """Rotation of the thumb's first joint of a right hand, away from the palm."""
    angles = torch.zeros(15, 3)
    angles[12, 0] = torch.tensor(-degrees).deg2rad()
    return rotations_of(angles)[12]


def test_bent_knuckles_or_middle_joints_are_not_raised_fingers():
    thumb = {"thumb2": 35.0, "thumb3": 35.0}
    for flexion in ((80.0, 5.0, 5.0), (0.0, 60.0, 35.0)):
        bent = posed(**fingers(*flexion, "index", "middle", "ring", "pinky"), **thumb)
        assert sign_of(PosedHand.of(as_right_hands(bent)[1])) == ""


@pytest.mark.parametrize("bent", [10.0, 20.0])
def test_half_folded_fingers_make_no_sign(bent):
    half = PosedHand.of(as_right_hands(hand(("index",), bent))[1])
    assert RAISED < float(half.angles[3:6, 0].sum()) < FOLDED
    assert sign_of(half) == ""


def test_hands_that_differ_are_described_differently(prior):
    texts = {tuple(describe_hands(of_right_hands(pair))) for pair in prior.sample(40, seed=5).unflatten(0, (20, 2))}
    assert len(texts) == 20


ROUND_TRIPS = [
    ("make a fist with the right hand", "the right hand makes a fist"),
    ("make a loose fist with the left hand", "the left hand makes a loose fist"),
    ("relax the hands", "both hands are relaxed"),
    ("point with the left index finger", "the left index finger points"),
    ("thumbs up", "the right hand gives a thumbs up"),
    ("ok sign", "the right hand makes an ok sign"),
    ("show the victory sign with both hands", "both hands make a v sign"),
    ("rock sign with the left hand", "the left hand makes the sign of the horns"),
    ("call me sign", "the right hand makes a call me sign"),
    ("finger gun", "the right hand makes a finger gun"),
    ("i love you sign", "the right hand makes an i love you sign"),
    ("make a claw with the right hand", "the right hand makes a claw"),
    ("vulcan salute", "the right hand gives a vulcan salute"),
    ("cross the fingers", "the right hand shows crossed fingers"),
    ("show two fingers with the left hand", "the left hand shows two fingers"),
    ("show three fingers", "the right hand shows three fingers"),
    ("show four fingers", "the right hand shows four fingers"),
    ("touch the right thumb with the little finger", "the right thumb touches the tip of the little finger"),
    ("hold a ball of 7 cm", "the right hand holds a ball of 7 cm"),
    ("hold a ball of 2 cm", "the right hand holds a ball of 2 cm"),
    ("grip a bar of 5 cm with the left hand", "the left hand grips a bar of 5 cm"),
    ("hold a pen", "the right hand holds a pen"),
    ("spread the fingers of the left hand", "the fingers of the left hand are spread"),
    ("press the fingers of the right hand together", "the fingers of the right hand are together"),
    ("bend all fingers of the left hand slightly", "the fingers of the left hand are slightly bent"),
    ("bend the right thumb", "the right thumb is bent"),
    ("bend the left ring finger by 60 degrees", "the left ring finger is bent 60 degrees"),
]


@pytest.mark.parametrize(("text", "sentence"), ROUND_TRIPS, ids=[text for text, _ in ROUND_TRIPS])
def test_the_description_says_what_was_asked_for(prior, text, sentence):
    edit = instruct_hands(FLAT, text, prior=prior)
    assert sentence in describe_hands(edit.hand_pose)


@pytest.mark.parametrize(
    ("text", "checks"),
    [
        ("touch the right thumb with the little finger", ["right thumb touches pinky"]),
        ("extend only the little finger of the left hand", ["left pinky straight", "left index curled"]),
        ("bend the ring finger by 60 degrees", ["left ring flexed 60", "right ring flexed 60"]),
        ("stick out the left thumb", ["left thumb straight", "left thumb away"]),
        ("grip a bar of 5 cm with the left hand", ["left bar 5"]),
        ("pinch with the left hand", ["left thumb touches index"]),
    ],
)
def test_a_hand_posed_by_its_description_is_as_it_was_asked_for(prior, text, checks):
    edit = instruct_hands(FLAT, text, prior=prior)
    again = instruct_hands(FLAT, ". ".join(describe_hands(edit.hand_pose)), prior=prior)
    assert all(holds(check, FLAT, again.hand_pose) for check in checks), describe_hands(edit.hand_pose)


def test_the_other_fingers_are_those_of_the_same_hand(prior):
    text = "the left index finger is straight. the other fingers of the left hand are fully curled."
    text += " the right little finger is straight. the other fingers of the right hand are fully curled"
    hands = as_right_hands(instruct_hands(FLAT, text, prior=prior).hand_pose)
    flexion = [PosedHand.of(hand).angles[:12, 0].view(4, 3).sum(-1) for hand in hands]  # index, middle, pinky, ring
    assert [(own > 180).tolist() for own in flexion] == [[False, True, True, True], [True, True, False, True]]


def test_sentences_are_separate_clauses():
    text = "the left hand is flat. the index, middle and ring finger of the right hand are bent 40 degrees"
    assert [len(step) for step in parse(text)] == [2]
    assert [len(step) for step in parse("make a fist. with the right hand")] == [1]


def test_wrong_input():
    with pytest.raises(ValueError, match=r"one pose of both hands.*\(2, 30, 3\)"):
        describe_hands(torch.zeros(2, 30, 3))
    with pytest.raises(ValueError, match="a pose of both hands must be"):
        describe_hands(torch.zeros(15, 3))
