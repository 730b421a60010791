"""Constraints of clauses about directions of parts: moved, horizontal, vertical, hanging at the sides."""

from __future__ import annotations

from qposer.control.constraints import about, at_most
from qposer.control.instructions.arms import raise_arm
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.legs import raise_leg
from qposer.control.instructions.limb_constraints import ARM_PARTS, LEG_PARTS, shift, tip
from qposer.control.instructions.meaning import TOLERANCE, ClauseContext, Meaning, arm, require
from qposer.control.instructions.part_points import joints_moving
from qposer.control.measures import Elevation, JointAngle, Offset, Pointing


def move(context: ClauseContext) -> Meaning:
    """Move parts in a direction by a given or a default amount."""
    meaning, extent = Meaning(), context.clause.extent
    for part in context.clause.parts:
        for side in part.sides():
            direction = context.direction_for(side)
            if extent.unit == "cm" or (extent.amount and part.name in ("hand", "foot", "knee", "elbow", "wrist")):
                meaning += shift(context, tip(part.name, side), joints_moving(part, side), direction)
            elif part.name in ARM_PARTS:
                meaning += raise_arm(context, part, side)
            elif part.name in LEG_PARTS:
                meaning += raise_leg(context, part, side)
            else:
                raise context.error(f"the {part.name} cannot be moved: lean, turn or tilt it", part.span)
    return meaning


def orient_segment(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Make a limb segment horizontal or vertical.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.

    Raises:
        InstructionError: the part is not a limb segment.
    """
    ends = {
        **{"arm": ("shoulder", "wrist"), "hand": ("wrist", "fingers"), "palm": ("wrist", "fingers")},
        **{"forearm": ("elbow", "wrist"), "elbow": ("shoulder", "elbow"), "upper arm": ("shoulder", "elbow")},
        **{"leg": ("hip", "ankle"), "thigh": ("hip", "knee"), "shin": ("knee", "ankle"), "foot": ("heel", "toes")},
    }
    if part.name not in ends:
        raise context.error(f"the {part.name} cannot be horizontal or vertical: name an arm, a thigh, ...", part.span)
    start, end = (f"{side}_{name}" for name in ends[part.name])
    joints, words = joints_moving(part, side), f"{side} {part.name}"
    if "horizontal" in context.clause.states:
        flat = about(f"{words} horizontal", Elevation(start, end), 0.0, "degrees", joints, TOLERANCE)
        direction = context.direction_for(side)
        if direction in ("left", "right", "forward", "backward"):
            return require(
                flat, at_most(f"{words} {direction}", Pointing(start, end, direction), 18.0, "degrees", joints)
            )
        return require(flat)
    up = context.clause.direction == "up" or (part.name == "forearm" and context.clause.direction != "down")
    way = "up" if up else "down"
    return require(at_most(f"{words} vertical", Pointing(start, end, way), 10.0, "degrees", joints))


def arm_at_side(side: str) -> Meaning:
    """Let an arm hang at the side of the body."""
    joints = arm(side)
    return require(
        at_most(f"{side} arm hanging", JointAngle(f"{side}_shoulder_elevation"), 20.0, "degrees", joints),
        at_most(f"{side} hand next to the thigh", Offset(f"{side}_wrist", f"{side}_waist", "up"), 5.0, "cm", joints),
    )
