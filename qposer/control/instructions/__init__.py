"""Postures changed by instructions in English: "raise the left arm to shoulder height, then look at the left hand".

A grammar (grammar.lark) over a vocabulary (vocabulary.py) makes clauses (clauses.py) of words; readings (arms.py,
legs.py, limbs.py, trunk.py, directions.py, places.py, pairs.py, stances.py) make constraints of clauses;
`qposer.control.inverse_kinematics` bends the posture until they hold. What is not mentioned stays.
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
from qposer.control.instructions.clauses import Again, Clause, Likewise, Mirror, Part, Saying, Side, Step
from qposer.control.instructions.meaning import MOST, Meaning
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
    """A constraint as it was parsed, and how far it is from satisfied: degrees or cm, zero if it holds."""

    text: str
    unit: Unit
    before: float
    after: float
    satisfied: bool


@dataclass(frozen=True)
class Edit:
    """A posture that follows an instruction.

    Attributes:
        posture: the new one.
        before: the one that was changed.
        checks: what was asked, one for each constraint.
        energy: of the new pose; 1 is the 95th percentile of recorded ones.
        mentioned: body joints that the instruction is about; all others were to stay.
        steps: the instruction as it was understood, for what refers to it ("a bit more").
        constraints: of the last step.
        pelvis: whether the pelvis was free to turn in it.
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
    """Change a posture as told; what is not mentioned stays.

    Args:
        posture: one posture, or a body pose ``(21, 3)`` or ``(21, 3, 3)``, whose pelvis is upright then.
        text: English; several clauses by "and", "while" or commas, steps one after the other by "then".
        n: how many answers, the best first; they differ where the words leave room.
        seed: of the draws; equal seeds give equal answers on one machine.
        generator: in place of the seed.
        previous: the edit before, which "mirror that", "a bit more" and "do the same with ..." speak of.
        prior: knows how people pose; the shipped one if left out.

    Returns:
        The answers, the best first.

    Returns:
        The edited postures and what was done, the best first.

    Raises:
        InstructionError: a word or a phrase is not understood, a number is out of range, or clauses contradict each
            other; it points at the place.
        ValueError: the pose is none, or more than one, or ``n`` is below 1 or more than there are draws for
            (`solve_constraints`).
    """
    if n < 1:
        raise ValueError(f"the number of solutions must be at least 1, not {n}")
    prior, generator = prior or default_prior(), generator_of(seed, generator)
    start = posture if isinstance(posture, OrientedPose) else OrientedPose.upright(posture)
    check_single(start)
    steps = parse(text)
    heading = _heading(start)
    edits = [_unchanged(_turned(start, heading.mT), prior)]
    for number, step in enumerate(steps):
        answers = n if number == len(steps) - 1 else 1
        edits = _followed(prior, edits[0], step, text, answers, generator, previous)
        previous = edits[0]
    return [
        replace(edit, posture=_turned(edit.posture, heading), before=_turned(edit.before, heading)) for edit in edits
    ]


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
        for saying in step:
            if not isinstance(saying, Clause):
                raise InstructionError("say where a part is: there is no earlier edit", text, *saying.span)
            constraints += _meaning(saying, now, text, None).constraints
        _refuse_contradictions(constraints, text, step)
    if not constraints:
        raise InstructionError("this says nothing about where a part is", text, 0, len(text))
    return tuple(constraints)


def _heading(posture: OrientedPose) -> Tensor:
    """Turn about the vertical of the pelvis: instructions are said of a person who faces forward."""
    ahead = posture.global_orient[:, 2]
    none = torch.zeros_like(ahead[0])
    return axis_angle_to_matrix(torch.stack([none, torch.atan2(ahead[0], ahead[2]), none]))


def _turned(posture: OrientedPose, turn: Tensor) -> OrientedPose:
    return OrientedPose(posture.body_pose, turn @ posture.global_orient)


def _unchanged(posture: OrientedPose, prior: CodePrior) -> Edit:
    return Edit(posture, posture, (), prior.energy(posture.body_pose).item(), (), (), ())


def _followed(
    prior: CodePrior,
    so_far: Edit,
    step: Step,
    text: str,
    n: int,
    generator: torch.Generator,
    previous: Edit | None,
) -> list[Edit]:
    """Answers to one step, from where the steps before ended."""
    if any(isinstance(saying, Mirror) for saying in step):
        if len(step) > 1:
            raise InstructionError("say 'mirror that' in a sentence of its own, or after 'then'", text, *step[0].span)
        if not all(saying.whole for saying in step if isinstance(saying, Mirror)):
            reason = "a part cannot be mirrored alone: say 'mirror that', or 'do the same with' the other part"
            raise InstructionError(reason, text, *step[0].span)
        mirrored = so_far.posture.mirrored()
        energy, steps = prior.energy(mirrored.body_pose).item(), (*so_far.steps, step)
        return [
            replace(so_far, posture=mirrored, energy=energy, mentioned=BODY_JOINT_NAMES, steps=steps, constraints=())
        ]
    now = PosedSkeleton.of(so_far.posture)
    meaning, spelt_out = Meaning(), list[Saying]()
    for saying in step:
        done = tuple(spelt_out) or (previous.steps[-1] if previous and previous.steps else ())
        for spelt in _spelt_out(saying, text, done):
            meaning += _meaning(spelt, now, text, previous)
            spelt_out.append(spelt)
    if not meaning.constraints:
        raise InstructionError("there is nothing in this that a posture can follow", text, *step[0].span)
    _refuse_contradictions(meaning.constraints, text, step)
    mentioned = {joint for constraint in meaning.constraints for joint in constraint.joints} - meaning.still
    if not mentioned:
        raise InstructionError("all parts that are mentioned are to be kept still", text, *step[0].span)
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
            (*so_far.steps, tuple(spelt_out)),
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


def _spelt_out(saying: Saying, text: str, done: Step) -> Step:
    """For "the same with ...", the clauses of what was done before, of the parts that are named now."""
    if not isinstance(saying, Likewise):
        return (saying,)
    if not done:
        raise InstructionError("nothing was done before that this could speak of", text, *saying.span)
    clauses: list[Clause] = []
    for clause in done:
        if not isinstance(clause, Clause):
            raise InstructionError("what was done before cannot be done with other parts", text, *saying.span)
        clauses.append(_likewise(clause, saying))
    return tuple(clauses)


def _meaning(saying: Saying, now: PosedSkeleton, text: str, previous: Edit | None) -> Meaning:
    if isinstance(saying, Clause):
        return meaning_of(saying, now, text)
    if previous is None or not previous.constraints:
        raise InstructionError("nothing was done before that this could speak of", text, *saying.span)
    assert isinstance(saying, Again)
    return _again(saying, now, text, previous)


_SIGNED = (Offset, Elevation, FacingElevation, FacingHeading, Lean)
"""Measures, beside angles of the body, that go below zero."""

_FACTORS = {"": 0.5, "slightly": 0.35, "halfway": 0.5, "fully": 1.0}


def _again(saying: Again, now: PosedSkeleton, text: str, previous: Edit) -> Meaning:
    """Each constraint of the edit before, moved on in the direction in which its measure went."""
    extent = saying.extent
    if extent.value is not None and extent.value > MOST:
        raise InstructionError(f"{extent.value:g} is out of range: {MOST:g} at most", text, *extent.span)
    before = PosedSkeleton.of(_turned(previous.before, _heading(previous.before).mT))
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
                reason = f"what was done before is measured in {constraint.unit}, not in {extent.unit}"
                raise InstructionError(reason, text, *extent.span)
            far = extent.value
        elif not saying.less:
            far = max(far, 10.0 if constraint.unit == "degrees" else 5.0)
        target = is_ + far * (1 if change > 0 else -1) * (-1 if saying.less else 1)
        if isinstance(constraint.measure, JointAngle):
            anatomy = ANGLES[constraint.measure.name]
            target = min(max(target, anatomy.low), anatomy.high)
        elif not isinstance(constraint.measure, _SIGNED):
            target = max(target, 0.0)
        words = f"{constraint.text}, {'less' if saying.less else 'more'}"
        meaning.constraints.append(replace(constraint, text=words, low=target, high=target))
    return meaning


def _said_at(clause: Clause, span: tuple[int, int]) -> Clause:
    def there(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(replace(part, span=span) for part in parts)

    return replace(
        clause,
        parts=there(clause.parts),
        company=there(clause.company),
        relations=tuple(replace(relation, parts=there(relation.parts), span=span) for relation in clause.relations),
        extent=replace(clause.extent, span=span),
        beside=tuple(_said_at(beside, span) for beside in clause.beside),
        span=span,
    )


def _likewise(clause: Clause, saying: Likewise) -> Clause:
    """The clause as the saying changes it; of "the right one" only the side is taken. All is said where that is."""
    clause = _said_at(clause, saying.span)
    if saying.direction:
        clause = replace(clause, directions=(saying.direction,))
    if saying.parts and clause.company and saying.parts[0].name == clause.company[0].name:
        return replace(clause, company=saying.parts)
    if saying.parts and saying.parts[0].name != "one":
        return replace(clause, parts=saying.parts)
    if saying.direction and not saying.parts:
        return clause
    sides = dict.fromkeys(_OTHER, saying.parts[0].side) if saying.parts else _OTHER

    def exchanged(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(replace(part, side=sides.get(part.side, part.side)) for part in parts)

    if not clause.parts:
        relations = tuple(replace(relation, parts=exchanged(relation.parts)) for relation in clause.relations)
        return replace(clause, company=exchanged(clause.company), relations=relations)
    return replace(clause, parts=exchanged(clause.parts))


_OTHER: dict[str, Side] = {"left": "right", "right": "left"}


def _refuse_contradictions(constraints: Sequence[Constraint], text: str, step: Step) -> None:
    for one, two in combinations(constraints, 2):
        if one.contradicts(two):
            start, end = min(s.span[0] for s in step), max(s.span[1] for s in step)
            raise InstructionError(f"'{one.text}' and '{two.text}' contradict each other", text, start, end)
