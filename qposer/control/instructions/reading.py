"""From clauses to constraints: which reading a verb and its parts have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qposer.body_pose.posed_skeleton import PosedSkeleton
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.constraints import at_most
from qposer.control.edits import joints_of
from qposer.control.instructions import arms, directions, legs, limbs, pairs, places, trunk
from qposer.control.instructions.clauses import Clause, Part
from qposer.control.instructions.limb_constraints import ARM_PARTS, LEG_PARTS, at_level
from qposer.control.instructions.meaning import BOTH_LEGS, NECK, SPINE, Meaning, Reading, arm, asks, leg
from qposer.control.instructions.stances import STANCES
from qposer.control.measures import Kept


def put(reading: Reading) -> Meaning:
    """Parts at places: relations, heights, directions, together, apart."""
    clause, meaning = reading.clause, Meaning()
    for relation in clause.relations:
        meaning += places.related(reading, relation)
    if "together" in clause.states:
        meaning += pairs.together(reading)
    elif "apart" in clause.states:
        meaning += pairs.apart(reading)
    for part in clause.parts:
        for side in part.sides():
            if clause.level and part.name in (*ARM_PARTS, *LEG_PARTS):
                meaning += asks(at_level(reading, part.name, side), helping=SPINE if part.name in ARM_PARTS else ())
            if "at the sides" in clause.states and part.name in ARM_PARTS:
                meaning += directions.at_the_sides(side)
            if "horizontal" in clause.states or "vertical" in clause.states:
                meaning += directions.levelled(reading, part, side)
    if clause.direction and not clause.states and not clause.relations and not clause.level:
        meaning += directions.moved(reading)
    return meaning


OfPart = Callable[[Reading, Part, str], Meaning]

_ARM: dict[str, OfPart] = {
    "raise": arms.raise_arm,
    "lower": arms.lower_arm,
    "bend": limbs.bend_limb,
    "straighten": limbs.straighten_limb,
    "stretch": limbs.stretch_limb,
    "reach": arms.reach,
    "point": limbs.point_limb,
    "turn": arms.turn_arm,
    "look": arms.turn_arm,
    "tilt": limbs.bend_limb,
}
_LEG: dict[str, OfPart] = {
    "raise": legs.raise_leg,
    "lower": legs.lower_leg,
    "bend": limbs.bend_limb,
    "straighten": limbs.straighten_limb,
    "stretch": limbs.stretch_limb,
    "point": limbs.point_limb,
    "turn": legs.turn_leg,
    "tilt": limbs.bend_limb,
    "look": legs.turn_leg,
}
_TRUNK: dict[str, Callable[[Reading], Meaning]] = {
    "bend": trunk.lean,
    "lean": trunk.lean,
    "lower": trunk.lean,
    "turn": trunk.turn_trunk,
    "tilt": trunk.tilt_trunk,
    "straighten": trunk.straighten_trunk,
    "stretch": trunk.straighten_trunk,
    "raise": trunk.straighten_trunk,
    "arch": trunk.arch,
    "look": trunk.turn_trunk,
}
_HEAD: dict[str, Callable[[Reading], Meaning]] = {
    "raise": lambda reading: trunk.raise_head(reading, up=True),
    "lower": lambda reading: trunk.raise_head(reading, up=False),
    "bend": trunk.tilt_head,
    "lean": trunk.tilt_head,
    "tilt": trunk.tilt_head,
    "turn": trunk.turn_head,
    "look": trunk.turn_head,
    "straighten": trunk.straighten_head,
    "stretch": trunk.straighten_head,
    "point": trunk.look,
}
_WHOLE: dict[str, Callable[[Reading], Meaning]] = {
    "put": put,
    "touch": places.touch,
    "cross": pairs.cross,
    "spread": pairs.apart,
    "close": pairs.together,
    "clasp": pairs.clasp,
    "cover": pairs.cover,
    "lean": trunk.lean,
    "bow": trunk.bow,
    "arch": trunk.arch,
    "look": trunk.look,
    "nod": lambda reading: trunk.tilt_head(reading, "forward"),
    **STANCES,
}

_ALONE = ("reach", "point", "kick", "step", "wave", "salute")
"""Verbs that, of parts in pairs without a side, mean one."""


def meaning_of(clause: Clause, now: PosedSkeleton, text: str) -> Meaning:
    """The constraints of a clause, said of a figure.

    Args:
        clause: a parsed clause.
        now: the body as it stands.
        text: the instruction, for messages.

    Returns:
        The constraints, and the joints that may move for them.

    Raises:
        InstructionError: the clause cannot be followed.
    """
    reading = Reading(clause, now, text)
    meaning = _read(reading)
    for beside in clause.beside:
        if clause.verb in STANCES and beside.directions and not beside.states:
            continue  # "a lunge with the left leg in front": the stance has looked at it
        meaning += meaning_of(beside, now, text)
    if clause.verb in STANCES and not clause.parts:
        if "together" in clause.states:
            meaning += pairs.together(replace(reading, clause=replace(clause, parts=(Part("foot", "both"),))))
        if "apart" in clause.states:
            meaning += pairs.apart(replace(reading, clause=replace(clause, parts=(Part("foot", "both"),))))
    return meaning


def _read(reading: Reading) -> Meaning:
    clause = reading.clause
    if clause.verb == "be":
        return _statement(reading)
    if clause.verb == "keep":
        return _keep(reading)
    if clause.verb == "raise" and clause.relations and not clause.level:
        off = clause.relations[0].preposition == "off"
        if not (off and clause.parts and clause.parts[0].name in LEG_PARTS):
            return put(reading)
    if clause.verb in ("lower", "bend", "stretch", "reach", "turn", "point") and clause.relations:
        return _towards(reading)
    if clause.verb in STANCES:
        _refuse_other_places(reading)
    if clause.verb == "bend" and not clause.parts:
        return trunk.lean(reading) if clause.direction or not clause.done else trunk.lean(reading, 40.0)
    if clause.verb == "shrug":
        return _each(reading, (Part("shoulder", "both"),))
    if clause.verb in _WHOLE and not (clause.verb in ("look", "lean", "arch") and clause.parts):
        return _WHOLE[clause.verb](reading)
    parts = clause.parts or clause.company
    if not parts:
        if clause.verb in ("turn", "tilt", "straighten"):
            return _TRUNK[clause.verb](reading)
        if clause.verb in ("reach", "point", "stretch"):
            return _each(reading, (Part("arm", "any" if clause.verb != "stretch" else "both"),))
        raise reading.refuse(f"say what to {clause.verb}: 'the left arm', 'both knees', ...")
    return _each(reading, parts)


def _refuse_other_places(reading: Reading) -> None:
    """Stances are on the ground, or on the legs that are told."""
    clause = reading.clause
    known = ("ground", "buttock") if clause.verb in ("sit", "squat", "crouch") else ("ground", *LEG_PARTS)
    for relation in clause.relations:
        for part in relation.parts:
            if part.name not in known:
                verb, where = clause.verb, f"{relation.preposition} the {part.name}"
                raise reading.refuse(f"how to {verb} {where} is not known", part.span)


def _each(reading: Reading, parts: tuple[Part, ...]) -> Meaning:
    """The meanings of the clause for each of its parts, and each side of them."""
    clause, meaning = reading.clause, Meaning()
    for part in parts:
        name, verb = part.name, clause.verb
        if name == "shoulder" and verb in ("raise", "lower", "shrug"):
            for side in part.sides():
                meaning += trunk.shrug(reading, side)
        elif name in ARM_PARTS and verb in _ARM:
            for side in part.sides(alone=verb in _ALONE):
                meaning += _ARM[verb](reading, part, side)
        elif name in ("hip", "waist") and verb == "turn" and not part.side:
            meaning += trunk.turn_trunk(reading)
        elif name in LEG_PARTS and verb in _LEG:
            for side in part.sides(alone=verb in _ALONE):
                meaning += _LEG[verb](reading, part, side)
        elif name in trunk.HEAD_PARTS and verb in _HEAD:
            meaning += _HEAD[verb](reading)
        elif name in trunk.TRUNK_PARTS and verb in _TRUNK:
            meaning += _TRUNK[verb](reading)
        else:
            raise reading.refuse(f"how to {verb} the {name} is not known", part.span)
    return meaning


def _towards(reading: Reading) -> Meaning:
    """Limbs brought to a place by verbs that tell how: reach, bend, stretch, turn."""
    clause = reading.clause
    if clause.verb == "bend" and not clause.parts:
        return trunk.lean(reading, 40.0)
    if clause.verb == "turn":
        return _each(reading, clause.parts) if clause.parts else trunk.turn_trunk(reading)
    if any(part.name in trunk.HEAD_PARTS for part in clause.parts):
        return put(reading)
    parts = clause.parts or clause.company or (Part("hand", "any"),)
    ground = [part for relation in clause.relations for part in relation.parts if part.name == "ground"]
    if ground and clause.verb == "point":
        return _each(replace(reading, clause=replace(clause, directions=("down",), relations=())), parts)
    return put(replace(reading, clause=replace(clause, parts=parts, company=(), directions=())))


def _statement(reading: Reading) -> Meaning:
    """What parts are, or shall be: "the left knee is bent", "hands on hips", "head down"."""
    clause = reading.clause
    for done in clause.done:
        rest = tuple(d for d in clause.done if d != done)
        return _read(replace(reading, clause=replace(clause, verb=done, done=rest)))
    first = clause.parts[0].name if clause.parts else ""
    if clause.relations or clause.level or clause.states:
        return put(reading)
    direction = clause.direction
    if first == "shoulder" and direction:
        meaning = Meaning()
        for side in clause.parts[0].sides():
            meaning += trunk.draw_shoulder(reading, side)
        return meaning
    if first in ("palm",):
        return _read(replace(reading, clause=replace(clause, verb="turn")))
    if first in trunk.HEAD_PARTS:
        verb = {"up": "raise", "down": "lower"}.get(direction, "turn" if direction in ("left", "right") else "tilt")
        return _read(replace(reading, clause=replace(clause, verb=verb)))
    if first in trunk.TRUNK_PARTS and first != "hip":
        return trunk.lean(reading)
    if first == "toe" or (first == "foot" and direction in ("left", "right", "outward", "inward")):
        return _read(replace(reading, clause=replace(clause, verb="point")))
    if direction == "down":
        return _read(replace(reading, clause=replace(clause, verb="lower")))
    if direction:
        return _read(replace(reading, clause=replace(clause, verb="raise")))
    if clause.extent != type(clause.extent)():
        return _read(replace(reading, clause=replace(clause, verb="bend")))
    raise reading.refuse("say how it shall be: bent, straight, up, on the head, ...")


def _keep(reading: Reading) -> Meaning:
    """Parts that must not change, or that stay as told."""
    clause, now = reading.clause, reading.now
    parts = clause.parts or clause.company
    if clause.done or clause.relations or clause.directions or set(clause.states) - {"still"}:
        if clause.done and any(part.name in ("back", "torso", "body") for part in parts):
            return trunk.straighten_trunk(reading)
        if any(part.name in trunk.HEAD_PARTS for part in parts) and clause.directions:
            return trunk.raise_head(reading, up=clause.direction != "down")
        return _statement(replace(reading, clause=replace(clause, verb="be")))
    if not parts:
        raise reading.refuse("say what to keep still")
    meaning = Meaning()
    for part in parts:
        joints = tuple(sorted(_joints_of(part)))
        words = f"{part.side} {part.name} kept still".strip()
        meaning += Meaning([at_most(words, Kept(now.local, joints), 3.0, "degrees", joints)], still=set(joints))
    return meaning


def _joints_of(part: Part) -> set[str]:
    """Body joints of a part."""
    if part.name in ARM_PARTS:
        return {joint for side in part.sides() for joint in arm(side)}
    if part.name in ("foot", "heel", "toe"):
        return {joint for side in part.sides() for joint in leg(side)[2:]}
    if part.name in LEG_PARTS:
        return {joint for side in part.sides() for joint in leg(side)}
    if part.name in trunk.HEAD_PARTS:
        return set(NECK)
    if part.name == "torso":
        return {*SPINE}
    if part.name == "body":
        return {BODY_JOINT_NAMES[j] for j in joints_of(["upper_body", "lower_body"])}
    return {*SPINE} if part.name in trunk.TRUNK_PARTS else {*BOTH_LEGS}
