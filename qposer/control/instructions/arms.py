"""Readings of clauses about arms alone: raise, lower, reach, turn."""

from __future__ import annotations

from qposer.control.constraints import Constraint, about, at_least, at_most
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.limb_constraints import at_level, shifted, straight, tip
from qposer.control.instructions.meaning import BOTH_LEGS, LOOSE, SPINE, Meaning, Reading, arm, asks, other, small
from qposer.control.measures import Elevation, Facing, Height, JointAngle, Offset, Pointing


def raise_arm(reading: Reading, part: Part, side: str) -> Meaning:
    """Raise an arm or what is of it: by degrees, to a height, in a direction, or as high as arms are raised.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    clause, extent, direction = reading.clause, reading.clause.extent, reading.outward(side)
    joints, shoulder, end = arm(side), f"{side}_shoulder", tip(part.name, side)
    words = f"{side} {part.name}"
    if extent.unit == "cm":
        return shifted(reading, end, joints, "up")
    if extent.value is not None and direction != "up":
        kind = {"forward": "flexion", "backward": "flexion", side: "abduction"}.get(direction, "elevation")
        sign = -1.0 if direction == "backward" else 1.0
        raised = asks(reading.bent(f"{side}_shoulder_{kind}", f"{words} raised", 90, 25, 80, 160, sign))
        across = {"flexion": side, "abduction": "forward"}.get(kind)
        if across:
            offset = Offset(f"{side}_elbow", shoulder, across, "spine3")
            raised += asks(about(f"{words} in that plane", offset, 0.0, "cm", joints, 12.0))
        return raised
    held: list[Constraint] = []
    if end.endswith("wrist") and part.name == "arm":
        held.append(straight("arm", side, 40.0))
    if clause.level:
        held.append(at_level(reading, part.name, side))
    elif "horizontal" in clause.states:
        held.append(about(f"{words} horizontal", Elevation(shoulder, end), 0.0, "degrees", joints, LOOSE))
    if clause.diagonal:
        held.append(about(f"{words} diagonally up", Elevation(shoulder, end), 45.0, "degrees", joints, LOOSE))
    elif direction == "backward":
        angle = JointAngle(f"{side}_shoulder_flexion")
        held.append(at_most(f"{words} backward", angle, -15.0 if small(extent) else -30.0, "degrees", joints))
    elif direction in ("forward", "left", "right"):
        pointing = Pointing(shoulder, end, direction)
        held.append(at_most(f"{words} {direction}", pointing, 18.0, "degrees", joints))
    elif (direction == "up" and part.name in ("arm", "upper arm")) or extent.amount == "fully":
        held.append(at_most(f"{words} up", Pointing(shoulder, end, "up"), 22.0, "degrees", joints))
    elif not clause.level and "horizontal" not in clause.states:
        elevation = JointAngle(f"{side}_shoulder_elevation")
        if extent.amount:
            return asks(reading.bent(f"{side}_shoulder_elevation", f"{words} raised", 90, 25, 80, 140))
        if part.name in ("elbow", "upper arm"):
            held.append(at_least(f"{words} raised", elevation, 75.0, "degrees", joints))
        else:
            held.append(at_least(f"{words} raised", elevation, 60.0, "degrees", joints))
            held.append(at_least(f"{words} above the shoulder", Offset(end, shoulder, "up"), 12.0, "cm", joints))
    return asks(*held, helping=SPINE)


def lower_arm(reading: Reading, part: Part, side: str) -> Meaning:
    """Lower an arm: by degrees, to a height, or until it hangs.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    clause, extent, joints = reading.clause, reading.clause.extent, arm(side)
    words, elevation = f"{side} {part.name} lowered", JointAngle(f"{side}_shoulder_elevation")
    if clause.level:
        return asks(at_level(reading, part.name, side), helping=SPINE)
    if extent.unit == "cm":
        return shifted(reading, tip(part.name, side), joints, "down")
    if extent.value is not None or small(extent):
        value = max(reading.value(elevation) - reading.amount(20.0, 20.0, 20.0, "degrees", 180.0), 0.0)
        return asks(about(words, elevation, value, "degrees", joints, LOOSE if extent.value is None else 0.0))
    held = [at_most(words, elevation, 22.0 if extent.amount != "halfway" else 50.0, "degrees", joints)]
    if part.name not in ("elbow", "upper arm"):
        wrist = Offset(f"{side}_wrist", f"{side}_waist", "up")
        held.append(at_most(f"{words} below the waist", wrist, 8.0, "cm", joints))
    return asks(*held)


def reach(reading: Reading, part: Part, side: str) -> Meaning:
    """Reach out with a hand.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    direction, joints = reading.outward(side), arm(side)
    words = f"{side} hand reaching {direction}"
    wrist, elbow = f"{side}_wrist", straight("arm", side, 30.0)
    if direction == "down":
        low = at_most(words, Height(f"{side}_fingers"), 45.0, "cm", joints)
        return asks(low, helping=(*SPINE, *BOTH_LEGS), pelvis=True)
    if direction in ("up", ""):
        high = at_least(f"{side} hand reaching up", Offset(wrist, "crown", "up"), 12.0, "cm", joints)
        return asks(high, elbow, helping=SPINE)
    far = at_most(words, Pointing(f"{side}_shoulder", wrist, direction), 25.0, "degrees", joints)
    return asks(far, elbow, helping=SPINE, pelvis=direction == "forward")


def turn_arm(reading: Reading, part: Part, side: str) -> Meaning:
    """Turn an arm about itself, or the palm to a direction.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.

    Raises:
        InstructionError: the clause names no direction, or one that the part does not turn to.
    """
    direction = reading.outward(side)
    if part.name in ("hand", "palm", "wrist", "forearm") or direction in ("up", "down", "forward", "backward"):
        if not direction:
            raise reading.refuse("say whereto: palms up, down, forward, backward, inwards or outwards")
        words = f"{side} palm facing {direction}"
        return asks(at_most(words, Facing(f"{side}_palm", direction), 18.0, "degrees", arm(side)[1:]))
    sign = -1.0 if direction == other(side) else 1.0
    return asks(reading.bent(f"{side}_shoulder_rotation", f"{side} arm turned", 40, 20, 30, 60, sign))
