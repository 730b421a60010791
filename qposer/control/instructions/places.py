"""Constraints of clauses that place parts relative to other parts: put, hold, touch."""

from __future__ import annotations

from collections.abc import Iterator

from qposer.control.constraints import Constraint, about, at_least, at_most
from qposer.control.instructions.clauses import Part, Relation
from qposer.control.instructions.legs import raise_leg
from qposer.control.instructions.limb_constraints import ARM_PARTS, LEG_PARTS
from qposer.control.instructions.meaning import (
    BOTH_LEGS,
    SPINE,
    TOLERANCE,
    ClauseContext,
    Meaning,
    arm,
    flat_foot,
    is_slight,
    leg,
    other,
    require,
)
from qposer.control.instructions.part_points import (
    HAND,
    MIDDLE,
    PLACES_OF_PARTS,
    helping_joints,
    joints_moving,
    moving_point,
    target_point,
    with_side,
)
from qposer.control.measures import Balance, Distance, Height, JointAngle, Offset

_FRAMES = {"head": "head", "face": "head", "nose": "head", "chin": "head", "mouth": "head", "forehead": "head"}

_INSIDE = ("elbow", "shoulder", "wrist", "ankle")  # joints inside the body, a few centimetres below the skin


def related(context: ClauseContext, relation: Relation) -> Meaning:
    """Place the clause's parts relative to other parts.

    Args:
        context: the clause and the current pose.
        relation: the target place.

    Returns:
        The constraints, and the joints that may move.
    """
    meaning = Meaning()
    for part, side, place in _pairs(context, relation):
        point = moving_point(part, side)
        meaning += placed(context, part, side, point, relation, place)
        if place.name == "ground":
            continue
        helping, pelvis = helping_joints(place)
        meaning.helping |= helping if part.name in ARM_PARTS else helping & set(SPINE)
        meaning.pelvis |= pelvis and part.name in ARM_PARTS
    return meaning + standing_on(context, meaning.helping)


def standing_on(context: ClauseContext, helping: set[str]) -> Meaning:
    """Keep feet on the ground while their legs help.

    Args:
        context: the clause and the current pose.
        helping: joints that may move if necessary.

    Returns:
        The constraints, and the joints that may move.
    """
    meaning = Meaning()
    for side in ("left", "right"):
        if f"{side}_knee" in helping and context.value(Height(f"{side}_sole")) < 8.0:
            meaning += require(*flat_foot(side, ()), helping=[f"{side}_ankle"])
    return meaning


def _pairs(context: ClauseContext, relation: Relation) -> Iterator[tuple[Part, str, Part]]:
    """Each part and side of the clause with its target, on the same side if the target is paired."""
    movers = context.clause.parts or context.clause.instruments
    if not movers:
        raise context.error("name the part to place: 'put the left hand ...'", relation.span)
    for place in relation.parts:
        for part in movers:
            for side in part.sides():
                if place.name in PLACES_OF_PARTS and place.side in ("", "both"):
                    yield part, side, with_side(place, side)
                elif place.side == "other":
                    yield part, side, with_side(place, other(side))
                else:
                    yield part, side, place


def placed(context: ClauseContext, part: Part, side: str, point: str, relation: Relation, place: Part) -> Meaning:
    """Place a point of a part relative to another part.

    Args:
        context: the clause and the current pose.
        part: the body part.
        side: ``left`` or ``right``.
        point: name of the point.
        relation: the target place.
        place: the target part.

    Returns:
        The constraints, and the joints that may move.

    Raises:
        InstructionError: the preposition is not supported for this part.
    """
    preposition, joints = relation.preposition, joints_moving(part, side)
    place_words = f"{place.side} {place.name}".strip()
    words = f"{side} {part.name} {preposition} the {place_words}"
    if place.name == "ground":
        return _on_ground(context, part, side, preposition)
    if (part.name, place.name) == ("chin", "chest"):
        return require(at_least(words, JointAngle("head_bend"), 30.0, "degrees", joints), helping=SPINE)
    if preposition == "off":
        return _away(context, part, side, place)
    reference = target_point(context, place, preposition == "behind")
    if part.name in LEG_PARTS and place.name in LEG_PARTS and preposition in ("in front of", "behind"):
        direction = "forward" if preposition == "in front of" else "backward"
        stands = at_most(f"{side} foot on the ground", Height(f"{side}_sole"), 8.0, "cm", joints)
        ahead = at_least(words, Offset(f"{side}_ankle", f"{other(side)}_ankle", direction), 18.0, "cm", joints)
        return require(ahead, stands)
    frame = _FRAMES.get(place.name, "spine3" if place.name in ("chest", "torso", "shoulder", "back") else "world")
    wide = 20.0 if len(context.clause.parts[0].sides() if context.clause.parts else []) > 1 else 12.0
    if relative := _relative_position(preposition, words, point, reference, frame, joints, wide):
        return require(*relative)
    if preposition not in ("on", "at", "to", "across", "around", "by"):
        raise context.error(f"{preposition!r} does not describe a place", relation.span)
    if part.name in HAND and place.name in ("hip", "waist") and place.side in ("", side):
        return require(
            at_most(words, Distance(point, reference), 9.0, "cm", joints),
            at_least(f"{side} elbow out", Offset(f"{side}_elbow", f"{side}_shoulder", side), 8.0, "cm", joints),
        )
    near = _nearness(part, point, preposition, place, reference)
    held = [at_most(words, Distance(point, reference), near, "cm", joints)]
    if part.name in ARM_PARTS and place.name in ("knee", "thigh", "leg"):
        owner = reference.partition("_")[0]
        before = Offset(point, f"{owner}_knee", "forward", f"{owner}_hip")
        held.append(at_least(f"{side} {part.name} on the front of the leg", before, 1.0, "cm", joints))
    return require(*held)


def _relative_position(
    preposition: str, words: str, point: str, reference: str, frame: str, joints: tuple[str, ...], wide: float
) -> list[Constraint]:
    """Constraints for directional prepositions, such as "in front of" or "above"; empty for others."""
    if preposition == "in front of":
        return [
            Constraint(words, Offset(point, reference, "forward", frame), 6.0, 32.0, "cm", joints),
            about(f"{words}, not to the side", Offset(point, reference, "left", frame), 0.0, "cm", joints, wide),
            about(f"{words}, at its height", Offset(point, reference, "up", frame), 0.0, "cm", joints, 10.0),
        ]
    if preposition == "behind":
        return [
            at_least(words, Offset(point, reference, "backward", frame), -2.0, "cm", joints),
            at_most(f"{words}, close", Distance(point, reference), 16.0, "cm", joints),
        ]
    if preposition in ("above", "below"):
        direction = "up" if preposition == "above" else "down"
        return [
            Constraint(words, Offset(point, reference, direction), 7.0, 45.0, "cm", joints),
            about(f"{words}, not to the side", Offset(point, reference, "left"), 0.0, "cm", joints, wide + 5),
            about(f"{words}, not in front", Offset(point, reference, "forward"), 5.0, "cm", joints, 20.0),
        ]
    if preposition in ("left of", "right of"):
        return [Constraint(words, Offset(point, reference, preposition[:-3]), 8.0, 45.0, "cm", joints)]
    if preposition == "level with":
        return [about(words, Offset(point, reference, "up"), 0.0, "cm", joints, 2.0)]
    return []


def _nearness(part: Part, point: str, preposition: str, place: Part, reference: str) -> float:
    """Maximum distance in centimetres of a point from its target."""
    near = 12.0 if preposition in ("at", "around", "by") else 7.0
    if any(name in reference for name in _INSIDE) or any(name in point for name in _INSIDE):
        near += 4.0
    if part.name in ("knee", "thigh") and preposition == "to":
        near = 30.0
    if place.name in MIDDLE and len(part.sides()) > 1:
        near += 3.0
    if part.name in LEG_PARTS and part.name != "knee":
        near += 4.0
    return near


def _on_ground(context: ClauseContext, part: Part, side: str, preposition: str) -> Meaning:
    if preposition == "off":
        return raise_leg(context, Part("foot"), side)
    if part.name in LEG_PARTS:
        point = {"knee": "kneecap", "toe": "toes", "heel": "heel"}.get(part.name, "sole")
        low = at_most(f"{side} {part.name} on the ground", Height(f"{side}_{point}"), 6.0, "cm", leg(side))
        return require(low)
    if part.name not in HAND:
        raise context.error(f"the {part.name} cannot be put on the ground: use a hand, a knee or a foot")
    return hand_to_ground(side)


def hand_to_ground(side: str) -> Meaning:
    """Place a hand on the ground; knees and hips may bend, and the feet stay on the ground."""
    joints = (*arm(side), *SPINE, *BOTH_LEGS)
    return require(
        at_most(f"{side} hand on the ground", Height(f"{side}_fingers"), 4.0, "cm", joints),
        *(at_most(f"{s} foot on the ground", Height(f"{s}_sole"), 8.0, "cm", leg(s)) for s in ("left", "right")),
        at_most("in balance", Balance("left_sole", "right_sole"), 12.0, "cm", joints),
        pelvis=True,
    )


def _away(context: ClauseContext, part: Part, side: str, place: Part) -> Meaning:
    joints = joints_moving(part, side)
    if part.name in ARM_PARTS:
        measure = JointAngle(f"{side}_shoulder_elevation")
        value = context.value(measure) + (15.0 if is_slight(context.clause.extent) else 30.0)
        return require(about(f"{side} {part.name} away from the body", measure, value, "degrees", joints, TOLERANCE))
    measure_ = Distance(moving_point(part, side), target_point(context, place))
    far = context.value(measure_) + context.amount(15.0, 8.0, 30.0, "cm")
    return require(at_least(f"{side} {part.name} off the {place.name}", measure_, far, "cm", joints))


def touch(context: ClauseContext) -> Meaning:
    """Touch parts with a hand, or with the part that the clause names."""
    clause = context.clause
    toucher = clause.instruments or (Part("hand", "any"),)
    places = clause.parts or tuple(part for relation in clause.relations for part in relation.parts)
    if not places:
        raise context.error("say what to touch")
    if (
        not clause.instruments
        and len(places) == 1
        and len(places[0].sides()) == 2
        and places[0].name in PLACES_OF_PARTS
    ):
        toucher = (Part("hand", "both"),)
    meaning = Meaning()
    for part in toucher:
        for place in places:
            sides = [_touching_hand(context, place)] if part.side == "any" else part.sides()
            for side in sides:
                relation = Relation("on", (place,), place.span)
                point = f"{side}_fingers" if part.name in HAND else moving_point(part, side)
                target = place if place.side != "" or place.name not in PLACES_OF_PARTS else with_side(place, side)
                meaning += placed(context, part, side, point, relation, target)
                helping, pelvis = helping_joints(place) if place.name != "ground" else (set(), True)
                meaning.helping |= helping
                meaning.pelvis |= pelvis
    return meaning + standing_on(context, meaning.helping)


def _touching_hand(context: ClauseContext, place: Part) -> str:
    """Side of the hand that touches a place: the opposite side for a part of an arm, otherwise the right."""
    return other(place.side) if place.name in ARM_PARTS and place.side in ("left", "right") else "right"
