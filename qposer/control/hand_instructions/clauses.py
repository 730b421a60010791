"""From clauses to constraints on each hand: which hands and fingers a clause means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from qposer.control.hand_instructions.finger_states import EVERY
from qposer.control.hand_instructions.parser import HandClause, Named
from qposer.control.hand_instructions.reading import Reading, constraints_for, counts
from qposer.control.hand_measures import ALONG, HandConstraint, PosedHand
from qposer.control.instructions.words import InstructionError
from qposer.hands.smplh import SIDES

_GROUPS = {"hand": EVERY, "fingers": ALONG, "fingertips": EVERY}
_JOINTS = {"knuckle": 1, "middle joint": 2, "last joint": 3}
_ONE_HANDED = ("point", "pinch", "hold", "cross")
"""Verbs of one hand, the right one unless the text says otherwise."""


@dataclass
class Context:
    """What was named before in the text."""

    sides: tuple[str, ...] = ()
    fingers: dict[str, set[str]] = field(default_factory=dict)
    """By side."""


def constraints_of(
    clause: HandClause, now: dict[str, PosedHand], context: Context, text: str
) -> dict[str, list[HandConstraint]]:
    """The constraints of a clause on each side's hand.

    Args:
        clause: the clause.
        now: the posed hands by side, as right hands.
        context: what was named before; updated.
        text: the instruction, for messages.

    Returns:
        Constraints by side.

    Raises:
        InstructionError: the clause makes no sense, or a number is out of range.
    """
    sides = _sides(clause, context)
    context.sides = sides
    found: dict[str, list[HandConstraint]] = {}
    before = {side: context.fingers.get(side) or set().union(*context.fingers.values()) for side in sides}
    for side in sides:
        parts = [part for part in clause.parts if part.side in (side, "both", "")]
        named = [finger for part in parts for finger in _fingers(part, before[side], text)]
        fingers = tuple(dict.fromkeys(named))
        joints = [_JOINTS[part.joint] for part in parts if part.joint in _JOINTS]
        tips = any(part.joint == "tip" or part.name == "fingertips" for part in parts)
        reading = Reading(clause, fingers, joints[0] if joints else 0, tips, now[side], text)
        if len(named) > len(fingers) and not {p.name for p in parts} & set(_GROUPS):
            raise reading.error("the same finger is named twice")
        found[side] = constraints_for(reading)
        if not found[side]:
            raise reading.error("this says nothing about a hand's pose")
        if len(fingers) < 4:
            context.fingers[side] = context.fingers.get(side, set()) | set(fingers)
    return found


def _sides(clause: HandClause, context: Context) -> tuple[str, ...]:
    named = {side for part in clause.parts for side in (SIDES if part.side == "both" else (part.side,)) if side}
    if named:
        return tuple(side for side in SIDES if side in named)
    gesture = clause.verb in _ONE_HANDED or (clause.verb in ("", "show", "put") and (clause.shape or counts(clause)))
    return context.sides or (("right",) if gesture or clause.object else SIDES)


def _fingers(part: Named, before: set[str], text: str) -> tuple[str, ...]:
    if part.name != "others":
        return _GROUPS.get(part.name, (part.name,))
    if not before:
        raise InstructionError("no finger was named before: which are the others?", text, *part.span)
    return tuple(finger for finger in ALONG if finger not in before)


def contradiction(constraints: Sequence[HandConstraint]) -> tuple[str, str] | None:
    """Texts of two constraints that exclude each other, or None."""
    for index, one in enumerate(constraints):
        for two in constraints[:index]:
            if one.contradicts(two):
                return two.text, one.text
    return None
