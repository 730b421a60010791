"""Constraints of clauses about left and right parts together: cross, close, spread, clasp, cover."""

from __future__ import annotations

from qposer.control.constraints import Constraint, about, at_least, at_most
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.limb_constraints import LEG_PARTS
from qposer.control.instructions.meaning import NECK, SPINE, ClauseContext, Meaning, arm, is_slight, leg, other, require
from qposer.control.instructions.part_points import (
    HAND,
    MOVERS,
    PLACES_OF_PARTS,
    helping_joints,
    joints_moving,
    moving_point,
    target_point,
    with_side,
)
from qposer.control.instructions.places import placed
from qposer.control.measures import Distance, Height, JointAngle, Offset, Pointing


def cross(context: ClauseContext) -> Meaning:
    """Cross arms or wrists, legs or ankles."""
    clause = context.clause
    part = (clause.parts or (Part("arm"),))[0]
    if part.name in LEG_PARTS:
        over = part.side if part.side in ("left", "right") else "right"
        under = other(over)
        joints = (*leg(over), *leg(under))
        sign = "left" if over == "left" else "right"
        crossed = Offset(f"{over}_ankle", f"{under}_ankle", other(sign))
        return require(
            at_least("ankles crossed", crossed, 6.0, "cm", joints),
            at_least(f"{over} leg in front", Offset(f"{over}_ankle", f"{under}_ankle", "forward"), 6.0, "cm", joints),
        )
    joints = (*arm("left"), *arm("right"))
    held = [
        at_least("wrists crossed", Offset("left_wrist", "right_wrist", "right", "spine3"), 8.0, "cm", joints),
        at_most("forearms close", Distance("left_forearm", "right_forearm"), 24.0, "cm", joints),
    ]
    places = [place for relation in clause.relations for place in relation.parts]
    if places and clause.relations[0].preposition == "above":
        held[1] = at_most("wrists close", Distance("left_wrist", "right_wrist"), 20.0, "cm", joints)
        held += [
            at_least(
                f"{s} wrist above the {places[0].name}",
                Offset(f"{s}_wrist", target_point(context, places[0]), "up"),
                6.0,
                "cm",
                arm(s),
            )
            for s in ("left", "right")
        ]
        return require(*held, helping=SPINE)
    place = target_point(context, places[0]) if places else "chest"
    for side in ("left", "right"):
        wrist = f"{side}_wrist"
        held += [
            Constraint(
                f"{side} forearm in front of the body",
                Offset(wrist, place, "forward", "spine3"),
                3.0,
                25.0,
                "cm",
                arm(side),
            ),
            about(f"{side} wrist at its height", Offset(wrist, place, "up", "spine3"), -8.0, "cm", arm(side), 12.0),
        ]
    return require(*held)


def together(context: ClauseContext) -> Meaning:
    """Bring left and right parts together."""
    meaning = Meaning()
    near = {"hand": 9.0, "palm": 8.0, "arm": 9.0, "wrist": 10.0, "foot": 20.0, "ankle": 18.0, "leg": 20.0, "knee": 20.0}
    for part in context.clause.parts or context.clause.instruments:
        name = part.name
        if name not in MOVERS:
            raise context.error(f"the {name} is not a pair that can be brought together", part.span)
        ends = (
            ("left_ankle", "right_ankle")
            if name in ("foot", "leg")
            else (moving_point(part, "left"), moving_point(part, "right"))
        )
        joints = (*joints_moving(part, "left"), *joints_moving(part, "right"))
        held = [at_most(f"{name}s together", Distance(*ends), near.get(name, 18.0), "cm", joints)]
        if name in HAND and not context.clause.relations:
            held.append(
                at_least("in front of the body", Offset(ends[0], "spine3", "forward", "spine3"), 15.0, "cm", joints)
            )
        if name in ("foot", "leg"):
            held.append(about("side by side", Offset(*ends, "forward"), 0.0, "cm", joints, 4.0))
        meaning += require(*held)
    return meaning


def apart(context: ClauseContext) -> Meaning:
    """Move left and right parts apart."""
    clause, extent, meaning = context.clause, context.clause.extent, Meaning()
    for part in clause.parts or clause.instruments or (Part("leg"),):
        name = part.name
        joints = (*joints_moving(part, "left"), *joints_moving(part, "right"))
        if name in ("arm", "upper arm"):
            for side in part.sides():
                if extent.value is not None or is_slight(extent) or extent.amount == "halfway":
                    meaning += require(
                        context.angle_constraint(f"{side}_shoulder_abduction", f"{side} arm spread", 85, 35, 50, 90)
                    )
                    continue
                outward = Pointing(f"{side}_shoulder", f"{side}_wrist", side)
                meaning += require(at_most(f"{side} arm out to the side", outward, 18.0, "degrees", arm(side)))
            continue
        if extent.unit == "degrees":
            half = (extent.value or 0.0) / 2
            if not 0 <= half <= 60:
                raise context.error(f"legs can be spread by 0 to 120 degrees, not {extent.value:g}", extent.span)
            for side in ("left", "right"):
                measure = JointAngle(f"{side}_hip_abduction")
                meaning += require(about(f"{side} leg spread", measure, half, "degrees", leg(side)))
            continue
        ends = (
            ("left_ankle", "right_ankle")
            if name in ("foot", "leg")
            else (moving_point(part, "left"), moving_point(part, "right"))
        )
        typical = {"foot": 55.0, "leg": 65.0, "ankle": 55.0, "knee": 45.0, "hand": 60.0, "elbow": 70.0}.get(name, 40.0)
        far = context.amount(typical, 0.6 * typical, 1.45 * typical, "cm")
        bound = about if extent.value is not None else at_least
        meaning += require(bound(f"{name}s {far:.0f} cm apart", Distance(*ends), far, "cm", joints))
        if name in ("foot", "leg"):
            meaning += require(about("side by side", Offset(*ends, "forward"), 0.0, "cm", joints, 10.0))
            for side in ("left", "right"):
                low = at_most(f"{side} foot on the ground", Height(f"{side}_sole"), 6.0, "cm", leg(side))
                meaning += require(low)
    return meaning


def clasp(context: ClauseContext) -> Meaning:
    """Clasp the hands, by default in front of the body."""
    joints = (*arm("left"), *arm("right"))
    meaning = require(at_most("hands clasped", Distance("left_palm", "right_palm"), 9.0, "cm", joints))
    hands = Part("hand", "both")
    if not context.clause.relations:
        ahead = Offset("left_palm", "spine3", "forward", "spine3")
        return Meaning([*meaning.constraints, at_least("in front of the body", ahead, 14.0, "cm", joints)])
    for relation in context.clause.relations:
        for place in relation.parts:
            for side in hands.sides():
                meaning += placed(context, hands, side, f"{side}_palm", relation, place)
                meaning.helping |= helping_joints(place)[0]
    return meaning


def cover(context: ClauseContext) -> Meaning:
    """Cover parts of the face with the hands."""
    meaning = Meaning()
    for place in context.clause.parts:
        for part in context.clause.instruments or (Part("hand", "both"),):
            for side in part.sides():
                target = {"face": f"{side}_cheek"}.get(place.name) or target_point(
                    context, with_side(place, side) if place.name in PLACES_OF_PARTS and not place.side else place
                )
                words = f"{side} hand in front of the {place.name}"
                meaning += require(
                    at_most(words, Distance(f"{side}_palm", target), 10.0, "cm", arm(side)), helping=(*NECK, *SPINE)
                )
    return meaning
