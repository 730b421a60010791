"""Shared by the modules about arms and legs: part names, their points, and common constraints."""

from __future__ import annotations

from qposer.control.constraints import Constraint, about, at_most
from qposer.control.instructions.meaning import SPINE, ClauseContext, Meaning, arm, leg, require
from qposer.control.measures import JointAngle, Offset

ARM_PARTS = ("arm", "hand", "palm", "wrist", "forearm", "elbow", "upper arm")

LEG_PARTS = ("leg", "thigh", "knee", "shin", "ankle", "foot", "heel", "toe", "hip")

STRAIGHT = 12.0
"""Maximum flexion of a straight knee or elbow, degrees."""

_TIPS = {"elbow": "elbow", "upper arm": "elbow", "thigh": "knee", "knee": "knee", "leg": "ankle", "foot": "ankle"}


def tip(part: str, side: str) -> str:
    """The joint or point that represents the position of a part of a limb.

    Args:
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        Its name.
    """
    return f"{side}_{_TIPS.get(part, 'wrist' if part in ARM_PARTS else 'ankle')}"


def level_point(level: str, side: str) -> str:
    """The point that defines a height.

    Args:
        level: name of a height, for example ``shoulder``.
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
        high: maximum flexion, degrees.

    Returns:
        The constraint.
    """
    joint = "elbow" if part in ARM_PARTS else "knee"
    return at_most(
        f"{side} {joint} straight", JointAngle(f"{side}_{joint}_flexion"), high, "degrees", (f"{side}_{joint}",)
    )


def at_level(context: ClauseContext, part: str, side: str) -> Constraint:
    """Place a part at the height of another.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraint.
    """
    joints = arm(side) if part in ARM_PARTS else leg(side)
    level = context.clause.level
    offset = Offset(tip(part, side), level_point(level, side), "up")
    return about(f"{side} {part} at {level} height", offset, 0.0, "cm", joints, 2.0)


def shift(context: ClauseContext, point: str, joints: tuple[str, ...], direction: str) -> Meaning:
    """Move a point by some centimetres in a direction, with its other coordinates unchanged.

    Args:
        context: the clause and the current pose.
        point: name of the point.
        joints: joints that may move.
        direction: a key of `vocabulary.DIRECTIONS`.

    Returns:
        The constraints, and the joints that may move.
    """
    far = context.amount(15.0, 8.0, 30.0, "cm")
    axis = {"left": 0, "right": 0, "up": 1, "down": 1, "forward": 2, "backward": 2}[direction]
    sign = -1.0 if direction in ("right", "down", "backward") else 1.0
    held = []
    for number, name in enumerate("xyz"):
        measure = _coordinate(point, number)
        value = context.value(measure) + (sign * far if number == axis else 0.0)
        words = f"{point.replace('_', ' ')} {far:g} cm {direction} ({name})"
        held.append(about(words, measure, value, "cm", joints, 0.0 if number == axis else 2.0))
    return require(*held, helping=SPINE)


def _coordinate(point: str, axis: int) -> Offset:
    return Offset(point, "pelvis", ("left", "up", "forward")[axis])
