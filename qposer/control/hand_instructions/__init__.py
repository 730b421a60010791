"""Pose hands by instructions in English: "make a fist with the right hand, then stretch out the index finger".

A vocabulary (vocabulary.py) and a parser (parser.py) turn the text into clauses. clauses.py and reading.py convert
them, with finger_states.py and shapes.py, to constraints on joint angles, distances of fingertips and surfaces of held
objects, which `qposer.control.hand_solver` solves. Joints that are not mentioned keep their rotations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.poses import in_kind_of
from qposer.control.hand_instructions.clauses import Context, constraints_of, contradiction
from qposer.control.hand_instructions.parser import Element, HandClause, Likewise, Mirror, parse
from qposer.control.hand_measures import TOLERANCE, HandConstraint, PosedHand, Unit
from qposer.control.hand_solver import solve_hand
from qposer.control.instructions.words import InstructionError
from qposer.hands.pairs import Hands, as_right_hands, mirror, of_right_hands
from qposer.hands.prior import HandPrior, load_hand_prior
from qposer.hands.smplh import FINGER_JOINT_NAMES, SIDES
from qposer.prior.seeding import generator_of

__all__ = ["HandCheck", "HandEdit", "InstructionError", "instruct_hands", "mentions_hands"]


@dataclass(frozen=True)
class HandCheck:
    """A constraint of one hand with its violation before and after the edit, in degrees or cm; zero if satisfied."""

    text: str
    unit: Unit
    before: float
    after: float

    @property
    def satisfied(self) -> bool:
        """Whether it is satisfied within 10 degrees or 5 mm."""
        return self.after <= TOLERANCE[self.unit]


@dataclass(frozen=True)
class HandEdit:
    """Result of an instruction for hands.

    Attributes:
        hand_pose: the edited pose of both hands, in the given representation.
        checks: one for each constraint.
        energy: energies of the left and the right hand; 1 is the 95th percentile of recorded hands.
        mentioned: joints that could move, such as "left_index1".
        steps: the parsed instruction, to which a later one may refer ("do the same with the left hand").
    """

    hand_pose: Float[Tensor, "30 3"] | Float[Tensor, "30 3 3"]
    checks: tuple[HandCheck, ...]
    energy: tuple[float, float]
    mentioned: tuple[str, ...]
    steps: tuple[tuple[HandClause, ...], ...]


@torch.no_grad()
def instruct_hands(
    hand_pose: Hands,
    text: str,
    *,
    seed: int = 0,
    generator: torch.Generator | None = None,
    previous: HandEdit | None = None,
    prior: HandPrior | None = None,
) -> HandEdit:
    """Pose both hands by an instruction; joints that are not mentioned keep their rotations.

    Args:
        hand_pose: pose of both hands, the left one first, ``(30, 3)`` or ``(30, 3, 3)``, zero for flat hands.
        text: instruction in English; "and", "while" and commas separate clauses, "then" separates steps.
        seed: random seed.
        generator: random generator; overrides the seed.
        previous: the previous edit, to which "do the same with the left hand" refers.
        prior: hand prior; default: the shipped one. The result is on its device.

    Returns:
        The edit.

    Raises:
        InstructionError: a word or phrase is not understood, a number is out of range, or clauses contradict each
            other; the message marks the position.
        ValueError: the input is not one pose of both hands.
    """
    if hand_pose.ndim != (3 if hand_pose.shape[-2:] == (3, 3) else 2):
        raise ValueError(f"give one pose of both hands, (30, 3) or (30, 3, 3), not {tuple(hand_pose.shape)}")
    prior, generator = prior or load_hand_prior(), generator_of(seed, generator)
    hands, done = as_right_hands(hand_pose).to(prior.code_prior.network.mean), previous.steps if previous else ()
    context, checks, mentioned = Context(), list[HandCheck](), set[str]()
    for step in parse(text):
        clauses, mirrored = _expanded(step, done, text)
        if mirrored:
            hands = as_right_hands(mirror(of_right_hands(hands)))
            mentioned |= {f"{side}_{joint}" for side in SIDES for joint in FINGER_JOINT_NAMES}
            continue
        done = (*done, clauses)
        wanted = _wanted(clauses, hands, context, text)
        for number, side in enumerate(SIDES):
            if side in wanted:
                before, hands = hands[number], hands.clone()
                hands[number] = solve_hand(prior, before, wanted[side], generator)
                checks += [_check(side, one, before, hands[number]) for one in wanted[side]]
                mentioned |= {f"{side}_{joint}" for one in wanted[side] for joint in one.measure.joints}
    left, right = prior.code_prior.energy(hands).tolist()
    result = in_kind_of(hand_pose, of_right_hands(hands))
    return HandEdit(result, tuple(checks), (left, right), tuple(sorted(mentioned)), done)


def mentions_hands(text: str) -> bool:
    """Whether a text is an instruction for fingers ("make a fist") instead of one for the body ("hands together")."""
    try:
        steps = parse(text)
    except InstructionError:
        return False
    return all(
        isinstance(element, HandClause)
        and (
            element.shape
            or element.object
            or {element.verb, *element.states} & set(_OF_HANDS)
            or any(part.name != "hand" for part in element.parts)
        )
        for step in steps
        for element in step
    )


_OF_HANDS = ("fist", "open", "relax", "pinch", "flat", "closed", "relaxed")
"""Verbs and states that concern fingers even if only hands are named."""


def _expanded(
    step: list[Element], done: tuple[tuple[HandClause, ...], ...], text: str
) -> tuple[tuple[HandClause, ...], bool]:
    """The clauses of a step without references, and whether the step mirrors the hands instead."""
    clauses: list[HandClause] = []
    for element in step:
        if isinstance(element, Mirror):
            if len(step) > 1:
                raise InstructionError(
                    "say 'mirror that' in a sentence of its own, or after 'then'", text, *element.span
                )
            return (), True
        if isinstance(element, Likewise):
            earlier = tuple(clauses) or (done[-1] if done else ())
            if not earlier:
                raise InstructionError("nothing was done before that this could refer to", text, *element.span)
            clauses += [_likewise(clause, element) for clause in earlier]
        else:
            clauses.append(element)
    return tuple(clauses), False


def _likewise(clause: HandClause, element: Likewise) -> HandClause:
    """The clause for another hand, or for another finger."""
    part, parts = element.part, clause.parts
    if part.name == "others":
        part = replace(part, name="hand")
    if part.name == "hand":
        parts = tuple(replace(own, side=part.side, span=element.span) for own in parts) or (part,)
    else:
        parts = (replace(part, side=part.side or (parts[0].side if parts else "")),)
    return replace(clause, parts=parts, span=element.span)


def _wanted(
    clauses: tuple[HandClause, ...], hands: Float[Tensor, "2 15 3 3"], context: Context, text: str
) -> dict[str, list[HandConstraint]]:
    """The constraints of clauses that hold together, by side."""
    now = {side: PosedHand.of(hand) for side, hand in zip(SIDES, hands, strict=True)}
    wanted: dict[str, list[HandConstraint]] = {}
    for clause in clauses:
        for side, constraints in constraints_of(clause, now, context, text).items():
            wanted.setdefault(side, []).extend(constraints)
            excluded = contradiction(wanted[side])
            if excluded:
                reason = f"'{excluded[0]}' and '{excluded[1]}' contradict each other"
                raise InstructionError(reason, text, *clause.span)
    return wanted


def _check(side: str, constraint: HandConstraint, before: Tensor, after: Tensor) -> HandCheck:
    gaps = (constraint.residual(PosedHand.of(hand)).abs().item() for hand in (before, after))
    return HandCheck(f"{side} hand: {constraint.text}", constraint.unit, *gaps)
