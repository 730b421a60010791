"""Edit postures by instructions in English: "raise the left arm to shoulder height, then look at the left hand".

A grammar (grammar.lark) and a vocabulary (vocabulary.py) parse the text into clauses (clauses.py). reading.py and the
modules that it calls (arms.py, legs.py, limbs.py, trunk.py, directions.py, places.py, pairs.py, stances.py) convert
clauses to constraints, which `qposer.control.inverse_kinematics` solves. Joints that are not mentioned keep their
rotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torch import Tensor

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.anatomy import ANGLES
from qposer.control.constraints import Constraint, Unit
from qposer.control.free_joints import FreeJoints
from qposer.control.instructions.clauses import Again, Clause, Element, Likewise, Mirror, Part, Side, Step
from qposer.control.instructions.meaning import MAX_NUMBER, Meaning
from qposer.control.instructions.parser import parse
from qposer.control.instructions.reading import meaning_of
from qposer.control.instructions.words import InstructionError
from qposer.control.inverse_kinematics import check_single, solve_constraints
from qposer.control.measures import Elevation, FacingElevation, FacingHeading, JointAngle, Lean, Offset
from qposer.prior.code_prior import CodePrior, default_prior
from qposer.prior.seeding import generator_of

__all__ = ["Check", "Edit", "InstructionError", "constraints_of", "instruct"]


@dataclass(frozen=True)
class Check:
    """A parsed constraint with its violation before and after the edit, in degrees or cm; zero if satisfied."""

    text: str
    unit: Unit
    before: float
    after: float
    satisfied: bool


@dataclass(frozen=True)
class Edit:
    """Result of an instruction.

    Attributes:
        posture: the edited posture.
        before: the original posture.
        checks: one for each constraint.
        energy: energy of the edited pose; 1 is the 95th percentile of recorded poses.
        mentioned: body joints that the instruction constrains.
        steps: the parsed instruction, to which a later one may refer ("a bit more").
        constraints: constraints of the last step.
        pelvis: whether the pelvis could rotate in the last step.
    """

    posture: OrientedPose
    before: OrientedPose
    checks: tuple[Check, ...]
    energy: float
    mentioned: tuple[str, ...]
    steps: tuple[Step, ...]
    constraints: tuple[Constraint, ...]
    pelvis: bool = False


@torch.no_grad()
def instruct(
    posture: OrientedPose | Tensor,
    text: str,
    n: int = 1,
    *,
    seed: int = 0,
    generator: torch.Generator | None = None,
    previous: Edit | None = None,
    prior: CodePrior | None = None,
) -> list[Edit]:
    """Edit a posture by an instruction; joints that are not mentioned keep their rotations.

    Args:
        posture: oriented pose, or body pose ``(21, 3)`` or ``(21, 3, 3)`` with an upright pelvis.
        text: instruction in English; "and", "while" and commas separate clauses, "then" separates steps.
        n: number of results; they differ where the text leaves room.
        seed: random seed.
        generator: random generator; overrides the seed.
        previous: the previous edit, to which "mirror that", "a bit more" and "do the same with ..." refer.
        prior: pose prior; default: the shipped one. The results are on its device.

    Returns:
        The edits, the best first.

    Raises:
        InstructionError: a word or phrase is not understood, a number is out of range, or clauses contradict each
            other; the message marks the position.
        ValueError: the input is not a single pose, or ``n`` is below 1 or exceeds the number of starts
            (`solve_constraints`).
    """
    if n < 1:
        raise ValueError(f"the number of solutions must be at least 1, not {n}")
    prior, generator = prior or default_prior(), generator_of(seed, generator)
    start = posture if isinstance(posture, OrientedPose) else OrientedPose.upright(posture)
    check_single(start)
    start = start.to(prior.network.mean)
    steps = _parsed(text)
    heading = _heading(start)
    edits = [_initial_edit(_rotated(start, heading.mT), prior)]
    for number, step in enumerate(steps):
        answers = n if number == len(steps) - 1 else 1
        edits = _apply_step(prior, edits[0], step, text, answers, generator, previous)
        previous = edits[0]
    return [
        replace(edit, posture=_rotated(edit.posture, heading), before=_rotated(edit.before, heading)) for edit in edits
    ]


def _parsed(text: str) -> list[Step]:
    try:
        return parse(text)
    except InstructionError:
        from qposer.control.hand_instructions import mentions_hands  # which uses this package

        if mentions_hands(text):
            raise InstructionError("fingers are posed by instruct_hands", text, 0, len(text)) from None
        raise


def constraints_of(text: str) -> tuple[Constraint, ...]:
    """The constraints of sentences that say where parts are: "left foot on the floor, right hand on the right hip".

    Args:
        text: English; relative instructions ("raise the left arm") refer to a relaxed stance.

    Returns:
        Constraints on a skeleton whose pelvis is oriented in the world and faces forward.

    Raises:
        InstructionError: a phrase is not understood, refers to an earlier edit, or contradicts another.
    """
    now, constraints = PosedSkeleton.of(neutral_pose()), list[Constraint]()
    for step in parse(text):
        for element in step:
            if not isinstance(element, Clause):
                raise InstructionError("say where a part is: there is no earlier edit", text, *element.span)
            constraints += _meaning(element, now, text, None).constraints
        _check_contradictions(constraints, text, step)
    if not constraints:
        raise InstructionError("this says nothing about where a part is", text, 0, len(text))
    return tuple(constraints)


def _heading(posture: OrientedPose) -> Tensor:
    """Heading of the pelvis as a rotation; instructions are interpreted for a person who faces forward."""
    ahead = posture.global_orient[:, 2]
    none = torch.zeros_like(ahead[0])
    return axis_angle_to_matrix(torch.stack([none, torch.atan2(ahead[0], ahead[2]), none]))


def _rotated(posture: OrientedPose, turn: Tensor) -> OrientedPose:
    return OrientedPose(posture.body_pose, turn @ posture.global_orient)


def _initial_edit(posture: OrientedPose, prior: CodePrior) -> Edit:
    return Edit(posture, posture, (), prior.energy(posture.body_pose).item(), (), (), ())


def _apply_step(
    prior: CodePrior,
    so_far: Edit,
    step: Step,
    text: str,
    n: int,
    generator: torch.Generator,
    previous: Edit | None,
) -> list[Edit]:
    """Results of one step, starting from the result of the previous steps."""
    if any(isinstance(element, Mirror) for element in step):
        if len(step) > 1:
            raise InstructionError("say 'mirror that' in a sentence of its own, or after 'then'", text, *step[0].span)
        if not all(element.whole for element in step if isinstance(element, Mirror)):
            reason = "a part cannot be mirrored alone: say 'mirror that', or 'do the same with' the other part"
            raise InstructionError(reason, text, *step[0].span)
        mirrored = so_far.posture.mirrored()
        energy, steps = prior.energy(mirrored.body_pose).item(), (*so_far.steps, step)
        return [
            replace(so_far, posture=mirrored, energy=energy, mentioned=BODY_JOINT_NAMES, steps=steps, constraints=())
        ]
    now = PosedSkeleton.of(so_far.posture)
    meaning, expanded = Meaning(), list[Element]()
    for element in step:
        done = tuple(expanded) or (previous.steps[-1] if previous and previous.steps else ())
        for item in _expanded(element, text, done):
            meaning += _meaning(item, now, text, previous)
            expanded.append(item)
    if not meaning.constraints:
        raise InstructionError("the instruction has no effect on a posture", text, *step[0].span)
    _check_contradictions(meaning.constraints, text, step)
    mentioned = {joint for constraint in meaning.constraints for joint in constraint.joints} - meaning.still
    if not mentioned:
        raise InstructionError("all mentioned parts must be kept still", text, *step[0].span)
    freedom = FreeJoints.of(mentioned, meaning.helping - meaning.still, meaning.pelvis)
    answers = solve_constraints(prior, so_far.posture, meaning.constraints, freedom, n, generator=generator)
    return [
        Edit(
            posture,
            so_far.before,
            (
                *so_far.checks,
                *(_check(constraint, now, PosedSkeleton.of(posture)) for constraint in meaning.constraints),
            ),
            energy,
            tuple(sorted({*so_far.mentioned, *mentioned})),
            (*so_far.steps, tuple(expanded)),
            tuple(meaning.constraints),
            meaning.pelvis,
        )
        for posture, energy in answers
    ]


def _check(constraint: Constraint, before: PosedSkeleton, after: PosedSkeleton) -> Check:
    return Check(
        constraint.text,
        constraint.unit,
        constraint.gap(before).item(),
        constraint.gap(after).item(),
        bool(constraint.satisfied(after)),
    )


def _expanded(element: Element, text: str, done: Step) -> Step:
    """For "the same with ...", the earlier clauses with the parts named now."""
    if not isinstance(element, Likewise):
        return (element,)
    if not done:
        raise InstructionError("nothing was done before that this could refer to", text, *element.span)
    clauses: list[Clause] = []
    for clause in done:
        if not isinstance(clause, Clause):
            raise InstructionError("the previous step cannot be repeated with other parts", text, *element.span)
        clauses.append(_likewise(clause, element))
    return tuple(clauses)


def _meaning(element: Element, now: PosedSkeleton, text: str, previous: Edit | None) -> Meaning:
    if isinstance(element, Clause):
        return meaning_of(element, now, text)
    if previous is None or not previous.constraints:
        raise InstructionError("nothing was done before that this could refer to", text, *element.span)
    assert isinstance(element, Again)
    return _again(element, now, text, previous)


_SIGNED = (Offset, Elevation, FacingElevation, FacingHeading, Lean)
"""Measures with negative values, in addition to joint angles."""

_FACTORS = {"": 0.5, "slightly": 0.35, "halfway": 0.5, "fully": 1.0}


def _again(element: Again, now: PosedSkeleton, text: str, previous: Edit) -> Meaning:
    """Each constraint of the previous edit, with its target moved further in, or against, the direction of change."""
    extent = element.extent
    if extent.value is not None and extent.value > MAX_NUMBER:
        raise InstructionError(f"{extent.value:g} is out of range: {MAX_NUMBER:g} at most", text, *extent.span)
    before = PosedSkeleton.of(_rotated(previous.before, _heading(previous.before).mT))
    meaning = Meaning(pelvis=previous.pelvis)
    for constraint in previous.constraints:
        was, is_ = constraint.measure(before).item(), constraint.measure(now).item()
        change = is_ - was
        if abs(change) < 3.0:
            meaning.constraints.append(constraint)
            continue
        far = _FACTORS[extent.amount] * abs(change)
        if extent.value is not None:
            if extent.unit not in (constraint.unit, ""):
                reason = f"the previous edit is measured in {constraint.unit}, not in {extent.unit}"
                raise InstructionError(reason, text, *extent.span)
            far = extent.value
        elif not element.less:
            far = max(far, 10.0 if constraint.unit == "degrees" else 5.0)
        target = is_ + far * (1 if change > 0 else -1) * (-1 if element.less else 1)
        if isinstance(constraint.measure, JointAngle):
            anatomy = ANGLES[constraint.measure.name]
            target = min(max(target, anatomy.low), anatomy.high)
        elif not isinstance(constraint.measure, _SIGNED):
            target = max(target, 0.0)
        words = f"{constraint.text}, {'less' if element.less else 'more'}"
        meaning.constraints.append(replace(constraint, text=words, low=target, high=target))
    return meaning


def _with_span(clause: Clause, span: tuple[int, int]) -> Clause:
    def with_span(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(replace(part, span=span) for part in parts)

    return replace(
        clause,
        parts=with_span(clause.parts),
        instruments=with_span(clause.instruments),
        relations=tuple(replace(relation, parts=with_span(relation.parts), span=span) for relation in clause.relations),
        extent=replace(clause.extent, span=span),
        attached=tuple(_with_span(attached, span) for attached in clause.attached),
        span=span,
    )


def _likewise(clause: Clause, element: Likewise) -> Clause:
    """The clause with the parts or direction replaced; "the right one" changes only the side."""
    clause = _with_span(clause, element.span)
    if element.direction:
        clause = replace(clause, directions=(element.direction,))
    if element.parts and clause.instruments and element.parts[0].name == clause.instruments[0].name:
        return replace(clause, instruments=element.parts)
    if element.parts and element.parts[0].name != "one":
        return replace(clause, parts=element.parts)
    if element.direction and not element.parts:
        return clause
    sides = dict.fromkeys(_OTHER, element.parts[0].side) if element.parts else _OTHER

    def exchanged(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(replace(part, side=sides.get(part.side, part.side)) for part in parts)

    if not clause.parts:
        relations = tuple(replace(relation, parts=exchanged(relation.parts)) for relation in clause.relations)
        return replace(clause, instruments=exchanged(clause.instruments), relations=relations)
    return replace(clause, parts=exchanged(clause.parts))


_OTHER: dict[str, Side] = {"left": "right", "right": "left"}


def _check_contradictions(constraints: Sequence[Constraint], text: str, step: Step) -> None:
    for one, two in combinations(constraints, 2):
        if one.contradicts(two):
            start, end = min(s.span[0] for s in step), max(s.span[1] for s in step)
            raise InstructionError(f"'{one.text}' and '{two.text}' contradict each other", text, start, end)
