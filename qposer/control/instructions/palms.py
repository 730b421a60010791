"""Constraints of clauses about palms: turned in a direction, to a part of the body, or to each other."""

from __future__ import annotations

from qposer.control.constraints import Constraint, at_most
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.meaning import ClauseContext, Meaning, other, require
from qposer.control.instructions.part_points import PLACES_OF_PARTS, target_point, with_side
from qposer.control.measures import Facing, FacingPoint, Supination, WristTwist

FACING = 18.0
"""Maximum angle between a palm and its direction, degrees."""

SUPINATION = (-50.0, 110.0)
"""Range of the forearm's twist from the T-pose, in which it is pronated by 30 degrees from the middle, degrees."""

UNEVEN = 15.0
"""Maximum deviation of the wrist from its share of the forearm's twist, degrees."""


def turn_palm(context: ClauseContext, part: Part, side: str) -> Meaning:
    """Turn a palm in a direction, to a part of the body, or to the other palm.

    Args:
        context: the clause and the current pose.
        part: the hand, palm, wrist or forearm.
        side: ``left`` or ``right``.

    Returns:
        The constraints, and the joints that may move.

    Raises:
        InstructionError: there is no direction, or the part cannot face another.
    """
    direction, places = context.direction_for(side), [p for r in context.clause.relations for p in r.parts]
    if not direction and [place.name for place in places] == ["ground"]:
        direction = "down"
    joints, words = (f"{side}_wrist",), f"{side} palm facing"
    if direction:
        return _turned(
            side, at_most(f"{words} {direction}", Facing(f"{side}_palm", direction), FACING, "degrees", joints)
        )
    if {"face to face", "together"} & set(context.clause.states):
        if part.name not in ("hand", "palm"):
            raise context.error(f"the {part.name} cannot face another: palms can", part.span)
        measure = FacingPoint(f"{side}_palm", f"{other(side)}_palm")
        return _turned(side, at_most(f"{words} the other", measure, FACING, "degrees", joints))
    if not places:
        raise context.error("give the direction of the palms: up, down, forward, backward, inwards or outwards")
    place = places[0]
    paired = place.name in PLACES_OF_PARTS and not place.side
    measure = FacingPoint(f"{side}_palm", target_point(context, with_side(place, side) if paired else place))
    return _turned(side, at_most(f"{words} the {place.name}", measure, FACING, "degrees", joints))


def _turned(side: str, facing: Constraint) -> Meaning:
    """A palm turned by the forearm within its range; elbow and wrist share the twist, and the arm moves little."""
    joints = facing.joints
    return require(
        facing,
        Constraint(f"{side} forearm within its range of rotation", Supination(side), *SUPINATION, "degrees", joints),
        Constraint(f"{side} wrist twisted with the forearm", WristTwist(side), -UNEVEN, UNEVEN, "degrees", joints),
        helping=[f"{side}_elbow", f"{side}_shoulder"],
    )
