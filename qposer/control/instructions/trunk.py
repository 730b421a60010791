"""Constraints of clauses about trunk and head: lean, bow, arch, turn, tilt, straighten, look, nod, shrug."""

from __future__ import annotations

from qposer.control.constraints import Constraint, about, at_least, at_most
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.meaning import NECK, SPINE, TOLERANCE, ClauseContext, Meaning, is_slight, require
from qposer.control.measures import FacingElevation, FacingHeading, Gaze, JointAngle, Lean

TRUNK_PARTS = ("torso", "body", "back", "chest", "waist", "belly", "side", "hip", "shoulder")
HEAD_PARTS = ("head", "neck", "face", "chin", "nose", "eye", "forehead")


def lean(context: ClauseContext, default: float = 25.0) -> Meaning:
    """Lean the trunk from the hips; the legs keep their world rotation.

    Args:
        context: the clause and the current pose.
        default: degrees if the clause has no extent.

    Returns:
        The constraints, and the joints that may move.

    Raises:
        InstructionError: the body cannot lean in this direction.
    """
    direction = context.clause.direction or "forward"
    if direction not in ("forward", "backward", "left", "right"):
        if direction != "down":
            raise context.error("the body can lean forward, backward, to the left or to the right")
        direction = "forward"
    most = {"forward": 60.0, "backward": 25.0}.get(direction, 30.0)
    typical = {"forward": default, "backward": 15.0}.get(direction, 18.0)
    value = context.amount(typical, 10.0, most, "degrees", 110.0)
    measure = Lean(direction)
    if context.clause.extent.relative or (is_slight(context.clause.extent) and context.value(measure) > 5):
        value += context.value(measure)
    held = about(f"leaning {direction}", measure, value, "degrees", SPINE, _slack(context))
    return require(held, pelvis=True)


def bow(context: ClauseContext) -> Meaning:
    """Bow the trunk, or only the head."""
    if any(part.name in HEAD_PARTS for part in context.clause.parts):
        return tilt_head(context, "forward")
    return lean(context, 40.0)


def arch(context: ClauseContext) -> Meaning:
    """Arch the back: backward by default, or round it forward."""
    sign = 1.0 if context.clause.direction == "forward" else -1.0
    return require(context.angle_constraint("trunk_bend", "back arched", 18, 10, 15, 25, sign), pelvis=True)


def turn_trunk(context: ClauseContext) -> Meaning:
    """Turn the shoulders relative to the pelvis."""
    direction = context.clause.direction
    if direction not in ("left", "right"):
        raise context.error("give the direction in which the body turns: to the left or to the right")
    sign = 1.0 if direction == "left" else -1.0
    return require(context.angle_constraint("trunk_turn", f"trunk turned {direction}", 30, 15, 25, 42, sign))


def tilt_trunk(context: ClauseContext) -> Meaning:
    """Tilt the shoulders sideways relative to the pelvis; in other directions, lean the trunk."""
    direction = context.clause.direction
    if direction not in ("left", "right"):
        return lean(context)
    sign = 1.0 if direction == "left" else -1.0
    return require(context.angle_constraint("trunk_tilt", f"trunk tilted {direction}", 18, 8, 15, 28, sign))


def straighten_trunk(context: ClauseContext) -> Meaning:
    """Make the trunk upright, with the shoulders above the pelvis."""
    held: list[Constraint] = [
        about("back straight", JointAngle("trunk_bend"), 0.0, "degrees", SPINE, 8.0),
        about("back not tilted", JointAngle("trunk_tilt"), 0.0, "degrees", SPINE, 6.0),
    ]
    if context.clause.verb != "keep":
        held.append(about("trunk upright", Lean("forward"), 0.0, "degrees", SPINE, 6.0))
        held.append(about("trunk upright sideways", Lean("left"), 0.0, "degrees", SPINE, 6.0))
    return require(*held, pelvis=context.clause.verb != "keep")


def tilt_head(context: ClauseContext, direction: str = "") -> Meaning:
    """Tilt or bend the head.

    Args:
        context: the clause and the current pose.
        direction: direction of the tilt; default: the clause's.

    Returns:
        The constraints, and the joints that may move.
    """
    direction = direction or context.clause.direction or "forward"
    if direction in ("left", "right"):
        sign = 1.0 if direction == "left" else -1.0
        return require(context.angle_constraint("head_tilt", f"head tilted {direction}", 20, 10, 18, 30, sign))
    sign = -1.0 if direction in ("backward", "up") else 1.0
    words = "head bent back" if sign < 0 else "head bent forward"
    return require(context.angle_constraint("head_bend", words, 28, 12, 20, 42, sign))


def turn_head(context: ClauseContext) -> Meaning:
    """Turn the head relative to the chest; up and down, change the gaze."""
    direction = context.clause.direction
    if direction not in ("left", "right"):
        if not direction:
            raise context.error("give the direction in which the head turns: to the left, up, ...")
        return look(context)
    sign = 1.0 if direction == "left" else -1.0
    return require(context.angle_constraint("head_turn", f"head turned {direction}", 42, 18, 30, 62, sign))


def straighten_head(context: ClauseContext) -> Meaning:
    """Align the head with the trunk."""
    measures = {"head_bend": 8.0, "head_tilt": 5.0}
    return require(
        *(
            about(f"{name.replace('_', ' ')} none", JointAngle(name), 0.0, "degrees", NECK, s)
            for name, s in measures.items()
        )
    )


def look(context: ClauseContext) -> Meaning:
    """Look in a direction, at a body part, or over a shoulder; the spine may help."""
    clause, direction = context.clause, context.clause.direction
    for relation in clause.relations:
        part = relation.parts[0]
        if part.name == "shoulder" and relation.preposition in ("above", "across", "to", "at"):
            side = part.sides(alone=True)[0]
            sign = 1.0 if side == "left" else -1.0
            heading = FacingHeading("face")
            over = at_least if sign > 0 else at_most
            return require(
                over(f"looking over the {side} shoulder", heading, 75.0 * sign, "degrees", (*NECK, *SPINE)),
                about("the gaze level", FacingElevation("face"), 0.0, "degrees", NECK, 15.0),
            )
        if part.name == "ground":
            direction = "down"
            continue
        point = _gaze_target(part)
        return require(
            at_most(f"looking at the {part.side} {part.name}".replace("  ", " "), Gaze(point), 10.0, "degrees", NECK),
            helping=SPINE,
        )
    level = FacingElevation("face")
    if direction in ("up", "down"):
        slope = context.amount(30.0, 15.0, 45.0, "degrees", 90.0)
        return require(
            about(
                f"looking {direction}", level, slope if direction == "up" else -slope, "degrees", NECK, _slack(context)
            ),
            helping=SPINE,
        )
    if direction in ("left", "right", "sideways"):
        sign = -1.0 if direction == "right" else 1.0
        far = sign * context.amount(50.0, 25.0, 80.0, "degrees", 135.0)
        return require(
            about(f"looking to the {direction}", FacingHeading("face"), far, "degrees", NECK, _slack(context)),
            about("the gaze level", level, 0.0, "degrees", NECK, 20.0),
            helping=SPINE,
        )
    if direction == "backward":
        return require(at_least("looking back", FacingHeading("face"), 80.0, "degrees", (*NECK, *SPINE)))
    return require(
        about("looking ahead", FacingHeading("face"), 0.0, "degrees", NECK, TOLERANCE),
        about("the gaze level", level, 0.0, "degrees", NECK, 8.0),
        helping=SPINE,
    )


def raise_head(context: ClauseContext, up: bool) -> Meaning:
    """Raise or lower the chin.

    Args:
        context: the clause and the current pose.
        up: whether to raise it.

    Returns:
        The constraints, and the joints that may move.
    """
    if context.clause.verb == "keep":
        return require(about("head up", FacingElevation("face"), 0.0, "degrees", NECK, 10.0))
    slope = context.amount(20.0, 10.0, 35.0, "degrees", 90.0)
    level = about(
        "head up" if up else "head down", FacingElevation("face"), slope if up else -slope, "degrees", NECK, TOLERANCE
    )
    return require(level, helping=SPINE[2:])


def shrug(context: ClauseContext, side: str) -> Meaning:
    """Raise a shoulder towards the ear, or lower it.

    Args:
        context: the clause and the current pose.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    down = context.clause.verb == "lower" or context.clause.direction == "down"
    measure, joints = JointAngle(f"{side}_shrug"), (f"{side}_collar",)
    if down:
        return require(at_most(f"{side} shoulder down", measure, 0.0, "degrees", joints))
    return require(
        at_least(f"{side} shoulder up", measure, 6.0 if is_slight(context.clause.extent) else 10.0, "degrees", joints)
    )


def retract_shoulder(context: ClauseContext, side: str) -> Meaning:
    """Draw a shoulder back or forward.

    Args:
        context: the clause and the current pose.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.
    """
    if context.clause.direction not in ("backward", "forward"):
        return shrug(context, side)
    sign = 1.0 if context.clause.direction == "backward" else -1.0
    words = f"{side} shoulder {context.clause.direction}"
    return require(context.angle_constraint(f"{side}_shoulder_retraction", words, 7, 4, 6, 12, sign))


def _gaze_target(part: Part) -> str:
    side = part.sides(alone=True)[0]
    points = {"foot": "sole", "toe": "toes", "hand": "palm", "palm": "palm", "arm": "forearm", "leg": "kneecap"}
    points |= {"knee": "kneecap", "shin": "shin", "thigh": "thigh", "forearm": "forearm", "upper arm": "upper_arm"}
    if part.name in points:
        return f"{side}_{points[part.name]}"
    if part.name in ("elbow", "wrist", "ankle", "hip"):
        return f"{side}_{part.name}"
    return part.name if part.name in ("belly", "chest") else f"{side}_sole"


def _slack(context: ClauseContext) -> float:
    return 0.0 if context.clause.extent.value is not None else TOLERANCE
