"""Constraints of clauses about the whole body: stand, sit, squat, kneel, lunge, step, kick, and named poses."""

from __future__ import annotations

from collections.abc import Callable

from qposer.control.anatomy import ANGLES
from qposer.control.constraints import Constraint, about, at_least, at_most
from qposer.control.instructions.limb_constraints import straight
from qposer.control.instructions.meaning import (
    BOTH_LEGS,
    NECK,
    SPINE,
    ClauseContext,
    Meaning,
    arm,
    flat_foot,
    is_slight,
    leg,
    other,
    require,
)
from qposer.control.measures import Balance, Distance, Elevation, Height, JointAngle, Lean, Offset, Pointing

SIDES = ("left", "right")


def _upright(slack: float = 8.0) -> list[Constraint]:
    return [
        about("trunk upright", Lean("forward"), 2.0, "degrees", SPINE, slack),
        about("trunk upright sideways", Lean("left"), 0.0, "degrees", SPINE, slack),
    ]


def _leg_of(context: ClauseContext) -> str:
    """Side of the limb that the clause names, or an empty string."""
    clause = context.clause
    parts = [*clause.parts, *clause.instruments, *(p for r in clause.relations for p in r.parts)]
    parts += [part for attached in clause.attached for part in attached.parts]
    return next((part.side for part in parts if part.side in ("left", "right")), "")


def stand(context: ClauseContext) -> Meaning:
    """Stand upright on both legs or on one."""
    clause = context.clause
    named = [part for relation in clause.relations for part in relation.parts]
    if named and named[0].name == "toe":
        return tiptoe(context)
    one = "on one leg" in clause.states or any(part.side in ("left", "right", "any") for part in named)
    if one:
        side = _leg_of(context) or "right"
        free = other(side)
        return require(
            at_most(f"{side} knee nearly straight", JointAngle(f"{side}_knee_flexion"), 25.0, "degrees", leg(side)),
            *flat_foot(side),
            at_least(f"{free} foot off the ground", Height(f"{free}_sole"), 15.0, "cm", leg(free)),
            at_most(
                f"in balance on the {side} foot",
                Balance(f"{side}_heel", f"{side}_toes"),
                5.0,
                "cm",
                (*SPINE, *leg(side)),
            ),
            pelvis=True,
        )
    bent = "with bent knees" in clause.states
    held = [] if bent else [straight("leg", side, 15.0) for side in SIDES]
    if bent:
        held += [about(f"{s} knee bent", JointAngle(f"{s}_knee_flexion"), 40.0, "degrees", leg(s), 10.0) for s in SIDES]
    for side in SIDES:
        held += [
            *flat_foot(side),
            about(f"{side} leg under the body", JointAngle(f"{side}_hip_abduction"), 4.0, "degrees", leg(side), 10.0),
        ]
    held.append(about("feet side by side", Offset("left_ankle", "right_ankle", "forward"), 0.0, "cm", BOTH_LEGS, 8.0))
    return require(*held, *_upright(8.0), pelvis=True)


def tiptoe(context: ClauseContext) -> Meaning:
    """Stand on the toes of both feet or one."""
    side = _leg_of(context)
    held: list[Constraint] = []
    for s in (side,) if side else SIDES:
        held += [
            at_least(f"{s} heel raised", JointAngle(f"{s}_ankle_flexion"), 22.0, "degrees", leg(s)),
            at_most(f"{s} toes on the ground", Height(f"{s}_toes"), 4.0, "cm", leg(s)),
            at_least(f"{s} heel off the ground", Height(f"{s}_heel"), 5.0, "cm", leg(s)),
            straight("leg", s, 20.0),
            about(f"{s} leg under the body", JointAngle(f"{s}_hip_abduction"), 4.0, "degrees", leg(s), 8.0),
        ]
    if not side:
        held.append(
            about("feet side by side", Offset("left_ankle", "right_ankle", "forward"), 0.0, "cm", BOTH_LEGS, 8.0)
        )
    return require(*held, pelvis=True)


def squat(context: ClauseContext) -> Meaning:
    """Squat with both feet on the ground and the centre of mass above them."""
    crouch = context.clause.verb == "crouch"
    depth = context.amount(105.0 if crouch else 95.0, 55.0, 122.0, "degrees", ANGLES["left_knee_flexion"].high)
    held: list[Constraint] = []
    for side in SIDES:
        held += [
            about(f"{side} knee bent", JointAngle(f"{side}_knee_flexion"), depth, "degrees", leg(side), 12.0),
            *flat_foot(side),
        ]
    held.append(at_most("in balance", Balance("left_sole", "right_sole"), 8.0, "cm", (*BOTH_LEGS, *SPINE)))
    low, high = (20.0, 55.0) if crouch else (5.0, 45.0)
    held.append(Constraint("leaning forward", Lean("forward"), low, high, "degrees", SPINE))
    return require(*held, pelvis=True)


def sit(context: ClauseContext) -> Meaning:
    """Sit on a chair, or on the ground if the clause says so or the legs are crossed."""
    clause = context.clause
    on_ground = any(part.name == "ground" for relation in clause.relations for part in relation.parts)
    held: list[Constraint] = [*_upright(15.0)]
    if "cross" in clause.done:
        for side in SIDES:
            held += [
                at_most(f"{side} buttock on the ground", Height(f"{side}_buttock"), 10.0, "cm", leg(side)),
                Constraint(
                    f"{side} knee out", Offset(f"{side}_knee", f"{side}_hip", side), 18.0, 45.0, "cm", leg(side)
                ),
                at_least(f"{side} knee bent", JointAngle(f"{side}_knee_flexion"), 95.0, "degrees", leg(side)),
            ]
        held.append(at_least("ankles crossed", Offset("right_ankle", "left_ankle", "left"), 2.0, "cm", BOTH_LEGS))
        held.append(at_most("ankles close", Distance("left_ankle", "right_ankle"), 28.0, "cm", BOTH_LEGS))
        return require(*held, pelvis=True)
    for side in SIDES:
        thigh, shin = (f"{side}_hip", f"{side}_knee"), (f"{side}_knee", f"{side}_ankle")
        held.append(at_least(f"{side} thigh forward", Offset(thigh[1], thigh[0], "forward"), 25.0, "cm", leg(side)))
        if on_ground:
            held.append(at_most(f"{side} buttock on the ground", Height(f"{side}_buttock"), 10.0, "cm", leg(side)))
            held.append(at_most(f"{side} foot on the ground", Height(f"{side}_heel"), 8.0, "cm", leg(side)))
            held.append(at_least(f"{side} leg forward", Offset(shin[1], thigh[0], "forward"), 45.0, "cm", leg(side)))
            continue
        held.append(about(f"{side} thigh level", Elevation(*thigh), 0.0, "degrees", leg(side), 10.0))
        held.append(at_most(f"{side} shin upright", Pointing(*shin, "down"), 18.0, "degrees", leg(side)))
    return require(*held, pelvis=True)


def kneel(context: ClauseContext) -> Meaning:
    """Kneel on both knees, or on one with the other foot on the ground."""
    parts = [part for relation in context.clause.relations for part in relation.parts] + list(context.clause.parts)
    one = next((part.side for part in parts if part.side in ("left", "right")), "")
    if any(part.side == "any" for part in parts) or "on one leg" in context.clause.states:
        one = "right"
    held: list[Constraint] = [*_upright()]
    for side in (one,) if one else SIDES:
        thigh = Pointing(f"{side}_hip", f"{side}_knee", "down")
        held += [
            at_most(f"{side} knee on the ground", Height(f"{side}_kneecap"), 4.0, "cm", leg(side)),
            at_most(f"{side} thigh upright", thigh, 25.0, "degrees", leg(side)),
            at_most(f"{side} toes on the ground", Height(f"{side}_toes"), 8.0, "cm", leg(side)),
            at_least(f"{side} foot behind", Offset(f"{side}_ankle", f"{side}_knee", "backward"), 20.0, "cm", leg(side)),
        ]
    if one:
        front = other(one)
        held += [
            *flat_foot(front),
            about(f"{front} thigh level", Elevation(f"{front}_hip", f"{front}_knee"), 0.0, "degrees", leg(front), 15.0),
            at_most(
                f"{front} shin upright",
                Pointing(f"{front}_knee", f"{front}_ankle", "down"),
                20.0,
                "degrees",
                leg(front),
            ),
            at_least(
                f"{front} foot in front", Offset(f"{front}_ankle", f"{one}_knee", "forward"), 20.0, "cm", leg(front)
            ),
        ]
    return require(*held, pelvis=True)


def lunge(context: ClauseContext) -> Meaning:
    """Take a wide step with one knee deeply bent and the other leg stretched."""
    clause, extent = context.clause, context.clause.extent
    direction = clause.direction or "forward"
    if direction in ("left", "right", "sideways"):
        front = direction if direction != "sideways" else (_leg_of(context) or "right")
        step, direction = front, front
    else:
        named = _leg_of(context) or "right"
        front = other(named) if direction == "backward" else named
        step = "forward"
    back = other(front)
    bend, far = (100.0, 80.0) if extent.amount == "fully" else (60.0, 50.0) if is_slight(extent) else (85.0, 65.0)
    held = [
        about(f"{front} knee bent", JointAngle(f"{front}_knee_flexion"), bend, "degrees", leg(front), 12.0),
        at_most(f"{back} leg stretched", JointAngle(f"{back}_knee_flexion"), 40.0, "degrees", leg(back)),
        at_least("a wide step", Offset(f"{front}_ankle", f"{back}_ankle", step), far, "cm", BOTH_LEGS),
        *flat_foot(front),
        at_most(f"{back} toes on the ground", Height(f"{back}_toes"), 5.0, "cm", leg(back)),
    ]
    return require(*held, *_upright(25.0), pelvis=True)


def step(context: ClauseContext) -> Meaning:
    """Step with one leg, with both feet on the ground."""
    side = _leg_of(context) or "right"
    direction = context.direction_for(side) or "forward"
    if direction in ("up", "down"):
        raise context.error("a step must go forward, backward or to one side")
    far = context.amount(40.0, 22.0, 65.0, "cm")
    bound = about if context.clause.extent.value is not None else at_least
    words = f"{side} foot {far:g} cm {direction}"
    legs = [at_most(f"{s} knee not bent much", JointAngle(f"{s}_knee_flexion"), 50.0, "degrees", leg(s)) for s in SIDES]
    return require(
        bound(words, Offset(f"{side}_ankle", f"{other(side)}_ankle", direction), far, "cm", BOTH_LEGS),
        *(at_most(f"{s} foot on the ground", Height(f"{s}_toes"), 5.0, "cm", leg(s)) for s in SIDES),
        *legs,
        pelvis=True,
    )


def kick(context: ClauseContext) -> Meaning:
    """Kick forward, sideways or backward while standing on the other leg."""
    side = _leg_of(context) or "right"
    direction, stands = context.direction_for(side) or "forward", other(side)
    held = [
        at_most(f"{stands} knee nearly straight", JointAngle(f"{stands}_knee_flexion"), 40.0, "degrees", leg(stands)),
        *flat_foot(stands),
    ]
    if direction == "backward":
        held.append(context.angle_constraint(f"{side}_hip_flexion", f"{side} leg kicked back", 22, 12, 18, 28, -1.0))
        held.append(at_least(f"{side} foot off the ground", Height(f"{side}_toes"), 20.0, "cm", leg(side)))
        return require(*held, pelvis=True)
    held.append(at_most(f"{side} knee straightened", JointAngle(f"{side}_knee_flexion"), 40.0, "degrees", leg(side)))
    if direction in SIDES:
        if direction != side:
            raise context.error(f"the {side} leg can kick forward, backward or to the {side}")
        held.append(context.angle_constraint(f"{side}_hip_abduction", f"{side} leg kicked to the side", 40, 20, 32, 55))
    else:
        held.append(context.angle_constraint(f"{side}_hip_flexion", f"{side} leg kicked forward", 65, 35, 50, 90))
    return require(*held, pelvis=True)


def t_pose(context: ClauseContext) -> Meaning:
    """Stretch the arms horizontally to the sides, with straight legs."""
    held = []
    for side in SIDES:
        outward = Pointing(f"{side}_shoulder", f"{side}_wrist", side)
        held += [at_most(f"{side} arm out to the side", outward, 8.0, "degrees", arm(side)), straight("arm", side)]
    return require(*held) if context.clause.verb == "arms" else _standing(context, held)


def a_pose(context: ClauseContext) -> Meaning:
    """Raise the arms halfway to the sides, with straight legs."""
    held = []
    for side in SIDES:
        raised = JointAngle(f"{side}_shoulder_abduction")
        held += [about(f"{side} arm half raised", raised, 45.0, "degrees", arm(side), 5.0), straight("arm", side, 20.0)]
    return _standing(context, held)


def _standing(context: ClauseContext, held: list[Constraint]) -> Meaning:
    meaning = stand(context)
    meaning.constraints += held
    return meaning


def akimbo(context: ClauseContext) -> Meaning:
    """Put the hands on the hips with the elbows out."""
    held = []
    for side in SIDES:
        held += [
            at_most(f"{side} hand on the hip", Distance(f"{side}_palm", f"{side}_waist"), 9.0, "cm", arm(side)),
            at_least(f"{side} elbow out", Offset(f"{side}_elbow", f"{side}_shoulder", side), 8.0, "cm", arm(side)),
        ]
    return require(*held)


def pray(context: ClauseContext) -> Meaning:
    """Put the palms together in front of the chest."""
    joints = (*arm("left"), *arm("right"))
    return require(
        at_most("palms together", Distance("left_palm", "right_palm"), 8.0, "cm", joints),
        Constraint("in front of the chest", Offset("left_palm", "chest", "forward", "spine3"), 8.0, 30.0, "cm", joints),
        about("at its height", Offset("left_palm", "chest", "up", "spine3"), 2.0, "cm", joints, 10.0),
    )


def salute(context: ClauseContext) -> Meaning:
    """Put a hand at the forehead."""
    side = _leg_of(context) or "right"
    return require(
        at_most(f"{side} hand at the forehead", Distance(f"{side}_fingers", f"{side}_eye"), 9.0, "cm", arm(side)),
        at_least(f"{side} elbow raised", JointAngle(f"{side}_shoulder_elevation"), 60.0, "degrees", arm(side)),
        helping=NECK,
    )


def wave(context: ClauseContext) -> Meaning:
    """Raise a hand next to the head with the elbow bent."""
    side = _leg_of(context) or "right"
    return require(
        at_least(f"{side} hand raised", Offset(f"{side}_wrist", f"{side}_shoulder", "up"), 18.0, "cm", arm(side)),
        at_least(
            f"{side} hand next to the body", Offset(f"{side}_wrist", f"{side}_shoulder", side), 5.0, "cm", arm(side)
        ),
        Constraint(f"{side} elbow bent", JointAngle(f"{side}_elbow_flexion"), 40.0, 120.0, "degrees", arm(side)),
    )


def hug(context: ClauseContext) -> Meaning:
    """Put the hands on the opposite shoulders with crossed arms."""
    joints = (*arm("left"), *arm("right"))
    held = [
        at_most(
            f"{s} hand on the {other(s)} shoulder", Distance(f"{s}_palm", f"{other(s)}_upper_arm"), 14.0, "cm", joints
        )
        for s in SIDES
    ]
    return require(*held)


STANCES: dict[str, Callable[[ClauseContext], Meaning]] = {
    "stand": stand,
    "tiptoe": tiptoe,
    "squat": squat,
    "crouch": squat,
    "sit": sit,
    "kneel": kneel,
    "lunge": lunge,
    "step": step,
    "kick": kick,
    "t-pose": t_pose,
    "a-pose": a_pose,
    "akimbo": akimbo,
    "pray": pray,
    "salute": salute,
    "wave": wave,
    "hug": hug,
}
"""Stances and named poses by verb."""
