"""Constraints of clauses about arms: raise, lower, reach, turn."""

from __future__ import annotations

from qposer.control.constraints import Constraint, about, at_least, at_most
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.limb_constraints import at_level, shift, straight, tip
from qposer.control.instructions.meaning import (
    BOTH_LEGS,
    SPINE,
    TOLERANCE,
    ClauseContext,
    Meaning,
    arm,
    is_slight,
    other,
    require,
)
from qposer.control.instructions.palms import turn_palm
from qposer.control.measures import Elevation, Height, JointAngle, Offset, Pointing


def raise_arm(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Raise an arm or a part of it by degrees, to a height, in a direction, or to a default height.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    clause, extent, direction = context.clause, context.clause.extent, context.direction_for(side)
    joints, shoulder, end = arm(side), f"{side}_shoulder", tip(part.name, side)
    words = f"{side} {part.name}"
    if extent.unit == "cm":
        return shift(context, end, joints, "up")
    if extent.value is not None and direction != "up":
        kind = {"forward": "flexion", "backward": "flexion", side: "abduction"}.get(direction, "elevation")
        sign = -1.0 if direction == "backward" else 1.0
        raised = require(context.angle_constraint(f"{side}_shoulder_{kind}", f"{words} raised", 90, 25, 80, 160, sign))
        across = {"flexion": side, "abduction": "forward"}.get(kind)
        if across:
            offset = Offset(f"{side}_elbow", shoulder, across, "spine3")
            raised += require(about(f"{words} in that plane", offset, 0.0, "cm", joints, 12.0))
        return raised
    held: list[Constraint] = []
    if end.endswith("wrist") and part.name == "arm":
        held.append(straight("arm", side, 40.0))
    if clause.level:
        held.append(at_level(context, part.name, side))
    elif "horizontal" in clause.states:
        held.append(about(f"{words} horizontal", Elevation(shoulder, end), 0.0, "degrees", joints, TOLERANCE))
    if clause.diagonal:
        held.append(about(f"{words} diagonally up", Elevation(shoulder, end), 45.0, "degrees", joints, TOLERANCE))
    elif direction == "backward":
        angle = JointAngle(f"{side}_shoulder_flexion")
        held.append(at_most(f"{words} backward", angle, -15.0 if is_slight(extent) else -30.0, "degrees", joints))
    elif direction in ("forward", "left", "right"):
        pointing = Pointing(shoulder, end, direction)
        held.append(at_most(f"{words} {direction}", pointing, 18.0, "degrees", joints))
    elif (direction == "up" and part.name in ("arm", "upper arm")) or extent.amount == "fully":
        held.append(at_most(f"{words} up", Pointing(shoulder, end, "up"), 22.0, "degrees", joints))
    elif not clause.level and "horizontal" not in clause.states:
        elevation = JointAngle(f"{side}_shoulder_elevation")
        if extent.amount:
            return require(context.angle_constraint(f"{side}_shoulder_elevation", f"{words} raised", 90, 25, 80, 140))
        if part.name in ("elbow", "upper arm"):
            held.append(at_least(f"{words} raised", elevation, 75.0, "degrees", joints))
        else:
            held.append(at_least(f"{words} raised", elevation, 60.0, "degrees", joints))
            held.append(at_least(f"{words} above the shoulder", Offset(end, shoulder, "up"), 12.0, "cm", joints))
    return require(*held, helping=SPINE)


def lower_arm(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Lower an arm by degrees, to a height, or until it hangs.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    clause, extent, joints = context.clause, context.clause.extent, arm(side)
    words, elevation = f"{side} {part.name} lowered", JointAngle(f"{side}_shoulder_elevation")
    if clause.level:
        return require(at_level(context, part.name, side), helping=SPINE)
    if extent.unit == "cm":
        return shift(context, tip(part.name, side), joints, "down")
    if extent.value is not None or is_slight(extent):
        value = max(context.value(elevation) - context.amount(20.0, 20.0, 20.0, "degrees", 180.0), 0.0)
        return require(about(words, elevation, value, "degrees", joints, TOLERANCE if extent.value is None else 0.0))
    held = [at_most(words, elevation, 22.0 if extent.amount != "halfway" else 50.0, "degrees", joints)]
    if part.name not in ("elbow", "upper arm"):
        wrist = Offset(f"{side}_wrist", f"{side}_waist", "up")
        held.append(at_most(f"{words} below the waist", wrist, 8.0, "cm", joints))
    return require(*held)


def reach(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Reach out with a hand.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    direction, joints = context.direction_for(side), arm(side)
    words = f"{side} hand reaching {direction}"
    wrist, elbow = f"{side}_wrist", straight("arm", side, 30.0)
    if direction == "down":
        low = at_most(words, Height(f"{side}_fingers"), 45.0, "cm", joints)
        return require(low, helping=(*SPINE, *BOTH_LEGS), pelvis=True)
    if direction in ("up", ""):
        high = at_least(f"{side} hand reaching up", Offset(wrist, "crown", "up"), 12.0, "cm", joints)
        return require(high, elbow, helping=SPINE)
    far = at_most(words, Pointing(f"{side}_shoulder", wrist, direction), 25.0, "degrees", joints)
    return require(far, elbow, helping=SPINE, pelvis=direction == "forward")


def turn_arm(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Rotate an arm about its axis, or turn the palm in a direction.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    direction = context.direction_for(side)
    if part.name in ("hand", "palm", "wrist", "forearm") or direction in ("up", "down", "forward", "backward"):
        return turn_palm(context, part, side)
    sign = -1.0 if direction == other(side) else 1.0
    return require(context.angle_constraint(f"{side}_shoulder_rotation", f"{side} arm turned", 40, 20, 30, 60, sign))
