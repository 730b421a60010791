"""Constraints of clauses about legs: raise, lower, turn, and bend the knees with the feet planted."""

from __future__ import annotations

from qposer.control.anatomy import ANGLES
from qposer.control.constraints import about, at_least, at_most
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.limb_constraints import at_level, shift, straight, tip
from qposer.control.instructions.meaning import (
    SPINE,
    TOLERANCE,
    ClauseContext,
    Meaning,
    flat_foot,
    is_slight,
    leg,
    other,
    require,
)
from qposer.control.measures import Balance, Elevation, Height, JointAngle


def raise_leg(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Raise a leg, a knee or a foot by degrees, to a height, in a direction, or off the ground.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    clause, extent, direction = context.clause, context.clause.extent, context.direction_for(side)
    joints, words = leg(side), f"{side} {part.name} raised"
    if part.name == "heel":
        return require(
            at_least(words, JointAngle(f"{side}_ankle_flexion"), 20.0, "degrees", joints[2:]),
            at_most(f"{side} toes on the ground", Height(f"{side}_toes"), 3.0, "cm", joints),
        )
    if part.name == "toe":
        return require(at_most(words, JointAngle(f"{side}_ankle_flexion"), -12.0, "degrees", joints[2:]))
    if clause.level:
        return require(at_level(context, part.name, side))
    if extent.unit == "cm":
        return shift(context, tip(part.name, side), joints, "up")
    if "horizontal" in clause.states:
        end = tip("knee" if part.name in ("thigh", "knee") else "leg", side)
        return require(about(f"{words}, horizontal", Elevation(f"{side}_hip", end), 0.0, "degrees", joints, TOLERANCE))
    if direction == side:
        return require(
            context.angle_constraint(f"{side}_hip_abduction", words, 35, 15, 30, 50), straight("leg", side, 30.0)
        )
    if direction == "backward":
        off = at_least(f"{side} foot off the ground", Height(f"{side}_toes"), 8.0, "cm", joints)
        return require(context.angle_constraint(f"{side}_hip_flexion", words, 20, 12, 18, 25, -1.0), off)
    if part.name in ("foot", "ankle", "shin"):
        height = {"slightly": 8.0, "fully": 45.0}.get(extent.amount, 15.0)
        return require(at_least(f"{side} foot off the ground", Height(f"{side}_sole"), height, "cm", joints))
    flexion = f"{side}_hip_flexion"
    if part.name in ("knee", "thigh"):
        return require(context.angle_constraint(flexion, words, 85, 30, 60, 105))
    if direction == "up" and not extent.amount:
        return require(at_least(words, JointAngle(flexion), 50.0, "degrees", joints), straight("leg", side, 45.0))
    return require(context.angle_constraint(flexion, words, 50, 25, 45, 80), straight("leg", side, 40.0))


def lower_leg(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Lower a leg by degrees, or to the ground.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    extent, joints = context.clause.extent, leg(side)
    words, flexion = f"{side} {part.name} lowered", JointAngle(f"{side}_hip_flexion")
    if extent.unit == "cm":
        return shift(context, tip(part.name, side), joints, "down")
    if extent.value is not None or is_slight(extent):
        anatomy = ANGLES[flexion.name]
        value = context.value(flexion) - context.amount(20.0, 20.0, 20.0, "degrees", anatomy.high)
        return require(
            about(
                words, flexion, max(value, anatomy.low), "degrees", joints, TOLERANCE if extent.value is None else 0.0
            )
        )
    return require(
        about(words, flexion, 5.0, "degrees", joints, 12.0),
        about(f"{side} leg under the body", JointAngle(f"{side}_hip_abduction"), 0.0, "degrees", joints, 10.0),
        at_most(f"{side} foot on the ground", Height(f"{side}_sole"), 6.0, "cm", joints),
    )


def turn_leg(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Rotate a leg about its axis, with knee and toes outward or inward.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    sign = -1.0 if context.direction_for(side) == other(side) else 1.0
    return require(context.angle_constraint(f"{side}_hip_rotation", f"{side} {part.name} turned", 30, 15, 20, 45, sign))


def keep_feet_planted(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Keep the feet planted and the body balanced if both knees bend while the feet are on the ground.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    feet = [Height(f"{s}_sole") for s in ("left", "right")]
    if len(part.sides()) < 2 or any(context.value(foot) > 8.0 for foot in feet):
        return Meaning()
    joints = tuple(joint for joint in leg(side) if not joint.endswith("knee"))
    mass = Balance("left_sole", "right_sole")
    held = flat_foot(side, joints)
    if context.value(mass) < 12.0:
        held.append(at_most("in balance", mass, 10.0, "cm", joints))
    return require(*held, helping=SPINE)
