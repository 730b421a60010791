"""From clauses to constraints: dispatch by verb and body part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qposer.body_pose.posed_skeleton import PosedSkeleton
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.constraints import at_most
from qposer.control.edits import joints_of
from qposer.control.instructions import arms, directions, legs, limbs, pairs, palms, places, trunk
from qposer.control.instructions.clauses import Clause, Part
from qposer.control.instructions.limb_constraints import ARM_PARTS, LEG_PARTS, at_level
from qposer.control.instructions.meaning import BOTH_LEGS, NECK, SPINE, ClauseContext, Meaning, arm, leg, require
from qposer.control.instructions.stances import STANCES
from qposer.control.measures import RotationChange


def put(context: ClauseContext) -> Meaning:
    """Place parts: relations, heights, directions, together, apart."""
    clause, meaning = context.clause, Meaning()
    for relation in clause.relations:
        meaning += places.related(context, relation)
    if "together" in clause.states:
        meaning += pairs.together(context)
    elif "apart" in clause.states:
        meaning += pairs.apart(context)
    for part in clause.parts:
        for side in part.sides():
            if "face to face" in clause.states:
                meaning += palms.turn_palm(context, part, side)
            if clause.level and part.name in (*ARM_PARTS, *LEG_PARTS):
                meaning += require(at_level(context, part.name, side), helping=SPINE if part.name in ARM_PARTS else ())
            if "at the sides" in clause.states and part.name in ARM_PARTS:
                meaning += directions.arm_at_side(side)
            if "horizontal" in clause.states or "vertical" in clause.states:
                meaning += directions.orient_segment(context, part, side)
    if clause.direction and not clause.states and not clause.relations and not clause.level:
        meaning += directions.move(context)
    return meaning


OfPart = Callable[[ClauseContext, Part, str], Meaning]

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
_TRUNK: dict[str, Callable[[ClauseContext], Meaning]] = {
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
_HEAD: dict[str, Callable[[ClauseContext], Meaning]] = {
    "raise": lambda context: trunk.raise_head(context, up=True),
    "lower": lambda context: trunk.raise_head(context, up=False),
    "bend": trunk.tilt_head,
    "lean": trunk.tilt_head,
    "tilt": trunk.tilt_head,
    "turn": trunk.turn_head,
    "look": trunk.turn_head,
    "straighten": trunk.straighten_head,
    "stretch": trunk.straighten_head,
    "point": trunk.look,
}
_WHOLE: dict[str, Callable[[ClauseContext], Meaning]] = {
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
    "nod": lambda context: trunk.tilt_head(context, "forward"),
    **STANCES,
}

_ALONE = ("reach", "point", "kick", "step", "wave", "salute")
"""Verbs that apply to only one of a pair if no side is given."""


def meaning_of(clause: Clause, now: PosedSkeleton, text: str) -> Meaning:
    """The constraints of a clause for the current pose.

    Args:
        clause: a parsed clause.
        now: the current posed skeleton.
        text: the instruction, for messages.

    Returns:
        The constraints, and the joints that may move for them.

    Raises:
        InstructionError: the clause cannot be followed.
    """
    context = ClauseContext(clause, now, text)
    meaning = _interpret(context)
    for attached in clause.attached:
        palms_turned = any(part.name == "palm" for part in attached.parts)
        if clause.verb in STANCES and attached.directions and not attached.states and not palms_turned:
            continue  # "a lunge with the left leg in front": used by the stance
        meaning += meaning_of(attached, now, text)
    if clause.verb in STANCES and not clause.parts:
        if "together" in clause.states:
            meaning += pairs.together(replace(context, clause=replace(clause, parts=(Part("foot", "both"),))))
        if "apart" in clause.states:
            meaning += pairs.apart(replace(context, clause=replace(clause, parts=(Part("foot", "both"),))))
    return meaning


def _interpret(context: ClauseContext) -> Meaning:
    clause = context.clause
    if clause.verb == "be":
        return _statement(context)
    if clause.verb == "keep":
        return _keep(context)
    if clause.verb == "raise" and clause.relations and not clause.level:
        off = clause.relations[0].preposition == "off"
        if not (off and clause.parts and clause.parts[0].name in LEG_PARTS):
            return put(context)
    if clause.verb in ("lower", "bend", "stretch", "reach", "turn", "point") and clause.relations:
        return _towards(context)
    if clause.verb in STANCES:
        _check_places(context)
    if clause.verb == "bend" and not clause.parts:
        return trunk.lean(context) if clause.direction or not clause.done else trunk.lean(context, 40.0)
    if clause.verb == "shrug":
        return _each(context, (Part("shoulder", "both"),))
    if clause.verb in _WHOLE and not (clause.verb in ("look", "lean", "arch") and clause.parts):
        return _WHOLE[clause.verb](context)
    parts = clause.parts or clause.instruments
    if not parts:
        if clause.verb in ("turn", "tilt", "straighten"):
            return _TRUNK[clause.verb](context)
        if clause.verb in ("reach", "point", "stretch"):
            return _each(context, (Part("arm", "any" if clause.verb != "stretch" else "both"),))
        raise context.error(f"say what to {clause.verb}: 'the left arm', 'both knees', ...")
    return _each(context, parts)


def _check_places(context: ClauseContext) -> None:
    """Reject places other than the ground or, for some stances, the legs."""
    clause = context.clause
    known = ("ground", "buttock") if clause.verb in ("sit", "squat", "crouch") else ("ground", *LEG_PARTS)
    for relation in clause.relations:
        for part in relation.parts:
            if part.name not in known:
                verb, where = clause.verb, f"{relation.preposition} the {part.name}"
                raise context.error(f"how to {verb} {where} is not known", part.span)


def _each(context: ClauseContext, parts: tuple[Part, ...]) -> Meaning:
    """Merge the meanings of the clause for each part and side."""
    clause, meaning = context.clause, Meaning()
    for part in parts:
        name, verb = part.name, clause.verb
        if name == "shoulder" and verb in ("raise", "lower", "shrug"):
            for side in part.sides():
                meaning += trunk.shrug(context, side)
        elif name in ARM_PARTS and verb in _ARM:
            for side in part.sides(alone=verb in _ALONE):
                meaning += _ARM[verb](context, part, side)
        elif name in ("hip", "waist") and verb == "turn" and not part.side:
            meaning += trunk.turn_trunk(context)
        elif name in LEG_PARTS and verb in _LEG:
            for side in part.sides(alone=verb in _ALONE):
                meaning += _LEG[verb](context, part, side)
        elif name in trunk.HEAD_PARTS and verb in _HEAD:
            meaning += _HEAD[verb](context)
        elif name in trunk.TRUNK_PARTS and verb in _TRUNK:
            meaning += _TRUNK[verb](context)
        else:
            raise context.error(f"how to {verb} the {name} is not known", part.span)
    return meaning


def _towards(context: ClauseContext) -> Meaning:
    """Verbs with a target place: reach, bend, stretch, turn, point, lower."""
    clause = context.clause
    if clause.verb == "bend" and not clause.parts:
        return trunk.lean(context, 40.0)
    if clause.verb == "turn":
        return _each(context, clause.parts) if clause.parts else trunk.turn_trunk(context)
    if any(part.name in trunk.HEAD_PARTS for part in clause.parts):
        return put(context)
    parts = clause.parts or clause.instruments or (Part("hand", "any"),)
    ground = [part for relation in clause.relations for part in relation.parts if part.name == "ground"]
    if ground and clause.verb == "point":
        return _each(replace(context, clause=replace(clause, directions=("down",), relations=())), parts)
    return put(replace(context, clause=replace(clause, parts=parts, instruments=(), directions=())))


def _statement(context: ClauseContext) -> Meaning:
    """Statements: "the left knee is bent", "hands on hips", "head down"."""
    clause = context.clause
    for done in clause.done:
        rest = tuple(d for d in clause.done if d != done)
        return _interpret(replace(context, clause=replace(clause, verb=done, done=rest)))
    first = clause.parts[0].name if clause.parts else ""
    if clause.relations or clause.level or clause.states:
        return put(context)
    direction = clause.direction
    if first == "shoulder" and direction:
        meaning = Meaning()
        for side in clause.parts[0].sides():
            meaning += trunk.retract_shoulder(context, side)
        return meaning
    if first in ("palm",):
        return _interpret(replace(context, clause=replace(clause, verb="turn")))
    if first in trunk.HEAD_PARTS:
        verb = {"up": "raise", "down": "lower"}.get(direction, "turn" if direction in ("left", "right") else "tilt")
        return _interpret(replace(context, clause=replace(clause, verb=verb)))
    if first in trunk.TRUNK_PARTS and first != "hip":
        return trunk.lean(context)
    if first == "toe" or (first == "foot" and direction in ("left", "right", "outward", "inward")):
        return _interpret(replace(context, clause=replace(clause, verb="point")))
    if direction == "down":
        return _interpret(replace(context, clause=replace(clause, verb="lower")))
    if direction:
        return _interpret(replace(context, clause=replace(clause, verb="raise")))
    if clause.extent != type(clause.extent)():
        return _interpret(replace(context, clause=replace(clause, verb="bend")))
    raise context.error("give its state: bent, straight, up, on the head, ...")


def _keep(context: ClauseContext) -> Meaning:
    """Parts that must not move, or must have a given state."""
    clause, now = context.clause, context.now
    parts = clause.parts or clause.instruments
    if clause.done or clause.relations or clause.directions or set(clause.states) - {"still"}:
        if clause.done and any(part.name in ("back", "torso", "body") for part in parts):
            return trunk.straighten_trunk(context)
        if any(part.name in trunk.HEAD_PARTS for part in parts) and clause.directions:
            return trunk.raise_head(context, up=clause.direction != "down")
        return _statement(replace(context, clause=replace(clause, verb="be")))
    if not parts:
        raise context.error("say what to keep still")
    meaning = Meaning()
    for part in parts:
        joints = tuple(sorted(_joints_of(part)))
        words = f"{part.side} {part.name} kept still".strip()
        meaning += Meaning(
            [at_most(words, RotationChange(now.local, joints), 3.0, "degrees", joints)], still=set(joints)
        )
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
