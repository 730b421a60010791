"""Constraints of clauses about either arms or legs: bend, straighten, stretch, point."""

from __future__ import annotations

from qposer.control.constraints import about, at_most
from qposer.control.instructions.arms import lower_arm, raise_arm
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.legs import keep_feet_planted, raise_leg, turn_leg
from qposer.control.instructions.limb_constraints import ARM_PARTS, LEG_PARTS, STRAIGHT, straight
from qposer.control.instructions.meaning import SPINE, TOLERANCE, ClauseContext, Meaning, arm, is_slight, leg, require
from qposer.control.measures import Elevation, JointAngle, Pointing


def bend_limb(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Bend an elbow, a wrist, a hip, a knee or an ankle.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    name, words = part.name, f"{side} {part.name} bent"
    if name in ("arm", "elbow", "forearm"):
        return require(context.angle_constraint(f"{side}_elbow_flexion", words, 90, 35, 75, 130))
    if name in ("hand", "wrist", "palm"):
        sign = -1.0 if context.clause.direction in ("up", "backward") else 1.0
        return require(context.angle_constraint(f"{side}_wrist_flexion", words, 40, 20, 35, 60, sign))
    if name in ("hip", "thigh"):
        return require(context.angle_constraint(f"{side}_hip_flexion", words, 60, 25, 60, 105))
    if name in ("leg", "knee", "shin"):
        bent = context.angle_constraint(f"{side}_knee_flexion", words, 60, 25, 70, 120)
        return require(bent, helping=leg(side)) + keep_feet_planted(context, part, side)
    sign = -1.0 if context.clause.direction != "down" else 1.0
    return require(context.angle_constraint(f"{side}_ankle_flexion", words, 15, 8, 12, 25, sign))


def straighten_limb(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Straighten an elbow or a knee; with a direction, stretch the limb in that direction.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    if context.clause.direction or "horizontal" in context.clause.states or context.clause.level:
        return stretch_limb(context, part, side)
    if part.name in ("hand", "wrist", "palm"):
        angle = JointAngle(f"{side}_wrist_flexion")
        return require(about(f"{side} wrist straight", angle, 0.0, "degrees", (f"{side}_wrist",), TOLERANCE))
    if part.name in ("hip", "thigh"):
        angle = JointAngle(f"{side}_hip_flexion")
        return require(about(f"{side} hip straight", angle, 0.0, "degrees", (f"{side}_hip",), TOLERANCE))
    high = STRAIGHT + 15 if is_slight(context.clause.extent) else STRAIGHT
    limb = arm(side) if part.name in ARM_PARTS else leg(side)
    return require(straight(part.name, side, high), helping=limb)


def stretch_limb(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Stretch an arm or a leg out in a direction.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    clause, direction = context.clause, context.direction_for(side)
    if part.name in ARM_PARTS:
        held = [straight("arm", side, 20.0)]
        if direction or clause.level or "horizontal" in clause.states:
            raised = lower_arm if direction == "down" else raise_arm
            return_ = raised(context, Part("arm", part.side, part.span), side)
            return_.constraints = [c for c in return_.constraints if c.measure != held[0].measure] + held
            return return_
        return require(*held, helping=arm(side))
    held = [straight("leg", side)]
    if direction in ("", "down"):
        return require(*held, helping=leg(side))
    meaning = raise_leg(context, Part("leg", part.side, part.span), side)
    meaning.constraints = [c for c in meaning.constraints if c.measure != held[0].measure] + held
    return meaning


def point_limb(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Point an arm, an elbow, a foot or a leg in a direction.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.

    Raises:
        InstructionError: there is no direction, or the part cannot point there.
    """
    clause, direction = context.clause, context.direction_for(side)
    if part.name in ("toe", "foot") and direction in ("", "down"):
        return require(context.angle_constraint(f"{side}_ankle_flexion", f"{side} toes pointed", 35, 20, 30, 45))
    if part.name in ("toe", "foot"):
        if direction in ("left", "right"):
            return turn_leg(context, part, side)
        return require(context.angle_constraint(f"{side}_ankle_flexion", f"{side} toes up", 15, 8, 12, 22, -1.0))
    if part.name in LEG_PARTS:
        return stretch_limb(context, part, side)
    if not direction and not clause.diagonal:
        raise context.error("say where to point: forward, up, to the left, ...")
    words, end = f"{side} {part.name} pointing", "elbow" if part.name in ("elbow", "upper arm") else "fingers"
    start = f"{side}_elbow" if part.name == "forearm" else f"{side}_shoulder"
    held = [] if end == "elbow" or part.name == "forearm" else [straight("arm", side, 20.0)]
    line = (start, f"{side}_{end}")
    if clause.diagonal and direction in ("up", "down"):
        slope = 45.0 if direction == "up" else -45.0
        held.append(about(f"{words} diagonally {direction}", Elevation(*line), slope, "degrees", arm(side), TOLERANCE))
    else:
        high = 30.0 if end == "elbow" and direction in ("backward", "forward") else 12.0
        held.append(at_most(f"{words} {direction}", Pointing(*line, direction), high, "degrees", arm(side)))
    return require(*held, helping=SPINE)
