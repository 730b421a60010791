"""Describe fingers in sentences that `qposer.control.hand_instructions` understands.

A sentence is true for a hand if the constraints that an instruction with the same words would set hold. Each hand gets
the sign or the held object that fits best, or else the sign that its raised fingers make (`qposer.control.hand_signs`),
or else the state of each finger, and what the thumb touches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import torch

from qposer.control.hand_instructions.clauses import Context, constraints_of
from qposer.control.hand_instructions.finger_states import range_of, word
from qposer.control.hand_instructions.parser import HandClause, parse
from qposer.control.hand_measures import (
    ALONG,
    Apart,
    BoneAngle,
    Flexion,
    Gap,
    HandConstraint,
    HandMeasure,
    InFront,
    Lead,
    PosedHand,
    Surface,
)
from qposer.control.hand_signs import BY_FINGERS, sign_of
from qposer.hands.angles import DIP_PER_PIP
from qposer.hands.pairs import Hands, as_right_hands
from qposer.hands.smplh import FINGER_JOINT_NAMES, NUM_HAND_JOINTS, SIDES

SLACK: dict[type[HandMeasure], float] = {
    Flexion: 15.0,
    Apart: 1.5,
    Lead: 10.0,
    BoneAngle: 5.0,
    Gap: 0.4,
    InFront: 0.8,
    Surface: 0.4,
}
"""Largest violation of a constraint of a true sentence, degrees or cm."""

CLEAR = 0.1
"""Largest misfit of fingers that are spread or pressed together, which differ from flat ones by a few degrees."""

STEP = 10
"""Degrees are rounded to multiples of this."""

BENT = 15.0
"""Flexion of a joint that is worth mentioning, degrees."""

CURLED = 90.0
"""Flexion of the middle joint from which a finger holds nothing between its tip and the thumb's, degrees."""

UNCOUPLED = 20.0
"""Deviation of a last joint from its share of the middle one's flexion that is worth mentioning, degrees."""

NEAR = 5.0
"""Largest distance of the tips of thumb and index finger that is worth mentioning, cm."""

SIGNS: dict[str, str] = {
    "the {side} hand makes a fist": "both hands make fists",
    "the {side} hand makes a loose fist": "both hands make loose fists",
    "the {side} hand is flat": "both hands are flat",
    "the {side} hand is relaxed": "both hands are relaxed",
    "the {side} index finger points": "both index fingers point",
    "the {side} hand gives a thumbs up": "both hands give a thumbs up",
    "the {side} hand makes an ok sign": "both hands make an ok sign",
    "the {side} hand makes a v sign": "both hands make a v sign",
    "the {side} hand makes the sign of the horns": "both hands make the sign of the horns",
    "the {side} hand makes a call me sign": "both hands make a call me sign",
    "the {side} hand makes a finger gun": "both hands make a finger gun",
    "the {side} hand makes an i love you sign": "both hands make an i love you sign",
    "the {side} hand makes a claw": "both hands make a claw",
    "the {side} hand gives a vulcan salute": "both hands give a vulcan salute",
    "the {side} hand shows crossed fingers": "both hands show crossed fingers",
    "the {side} hand shows two fingers": "both hands show two fingers",
    "the {side} hand shows three fingers": "both hands show three fingers",
    "the {side} hand shows four fingers": "both hands show four fingers",
}
"""Sentences about the whole hand, of one hand and of both."""

BALLS = tuple(f"the {{side}} hand holds a ball of {size:g} cm" for size in np.arange(4.0, 12.5, 0.5))
BARS = tuple(f"the {{side}} hand grips a bar of {size:g} cm" for size in np.arange(1.5, 9.5, 0.5))
"""Sentences about what lies in the palm, by size."""

SMALL_BALLS = tuple(f"the {{side}} hand holds a ball of {size:g} cm" for size in np.arange(0.5, 4.0, 0.5))
"""Sentences about what a hand holds between fingertips."""

_PEN = "the {side} hand holds a pen"
_HALF_CLOSED = (
    "the fingers of the {side} hand are slightly bent",
    "the fingers of the {side} hand are bent halfway",
)
_OPEN = ("the {side} hand is flat", "the {side} hand is relaxed")
"""Signs whose fingers may be spread, or pressed together."""
_FINGERTIPS = "the fingertips of the {side} hand touch"
_THUMB = {"up": "the {side} thumb is up", "away": "the {side} thumb is away from the hand"}
_THUMB |= {"across": "the {side} thumb is across the palm"}


def describe_hands(hand_pose: Hands) -> list[str]:
    """Describe the fingers of both hands.

    Args:
        hand_pose: pose of both hands, the left one first, ``(30, 3)`` or ``(30, 3, 3)``, zero for flat hands.

    Returns:
        Sentences in English, which `qposer.control.hand_instructions.instruct_hands` understands.

    Raises:
        ValueError: the input is not one pose of both hands.
    """
    hands = as_right_hands(hand_pose.detach())
    if hands.ndim != 4:
        raise ValueError(f"give one pose of both hands, (30, 3) or (30, 3, 3), not {tuple(hand_pose.shape)}")
    left, right = ([*_described(PosedHand.of(hand))] for hand in hands)
    if left[0] == right[0] and left[0] in SIGNS:
        left[0], right = SIGNS[left[0]], right[1:]
    found = ([sentence.format(side=side) for sentence in own] for side, own in zip(SIDES, (left, right), strict=True))
    return [sentence for sentences in found for sentence in sentences]


def misfit(hand: PosedHand, sentence: str) -> float:
    """How badly a sentence fits a hand.

    Args:
        hand: one hand, as a right hand.
        sentence: with ``{side}`` for its side.

    Returns:
        The mean square of the violations of its constraints, relative to `SLACK`; infinite if one exceeds it.
    """
    total, meaning = 0.0, _meaning(sentence)
    for constraint in meaning:
        violation = abs(constraint.residual(hand).item()) / SLACK[type(constraint.measure)]
        if violation > 1:
            return math.inf
        total += violation**2
    return total / len(meaning)


@cache
def _meaning(sentence: str) -> list[HandConstraint]:
    """The constraints that an instruction with the same words sets."""
    text = sentence.format(side="right")
    ((clause,),) = parse(text)
    assert isinstance(clause, HandClause)
    now = PosedHand.of(torch.eye(3).expand(NUM_HAND_JOINTS, 3, 3))
    return constraints_of(clause, {"right": now}, Context(), text)["right"]


def _best(hand: PosedHand, sentences: Iterable[str]) -> str:
    """The sentence that fits best, or one that fits and says the same and more; nothing if none fits."""
    fits = {sentence: misfit(hand, sentence) for sentence in sentences}
    fits = {sentence: fit for sentence, fit in fits.items() if fit < math.inf}
    best = min(fits, key=lambda sentence: (round(fits[sentence], 2), -len(_meaning(sentence))), default="")
    including = [sentence for sentence in fits if set(_meaning(sentence)) >= set(_meaning(best))]
    return max(including, key=lambda sentence: len(_meaning(sentence)), default="")


def _middle(hand: PosedHand, sizes: Sequence[str]) -> str:
    """Of the sentences that fit best, the one with the middle size."""
    fits = {sentence: misfit(hand, sentence) for sentence in sizes}
    least = min(fits.values())
    equal = [sentence for sentence, fit in fits.items() if fit <= least + 1e-3]
    return equal[len(equal) // 2]


def _described(hand: PosedHand) -> Iterator[str]:
    """Sentences about one hand, with ``{side}`` for its side."""
    held = [_middle(hand, sizes) for sizes in (BALLS, BARS)]
    whole, sign = _best(hand, [*SIGNS, _PEN, *held, *_HALF_CLOSED]), sign_of(hand)
    if sign and not [*_touched(hand)] and (not whole or whole in _HALF_CLOSED):
        yield sign
        if sign == BY_FINGERS[ALONG]:
            yield from _thumb_bend(hand)
    elif whole:
        yield whole
        if whole in _OPEN:
            yield from _relations(hand, ALONG)
            if misfit(hand, _THUMB["away"]) < math.inf:
                yield _THUMB["away"]
        if whole in _HALF_CLOSED:
            yield from [*_contacts(hand)] or _thumb(hand)
    else:
        states = {finger: [*_states(hand, finger)] for finger in ALONG}
        yield from _grouped(states)
        yield from [*_contacts(hand)] or _thumb(hand)
        yield from _relations(hand, [finger for finger in ALONG if states[finger] == [("", "straight")]])


def _degrees(hand: PosedHand, joint: str) -> float:
    return float(hand.angles[FINGER_JOINT_NAMES.index(joint), 0])


def _bent(hand: PosedHand, joint: str) -> str:
    """How far a joint is bent, at most as far as instructions can bend it."""
    degrees = min(_degrees(hand, joint), range_of(joint)[1])
    return f"bent {STEP * round(degrees / STEP)} degrees" if degrees >= BENT else "straight"


def _states(hand: PosedHand, finger: str) -> Iterator[tuple[str, str]]:
    """Joints of a finger, or nothing for all of them, and their states."""
    for state in ("straight", "fully curled"):
        if misfit(hand, _about([finger], "", state)) < math.inf:
            yield "", state
            return
    knuckle, middle, last = (f"{finger}{number}" for number in (1, 2, 3))
    bent = _degrees(hand, middle)
    follows = abs(_degrees(hand, last) - DIP_PER_PIP * max(bent, 0.0)) < UNCOUPLED
    yield "" if follows and bent >= BENT else "middle joint", _bent(hand, middle)
    if not follows:
        yield "last joint", _bent(hand, last)
    yield "knuckle", _bent(hand, knuckle)


def _grouped(states: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[str]:
    """Sentences about the states of fingers; those in the same state share one."""
    groups: dict[tuple[str, str], list[str]] = {}
    for finger, own in states.items():
        for part in own:
            groups.setdefault(part, []).append(finger)
    named: set[str] = set()
    for number, ((joint, state), fingers) in enumerate(sorted(groups.items(), key=lambda item: len(item[1])), 1):
        others = number == len(groups) and not joint and 1 < len(fingers) == len(ALONG) - len(named)
        yield _about(["others"] if others and named else fingers, joint, state)
        named |= set(fingers)


def _about(fingers: Sequence[str], joint: str, state: str) -> str:
    """A sentence about fingers of one hand, or about a joint of each."""
    verb, plural = ("is", "") if len(fingers) == 1 and fingers != ["others"] else ("are", "s")
    if fingers == ["others"]:
        who = "the other fingers of the {side} hand"
    elif len(fingers) == 1:
        who = f"the {{side}} {word(fingers[0])}"
    elif len(fingers) == len(ALONG):
        who = "the fingers of the {side} hand"
    else:
        *first, last = (word(finger).removesuffix(" finger") for finger in fingers)
        who = f"the {', '.join(first)} and {last} finger of the {{side}} hand"
    return f"the {joint}{plural} of {who} {verb} {state}" if joint else f"{who} {verb} {state}"


def _contacts(hand: PosedHand) -> Iterator[str]:
    """What the thumb touches, or nearly touches."""
    if misfit(hand, _FINGERTIPS) < math.inf:
        yield _FINGERTIPS
        return
    touched = [*_touched(hand)]
    yield from touched
    bent = all(BENT <= _degrees(hand, joint) < CURLED for joint in ("index2", "middle2"))
    gap = float(Gap("thumb_tip", "index_tip")(hand))
    if touched or not bent:
        return
    ball = _middle(hand, SMALL_BALLS)
    if misfit(hand, ball) < math.inf:
        yield ball
    elif gap < NEAR:
        yield f"the tips of the {{side}} thumb and index finger are {round(2 * gap) / 2:g} cm apart"


def _touched(hand: PosedHand) -> Iterator[str]:
    """Sentences about the fingertips that the thumb touches."""
    for finger in ALONG:
        sentence = f"the {{side}} thumb touches the tip of the {word(finger)}"
        sentence = "the {side} hand pinches" if finger == "index" else sentence
        if misfit(hand, sentence) < math.inf:
            yield sentence


def _thumb(hand: PosedHand) -> Iterator[str]:
    """Where the thumb is, and how far it is bent."""
    place = _best(hand, _THUMB.values())
    if place:
        yield place
    if place != _THUMB["up"]:
        yield from _thumb_bend(hand)


def _thumb_bend(hand: PosedHand) -> Iterator[str]:
    """How far the thumb is bent."""
    bent = _best(hand, [_about(["thumb"], "", state) for state in ("straight", "slightly bent", "bent", "fully bent")])
    if bent:
        yield bent
    elif _degrees(hand, "thumb3") >= BENT:
        yield _about(["thumb"], "", _bent(hand, "thumb3"))


def _relations(hand: PosedHand, fingers: Sequence[str]) -> Iterator[str]:
    """Neighbours that are spread, pressed together or crossed."""
    pairs = [pair for pair in pairwise(ALONG) if set(pair) <= set(fingers)]
    for state in ("spread", "together"):
        found = [pair for pair in pairs if misfit(hand, _about(pair, "", state)) < CLEAR]
        if len(found) == len(ALONG) - 1:
            yield _about(ALONG, "", state)
        else:
            yield from (_about(pair, "", state) for pair in found)
    for pair in pairwise(ALONG):
        if misfit(hand, _about(pair, "", "crossed")) < math.inf:
            yield _about(pair, "", "crossed")
