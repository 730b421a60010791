"""Readings of clauses about where parts are relative to others: put, hold, touch."""

from __future__ import annotations

from collections.abc import Iterator

from qposer.control.constraints import Constraint, about, at_least, at_most
from qposer.control.instructions.clauses import Part, Relation
from qposer.control.instructions.legs import raise_leg
from qposer.control.instructions.limb_constraints import ARM_PARTS, LEG_PARTS
from qposer.control.instructions.meaning import (
    BOTH_LEGS,
    LOOSE,
    SPINE,
    Meaning,
    Reading,
    arm,
    asks,
    flat_foot,
    leg,
    other,
    small,
)
from qposer.control.instructions.part_points import (
    HAND,
    MIDDLE,
    PLACES_OF_PARTS,
    helpers,
    joints_moving,
    mover,
    place_of,
    sided,
)
from qposer.control.measures import Balance, Distance, Height, JointAngle, Offset

_FRAMES = {"head": "head", "face": "head", "nose": "head", "chin": "head", "mouth": "head", "forehead": "head"}

_INSIDE = ("elbow", "shoulder", "wrist", "ankle")  # joints: the skin is a few centimetres away


def related(reading: Reading, relation: Relation) -> Meaning:
    """The clause's parts in a relation to others.

    Args:
        reading: the clause with the figure that it is said of.
        relation: what is said of the parts.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    meaning = Meaning()
    for part, side, place in _pairs(reading, relation):
        point = mover(part, side)
        meaning += placed(reading, part, side, point, relation, place)
        if place.name == "ground":
            continue
        helping, pelvis = helpers(place)
        meaning.helping |= helping if part.name in ARM_PARTS else helping & set(SPINE)
        meaning.pelvis |= pelvis and part.name in ARM_PARTS
    return meaning + standing_on(reading, meaning.helping)


def standing_on(reading: Reading, helping: set[str]) -> Meaning:
    """Feet that are on the ground stay there while their legs help.

    Args:
        reading: the clause with the figure that it is said of.
        helping: joints that move if need be.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    meaning = Meaning()
    for side in ("left", "right"):
        if f"{side}_knee" in helping and reading.value(Height(f"{side}_sole")) < 8.0:
            meaning += asks(*flat_foot(side, ()), helping=[f"{side}_ankle"])
    return meaning


def _pairs(reading: Reading, relation: Relation) -> Iterator[tuple[Part, str, Part]]:
    """Each part of the clause by its sides, with the place that belongs to it: that of its own side where both have."""
    movers = reading.clause.parts or reading.clause.company
    if not movers:
        raise reading.refuse("say what shall be there: 'put the left hand ...'", relation.span)
    for place in relation.parts:
        for part in movers:
            for side in part.sides():
                if place.name in PLACES_OF_PARTS and place.side in ("", "both"):
                    yield part, side, sided(place, side)
                elif place.side == "other":
                    yield part, side, sided(place, other(side))
                else:
                    yield part, side, place


def placed(reading: Reading, part: Part, side: str, point: str, relation: Relation, place: Part) -> Meaning:
    """A point of a part in a relation to a place.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.
        point: name of the point.
        relation: what is said of the parts.
        place: the part that it is placed at.

    Returns:
        The constraints of the clause, and the joints that may move for them.

    Raises:
        InstructionError: the preposition names no place of this part.
    """
    preposition, joints = relation.preposition, joints_moving(part, side)
    told = f"{place.side} {place.name}".strip()
    words = f"{side} {part.name} {preposition} the {told}"
    if place.name == "ground":
        return _on_ground(reading, part, side, preposition)
    if (part.name, place.name) == ("chin", "chest"):
        return asks(at_least(words, JointAngle("head_bend"), 30.0, "degrees", joints), helping=SPINE)
    if preposition == "off":
        return _away(reading, part, side, place)
    reference = place_of(reading, place, preposition == "behind")
    if part.name in LEG_PARTS and place.name in LEG_PARTS and preposition in ("in front of", "behind"):
        direction = "forward" if preposition == "in front of" else "backward"
        stands = at_most(f"{side} foot on the ground", Height(f"{side}_sole"), 8.0, "cm", joints)
        ahead = at_least(words, Offset(f"{side}_ankle", f"{other(side)}_ankle", direction), 18.0, "cm", joints)
        return asks(ahead, stands)
    frame = _FRAMES.get(place.name, "spine3" if place.name in ("chest", "torso", "shoulder", "back") else "world")
    wide = 20.0 if len(reading.clause.parts[0].sides() if reading.clause.parts else []) > 1 else 12.0
    if beside := _beside(preposition, words, point, reference, frame, joints, wide):
        return asks(*beside)
    if preposition not in ("on", "at", "to", "across", "around", "by"):
        raise reading.refuse(f"{preposition!r} is not a place to put something", relation.span)
    if part.name in HAND and place.name in ("hip", "waist") and place.side in ("", side):
        return asks(
            at_most(words, Distance(point, reference), 9.0, "cm", joints),
            at_least(f"{side} elbow out", Offset(f"{side}_elbow", f"{side}_shoulder", side), 8.0, "cm", joints),
        )
    near = _nearness(part, point, preposition, place, reference)
    held = [at_most(words, Distance(point, reference), near, "cm", joints)]
    if part.name in ARM_PARTS and place.name in ("knee", "thigh", "leg"):
        owner = reference.partition("_")[0]
        before = Offset(point, f"{owner}_knee", "forward", f"{owner}_hip")
        held.append(at_least(f"{side} {part.name} on the front of the leg", before, 1.0, "cm", joints))
    return asks(*held)


def _beside(
    preposition: str, words: str, point: str, reference: str, frame: str, joints: tuple[str, ...], wide: float
) -> list[Constraint]:
    """A point in front of, behind, above, below, left or right of another, or level with it; else nothing."""
    if preposition == "in front of":
        return [
            Constraint(words, Offset(point, reference, "forward", frame), 6.0, 32.0, "cm", joints),
            about(f"{words}, not beside", Offset(point, reference, "left", frame), 0.0, "cm", joints, wide),
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
            about(f"{words}, not beside", Offset(point, reference, "left"), 0.0, "cm", joints, wide + 5),
            about(f"{words}, not in front", Offset(point, reference, "forward"), 5.0, "cm", joints, 20.0),
        ]
    if preposition in ("left of", "right of"):
        return [Constraint(words, Offset(point, reference, preposition[:-3]), 8.0, 45.0, "cm", joints)]
    if preposition == "level with":
        return [about(words, Offset(point, reference, "up"), 0.0, "cm", joints, 2.0)]
    return []


def _nearness(part: Part, point: str, preposition: str, place: Part, reference: str) -> float:
    """Centimetres within which a point counts as at a place."""
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


def _on_ground(reading: Reading, part: Part, side: str, preposition: str) -> Meaning:
    if preposition == "off":
        return raise_leg(reading, Part("foot"), side)
    if part.name in LEG_PARTS:
        point = {"knee": "kneecap", "toe": "toes", "heel": "heel"}.get(part.name, "sole")
        low = at_most(f"{side} {part.name} on the ground", Height(f"{side}_{point}"), 6.0, "cm", leg(side))
        return asks(low)
    if part.name not in HAND:
        raise reading.refuse(f"how to put the {part.name} on the ground is not known: a hand, a knee or a foot can be")
    return to_the_ground(side)


def to_the_ground(side: str) -> Meaning:
    """A hand on the ground, knees and hips bending as they must, the feet staying there."""
    joints = (*arm(side), *SPINE, *BOTH_LEGS)
    return asks(
        at_most(f"{side} hand on the ground", Height(f"{side}_fingers"), 4.0, "cm", joints),
        *(at_most(f"{s} foot on the ground", Height(f"{s}_sole"), 8.0, "cm", leg(s)) for s in ("left", "right")),
        at_most("in balance", Balance("left_sole", "right_sole"), 12.0, "cm", joints),
        pelvis=True,
    )


def _away(reading: Reading, part: Part, side: str, place: Part) -> Meaning:
    joints = joints_moving(part, side)
    if part.name in ARM_PARTS:
        measure = JointAngle(f"{side}_shoulder_elevation")
        value = reading.value(measure) + (15.0 if small(reading.clause.extent) else 30.0)
        return asks(about(f"{side} {part.name} away from the body", measure, value, "degrees", joints, LOOSE))
    measure_ = Distance(mover(part, side), place_of(reading, place))
    far = reading.value(measure_) + reading.amount(15.0, 8.0, 30.0, "cm")
    return asks(at_least(f"{side} {part.name} off the {place.name}", measure_, far, "cm", joints))


def touch(reading: Reading) -> Meaning:
    """Touch parts with a hand, or with what the clause names."""
    clause = reading.clause
    toucher = clause.company or (Part("hand", "any"),)
    places = clause.parts or tuple(part for relation in clause.relations for part in relation.parts)
    if not places:
        raise reading.refuse("say what to touch")
    if not clause.company and len(places) == 1 and len(places[0].sides()) == 2 and places[0].name in PLACES_OF_PARTS:
        toucher = (Part("hand", "both"),)
    meaning = Meaning()
    for part in toucher:
        for place in places:
            sides = [_touching_hand(reading, place)] if part.side == "any" else part.sides()
            for side in sides:
                relation = Relation("on", (place,), place.span)
                point = f"{side}_fingers" if part.name in HAND else mover(part, side)
                target = place if place.side != "" or place.name not in PLACES_OF_PARTS else sided(place, side)
                meaning += placed(reading, part, side, point, relation, target)
                helping, pelvis = helpers(place) if place.name != "ground" else (set(), True)
                meaning.helping |= helping
                meaning.pelvis |= pelvis
    return meaning + standing_on(reading, meaning.helping)


def _touching_hand(reading: Reading, place: Part) -> str:
    """The hand that touches a place: the other one of a hand's own side, the right one else."""
    return other(place.side) if place.name in ARM_PARTS and place.side in ("left", "right") else "right"
