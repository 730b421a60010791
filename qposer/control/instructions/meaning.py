"""What clauses are made into, and what all readings of them share."""

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
LOOSE = 5.0
"""Degrees by which a posture may differ from what an amount in words stands for."""
MOST = 300.0
"""Numbers that nobody gets beyond: centimetres, or degrees where there is no range of their own."""


def arm(side: str) -> tuple[str, ...]:
    """Joints of an arm."""
    return tuple(f"{side}_{joint}" for joint in ("collar", "shoulder", "elbow", "wrist"))


def leg(side: str) -> tuple[str, ...]:
    """Joints of a leg."""
    return tuple(f"{side}_{joint}" for joint in ("hip", "knee", "ankle", "foot"))


def flat_foot(side: str, joints: tuple[str, ...] | None = None) -> list[Constraint]:
    """A foot on the ground, heel and toes.

    Args:
        side: ``left`` or ``right``.
        joints: joints that may move for it; those of the leg if left out.

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
    """Constraints, and what may move beside the joints that they name.

    Attributes:
        constraints: what shall hold.
        helping: body joints that may move if need be.
        pelvis: whether the pelvis may turn.
        still: body joints that must not move.
    """

    constraints: list[Constraint] = field(default_factory=list)
    helping: set[str] = field(default_factory=set)
    pelvis: bool = False
    still: set[str] = field(default_factory=set)

    def __iadd__(self, other: Meaning) -> Meaning:
        """Take in another meaning."""
        self.constraints += other.constraints
        self.helping |= other.helping
        self.pelvis |= other.pelvis
        self.still |= other.still
        return self

    def __add__(self, other: Meaning) -> Meaning:
        """Both meanings together."""
        both = Meaning()
        both += self
        both += other
        return both


def asks(*constraints: Constraint, helping: Iterable[str] = (), pelvis: bool = False) -> Meaning:
    """A meaning of some constraints.

    Args:
        constraints: what shall hold.
        helping: joints that may move besides those of the constraints.
        pelvis: whether the pelvis may turn.

    Returns:
        The meaning.
    """
    return Meaning(list(constraints), set(helping), pelvis)


@dataclass(frozen=True)
class Reading:
    """A clause in its context: what is read, and the figure that it is said of."""

    clause: Clause
    now: PosedSkeleton
    text: str

    def value(self, measure: Measure) -> float:
        """What a measure is now."""
        return float(measure(self.now))

    def refuse(self, reason: str, span: tuple[int, int] | None = None) -> InstructionError:
        """An error that points at the clause, or at a part of it.

        Args:
            reason: what is wrong.
            span: first and last place in the text; the clause's if left out.

        Returns:
            The error, to be raised.
        """
        return InstructionError(reason, self.text, *(span or self.clause.span))

    def outward(self, side: str) -> str:
        """The clause's direction, of a limb of that side: "sideways" and "outward" are away from the body."""
        direction = self.clause.direction
        if direction in ("sideways", "outward"):
            return side
        if direction == "inward":
            return other(side)
        return direction

    def bent(
        self, angle: str, words: str, default: float, slightly: float, halfway: float, fully: float, sign: float = 1.0
    ) -> Constraint:
        """An angle that shall be as the clause's extent says, in degrees or in words.

        "Slightly" is relative where the joint is bent already; numbers are refused beyond what people can do.

        Args:
            angle: name of the angle.
            words: the joint in words.
            default: degrees without any extent.
            slightly: degrees of the word.
            halfway: degrees of the word.
            fully: degrees of the word.
            sign: 1, or -1 for a measure that falls as the clause's extent grows.

        Returns:
            The constraint.

        Raises:
            InstructionError: the number is beyond what people can do.
        """
        anatomy, extent = ANGLES[angle], self.clause.extent
        measure, joints = JointAngle(angle), ANGLES[angle].joints
        label = angle.replace("_", " ")
        if extent.value is not None:
            if extent.unit == "cm":
                raise self.refuse(f"the {label} is an angle: give degrees, not centimetres", extent.span)
            value = sign * extent.value
            if extent.relative:
                value = min(max(self.value(measure) + value, anatomy.low), anatomy.high)
            elif not anatomy.low - 5 <= value <= anatomy.high:
                raise self.refuse(
                    f"{extent.value:g} degrees are out of range: the {label} of people goes from {anatomy.low:g} to "
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
            if already > slightly - LOOSE:
                value = min(max(sign * (already + slightly), anatomy.low), anatomy.high)
        return about(text, measure, value, "degrees", joints, LOOSE)

    def amount(self, default: float, slightly: float, fully: float, unit: Unit, most: float = MOST) -> float:
        """The clause's extent as a number: as given, up to the most, or as the words stand for.

        Args:
            default: the number without any extent.
            slightly: the number of the word.
            fully: the number of the word.
            unit: of the numbers, ``degrees`` or ``cm``.
            most: the largest number that is accepted.

        Returns:
            The number in this unit.

        Raises:
            InstructionError: the number is too large or of another unit.
        """
        extent = self.clause.extent
        if extent.value is not None:
            if extent.unit not in (unit, ""):
                raise self.refuse(f"give {unit} here, not {extent.unit}", extent.span)
            if extent.value > most:
                raise self.refuse(f"{extent.value:g} {unit} are out of range: {most:g} at most", extent.span)
            return extent.value
        return {"": default, "slightly": slightly, "halfway": default, "fully": fully}[extent.amount]


def other(side: str) -> str:
    """The other side."""
    return "right" if side == "left" else "left"


def named(part: Part, side: str) -> str:
    """A part of a side in words.

    Args:
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        Words, such as "left knee".
    """
    return f"{side} {part.name}"


def small(extent: Extent) -> bool:
    """Whether a little is asked for."""
    return extent.amount == "slightly"
