"""The meaning of clauses as constraints, and shared helping_joints to build it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from qposer.body_pose.posed_skeleton import PosedSkeleton
from qposer.control.anatomy import ANGLES, Measure
from qposer.control.constraints import Constraint, Unit, about, at_least, at_most
from qposer.control.instructions.clauses import Clause, Extent, Part
from qposer.control.instructions.words import InstructionError
from qposer.control.measures import Elevation, Height, JointAngle

SPINE = ("spine1", "spine2", "spine3")
NECK = ("neck", "head")
TOLERANCE = 5.0
"""Tolerance of amounts in words, degrees."""
MAX_NUMBER = 300.0
"""Maximum accepted number: centimetres, or degrees of measures without an anatomical range."""


def arm(side: str) -> tuple[str, ...]:
    """Joints of an arm."""
    return tuple(f"{side}_{joint}" for joint in ("collar", "shoulder", "elbow", "wrist"))


def leg(side: str) -> tuple[str, ...]:
    """Joints of a leg."""
    return tuple(f"{side}_{joint}" for joint in ("hip", "knee", "ankle", "foot"))


def flat_foot(side: str, joints: tuple[str, ...] | None = None) -> list[Constraint]:
    """Place a foot on the ground with heel and toes.

    Args:
        side: ``left`` or ``right``.
        joints: joints that may move; default: those of the leg.

    Returns:
        The constraints of heel and toes.
    """
    joints = leg(side) if joints is None else joints
    return [
        at_most(f"{side} foot on the ground", Height(f"{side}_sole"), 5.0, "cm", joints),
        about(f"{side} foot flat", Elevation(f"{side}_heel", f"{side}_toes"), -4.0, "degrees", joints, 10.0),
    ]


BOTH_LEGS = (*leg("left"), *leg("right"))


@dataclass
class Meaning:
    """Constraints, and the joints that may move in addition to those of the constraints.

    Attributes:
        constraints: the constraints.
        helping: body joints that may move if necessary.
        pelvis: whether the pelvis may rotate.
        still: body joints that must not move.
    """

    constraints: list[Constraint] = field(default_factory=list)
    helping: set[str] = field(default_factory=set)
    pelvis: bool = False
    still: set[str] = field(default_factory=set)

    def __iadd__(self, other: Meaning) -> Meaning:
        """Merge another meaning into this one."""
        self.constraints += other.constraints
        self.helping |= other.helping
        self.pelvis |= other.pelvis
        self.still |= other.still
        return self

    def __add__(self, other: Meaning) -> Meaning:
        """Both meanings merged."""
        both = Meaning()
        both += self
        both += other
        return both


def require(*constraints: Constraint, helping: Iterable[str] = (), pelvis: bool = False) -> Meaning:
    """A meaning with the given constraints.

    Args:
        constraints: the constraints.
        helping: joints that may move in addition to those of the constraints.
        pelvis: whether the pelvis may rotate.

    Returns:
        The meaning.
    """
    return Meaning(list(constraints), set(helping), pelvis)


@dataclass(frozen=True)
class ClauseContext:
    """A clause, the current posed skeleton, and the text for messages."""

    clause: Clause
    now: PosedSkeleton
    text: str

    def value(self, measure: Measure) -> float:
        """Current value of a measure."""
        return float(measure(self.now))

    def error(self, reason: str, span: tuple[int, int] | None = None) -> InstructionError:
        """An error that marks the clause, or a part of it.

        Args:
            reason: description of the error.
            span: start and end in the text; default: the clause's.

        Returns:
            The error to raise.
        """
        return InstructionError(reason, self.text, *(span or self.clause.span))

    def direction_for(self, side: str) -> str:
        """The clause's direction for a limb of that side: "sideways" and "outward" point away from the body."""
        direction = self.clause.direction
        if direction in ("sideways", "outward"):
            return side
        if direction == "inward":
            return other(side)
        return direction

    def angle_constraint(
        self, angle: str, words: str, default: float, slightly: float, halfway: float, fully: float, sign: float = 1.0
    ) -> Constraint:
        """Constrain a joint angle to the clause's extent, in degrees or in words.

        "Slightly" is relative if the joint is already bent. Numbers outside the anatomical range are rejected.

        Args:
            angle: name of the angle.
            words: description of the constraint.
            default: degrees if the clause has no extent.
            slightly: degrees for "slightly".
            halfway: degrees for "halfway".
            fully: degrees for "fully".
            sign: 1, or -1 for a measure that decreases with the extent.

        Returns:
            The constraint.

        Raises:
            InstructionError: the number is outside the anatomical range.
        """
        anatomy, extent = ANGLES[angle], self.clause.extent
        measure, joints = JointAngle(angle), ANGLES[angle].joints
        label = angle.replace("_", " ")
        if extent.value is not None:
            if extent.unit == "cm":
                raise self.error(f"the {label} is an angle: give degrees, not centimetres", extent.span)
            value = sign * extent.value
            if extent.relative:
                value = min(max(self.value(measure) + value, anatomy.low), anatomy.high)
            elif not anatomy.low - 5 <= value <= anatomy.high:
                raise self.error(
                    f"{extent.value:g} degrees are out of range: the {label} ranges from {anatomy.low:g} to "
                    f"{anatomy.high:g}",
                    extent.span,
                )
            return about(f"{words} {extent.value:g} degrees", measure, value, "degrees", joints)
        amounts = {"": default, "slightly": slightly, "halfway": halfway, "fully": fully}
        value = sign * amounts[extent.amount]
        text = f"{words} {extent.amount}".strip()
        if extent.amount == "fully":
            if value < 0:
                return at_most(text, measure, value, "degrees", joints)
            return at_least(text, measure, value, "degrees", joints)
        if extent.amount == "slightly":
            already = sign * self.value(measure)
            if already > slightly - TOLERANCE:
                value = min(max(sign * (already + slightly), anatomy.low), anatomy.high)
        return about(text, measure, value, "degrees", joints, TOLERANCE)

    def amount(self, default: float, slightly: float, fully: float, unit: Unit, most: float = MAX_NUMBER) -> float:
        """The clause's extent as a number, given directly or in words.

        Args:
            default: value if the clause has no extent, or "halfway".
            slightly: value for "slightly".
            fully: value for "fully".
            unit: unit of the values, ``degrees`` or ``cm``.
            most: maximum accepted number.

        Returns:
            The value in this unit.

        Raises:
            InstructionError: the number is too large or has another unit.
        """
        extent = self.clause.extent
        if extent.value is not None:
            if extent.unit not in (unit, ""):
                raise self.error(f"give {unit} here, not {extent.unit}", extent.span)
            if extent.value > most:
                raise self.error(f"{extent.value:g} {unit} are out of range: {most:g} at most", extent.span)
            return extent.value
        return {"": default, "slightly": slightly, "halfway": default, "fully": fully}[extent.amount]


def other(side: str) -> str:
    """The other side."""
    return "right" if side == "left" else "left"


def named(part: Part, side: str) -> str:
    """Side and name of a part.

    Args:
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        Words, such as "left knee".
    """
    return f"{side} {part.name}"


def is_slight(extent: Extent) -> bool:
    """Whether the amount is "slightly"."""
    return extent.amount == "slightly"
