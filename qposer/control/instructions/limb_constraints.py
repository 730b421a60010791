"""What readings about arms and legs share: the names of their parts, where these are, and constraints of both."""

from __future__ import annotations

from qposer.control.constraints import Constraint, about, at_most
from qposer.control.instructions.meaning import SPINE, Meaning, Reading, arm, asks, leg
from qposer.control.measures import JointAngle, Offset

ARM_PARTS = ("arm", "hand", "palm", "wrist", "forearm", "elbow", "upper arm")

LEG_PARTS = ("leg", "thigh", "knee", "shin", "ankle", "foot", "heel", "toe", "hip")

STRAIGHT = 12.0
"""Degrees of flexion up to which a knee or an elbow counts as straight."""

_TIPS = {"elbow": "elbow", "upper arm": "elbow", "thigh": "knee", "knee": "knee", "leg": "ankle", "foot": "ankle"}


def tip(part: str, side: str) -> str:
    """The joint that tells where a part of a limb is.

    Args:
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        Name of a joint or point.
    """
    return f"{side}_{_TIPS.get(part, 'wrist' if part in ARM_PARTS else 'ankle')}"


def level_point(level: str, side: str) -> str:
    """What marks a height of the body.

    Args:
        level: name of a height, such as that of the shoulder.
        side: ``left`` or ``right``.

    Returns:
        Name of a point.
    """
    points = {"head": "forehead", "face": "nose", "waist": f"{side}_waist", "eye": f"{side}_eye", "ear": f"{side}_ear"}
    return points.get(level, f"{side}_{level}" if level in ("shoulder", "hip", "knee") else level)


def straight(part: str, side: str, high: float = STRAIGHT) -> Constraint:
    """A straight elbow or knee.

    Args:
        part: ``elbow`` or ``knee``.
        side: ``left`` or ``right``.
        high: degrees of flexion that still count as straight.

    Returns:
        The constraint.
    """
    joint = "elbow" if part in ARM_PARTS else "knee"
    return at_most(
        f"{side} {joint} straight", JointAngle(f"{side}_{joint}_flexion"), high, "degrees", (f"{side}_{joint}",)
    )


def at_level(reading: Reading, part: str, side: str) -> Constraint:
    """A part at a height of the body.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraint.
    """
    joints = arm(side) if part in ARM_PARTS else leg(side)
    level = reading.clause.level
    offset = Offset(tip(part, side), level_point(level, side), "up")
    return about(f"{side} {part} at {level} height", offset, 0.0, "cm", joints, 2.0)


def shifted(reading: Reading, point: str, joints: tuple[str, ...], direction: str) -> Meaning:
    """A point moved by so many centimetres in a direction; sideways of where it was it stays.

    Args:
        reading: the clause with the figure that it is said of.
        point: name of the point.
        joints: joints that may move for it.
        direction: one of the language's directions.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    far = reading.amount(15.0, 8.0, 30.0, "cm")
    axis = {"left": 0, "right": 0, "up": 1, "down": 1, "forward": 2, "backward": 2}[direction]
    sign = -1.0 if direction in ("right", "down", "backward") else 1.0
    held = []
    for number, name in enumerate("xyz"):
        measure = _coordinate(point, number)
        value = reading.value(measure) + (sign * far if number == axis else 0.0)
        words = f"{point.replace('_', ' ')} {far:g} cm {direction} ({name})"
        held.append(about(words, measure, value, "cm", joints, 0.0 if number == axis else 2.0))
    return asks(*held, helping=SPINE)


def _coordinate(point: str, axis: int) -> Offset:
    return Offset(point, "pelvis", ("left", "up", "forward")[axis])
