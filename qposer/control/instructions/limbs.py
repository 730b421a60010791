"""Readings of clauses about arms and legs: raise, lower, bend, straighten, stretch, reach, point, turn."""

from __future__ import annotations

from qposer.control.anatomy import ANGLES
from qposer.control.constraints import (
    Balance,
    Constraint,
    Elevation,
    Facing,
    Height,
    JointAngle,
    Offset,
    Pointing,
    about,
    at_least,
    at_most,
)
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
from qposer.control.instructions.parser import Part

ARM_PARTS = ("arm", "hand", "palm", "wrist", "forearm", "elbow", "upper arm")
LEG_PARTS = ("leg", "thigh", "knee", "shin", "ankle", "foot", "heel", "toe", "hip")

STRAIGHT = 12.0
"""Degrees of flexion up to which a knee or an elbow counts as straight."""

_TIPS = {"elbow": "elbow", "upper arm": "elbow", "thigh": "knee", "knee": "knee", "leg": "ankle", "foot": "ankle"}


def tip(part: str, side: str) -> str:
    """The joint that tells where a part of a limb is.

    Args:
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        Name of a joint or point.
    """
    return f"{side}_{_TIPS.get(part, 'wrist' if part in ARM_PARTS else 'ankle')}"


def level_point(level: str, side: str) -> str:
    """What marks a height of the body.

    Args:
        level: name of a height, such as that of the shoulder.
        side: ``left`` or ``right``.

    Returns:
        Name of a point.
    """
    points = {"head": "forehead", "face": "nose", "waist": f"{side}_waist", "eye": f"{side}_eye", "ear": f"{side}_ear"}
    return points.get(level, f"{side}_{level}" if level in ("shoulder", "hip", "knee") else level)


def straight(part: str, side: str, high: float = STRAIGHT) -> Constraint:
    """A straight elbow or knee.

    Args:
        part: ``elbow`` or ``knee``.
        side: ``left`` or ``right``.
        high: degrees of flexion that still count as straight.

    Returns:
        The constraint.
    """
    joint = "elbow" if part in ARM_PARTS else "knee"
    return at_most(
        f"{side} {joint} straight", JointAngle(f"{side}_{joint}_flexion"), high, "degrees", (f"{side}_{joint}",)
    )


def at_level(reading: Reading, part: str, side: str) -> Constraint:
    """A part at a height of the body.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraint.
    """
    joints = arm(side) if part in ARM_PARTS else leg(side)
    level = reading.clause.level
    offset = Offset(tip(part, side), level_point(level, side), "up")
    return about(f"{side} {part} at {level} height", offset, 0.0, "cm", joints, 2.0)


def raise_arm(reading: Reading, part: Part, side: str) -> Meaning:
    """Raise an arm or what is of it: by degrees, to a height, in a direction, or as high as arms are raised.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    clause, extent, direction = reading.clause, reading.clause.extent, reading.outward(side)
    joints, shoulder, end = arm(side), f"{side}_shoulder", tip(part.name, side)
    words = f"{side} {part.name}"
    if extent.unit == "cm":
        return shifted(reading, end, joints, "up")
    if extent.value is not None and direction != "up":
        kind = {"forward": "flexion", "backward": "flexion", side: "abduction"}.get(direction, "elevation")
        sign = -1.0 if direction == "backward" else 1.0
        raised = asks(reading.bent(f"{side}_shoulder_{kind}", f"{words} raised", 90, 25, 80, 160, sign))
        across = {"flexion": side, "abduction": "forward"}.get(kind)
        if across:
            offset = Offset(f"{side}_elbow", shoulder, across, "spine3")
            raised += asks(about(f"{words} in that plane", offset, 0.0, "cm", joints, 12.0))
        return raised
    held: list[Constraint] = []
    if end.endswith("wrist") and part.name == "arm":
        held.append(straight("arm", side, 40.0))
    if clause.level:
        held.append(at_level(reading, part.name, side))
    elif "horizontal" in clause.states:
        held.append(about(f"{words} horizontal", Elevation(shoulder, end), 0.0, "degrees", joints, LOOSE))
    if clause.diagonal:
        held.append(about(f"{words} diagonally up", Elevation(shoulder, end), 45.0, "degrees", joints, LOOSE))
    elif direction == "backward":
        angle = JointAngle(f"{side}_shoulder_flexion")
        held.append(at_most(f"{words} backward", angle, -15.0 if small(extent) else -30.0, "degrees", joints))
    elif direction in ("forward", "left", "right"):
        pointing = Pointing(shoulder, end, direction)
        held.append(at_most(f"{words} {direction}", pointing, 18.0, "degrees", joints))
    elif (direction == "up" and part.name in ("arm", "upper arm")) or extent.amount == "fully":
        held.append(at_most(f"{words} up", Pointing(shoulder, end, "up"), 22.0, "degrees", joints))
    elif not clause.level and "horizontal" not in clause.states:
        elevation = JointAngle(f"{side}_shoulder_elevation")
        if extent.amount:
            return asks(reading.bent(f"{side}_shoulder_elevation", f"{words} raised", 90, 25, 80, 140))
        if part.name in ("elbow", "upper arm"):
            held.append(at_least(f"{words} raised", elevation, 75.0, "degrees", joints))
        else:
            held.append(at_least(f"{words} raised", elevation, 60.0, "degrees", joints))
            held.append(at_least(f"{words} above the shoulder", Offset(end, shoulder, "up"), 12.0, "cm", joints))
    return asks(*held, helping=SPINE)


def lower_arm(reading: Reading, part: Part, side: str) -> Meaning:
    """Lower an arm: by degrees, to a height, or until it hangs.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    clause, extent, joints = reading.clause, reading.clause.extent, arm(side)
    words, elevation = f"{side} {part.name} lowered", JointAngle(f"{side}_shoulder_elevation")
    if clause.level:
        return asks(at_level(reading, part.name, side), helping=SPINE)
    if extent.unit == "cm":
        return shifted(reading, tip(part.name, side), joints, "down")
    if extent.value is not None or small(extent):
        value = max(reading.value(elevation) - reading.amount(20.0, 20.0, 20.0, "degrees", 180.0), 0.0)
        return asks(about(words, elevation, value, "degrees", joints, LOOSE if extent.value is None else 0.0))
    held = [at_most(words, elevation, 22.0 if extent.amount != "halfway" else 50.0, "degrees", joints)]
    if part.name not in ("elbow", "upper arm"):
        wrist = Offset(f"{side}_wrist", f"{side}_waist", "up")
        held.append(at_most(f"{words} below the waist", wrist, 8.0, "cm", joints))
    return asks(*held)


def raise_leg(reading: Reading, part: Part, side: str) -> Meaning:
    """Raise a leg, a knee or a foot: by degrees, to a height, in a direction, or off the ground.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    clause, extent, direction = reading.clause, reading.clause.extent, reading.outward(side)
    joints, words = leg(side), f"{side} {part.name} raised"
    if part.name == "heel":
        return asks(
            at_least(words, JointAngle(f"{side}_ankle_flexion"), 20.0, "degrees", joints[2:]),
            at_most(f"{side} toes on the ground", Height(f"{side}_toes"), 3.0, "cm", joints),
        )
    if part.name == "toe":
        return asks(at_most(words, JointAngle(f"{side}_ankle_flexion"), -12.0, "degrees", joints[2:]))
    if clause.level:
        return asks(at_level(reading, part.name, side))
    if extent.unit == "cm":
        return shifted(reading, tip(part.name, side), joints, "up")
    if "horizontal" in clause.states:
        end = tip("knee" if part.name in ("thigh", "knee") else "leg", side)
        return asks(about(f"{words}, horizontal", Elevation(f"{side}_hip", end), 0.0, "degrees", joints, LOOSE))
    if direction == side:
        return asks(reading.bent(f"{side}_hip_abduction", words, 35, 15, 30, 50), straight("leg", side, 30.0))
    if direction == "backward":
        off = at_least(f"{side} foot off the ground", Height(f"{side}_toes"), 8.0, "cm", joints)
        return asks(reading.bent(f"{side}_hip_flexion", words, 20, 12, 18, 25, -1.0), off)
    if part.name in ("foot", "ankle", "shin"):
        height = {"slightly": 8.0, "fully": 45.0}.get(extent.amount, 15.0)
        return asks(at_least(f"{side} foot off the ground", Height(f"{side}_sole"), height, "cm", joints))
    flexion = f"{side}_hip_flexion"
    if part.name in ("knee", "thigh"):
        return asks(reading.bent(flexion, words, 85, 30, 60, 105))
    if direction == "up" and not extent.amount:
        return asks(at_least(words, JointAngle(flexion), 50.0, "degrees", joints), straight("leg", side, 45.0))
    return asks(reading.bent(flexion, words, 50, 25, 45, 80), straight("leg", side, 40.0))


def lower_leg(reading: Reading, part: Part, side: str) -> Meaning:
    """Lower a leg: by degrees, or until it stands.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    extent, joints = reading.clause.extent, leg(side)
    words, flexion = f"{side} {part.name} lowered", JointAngle(f"{side}_hip_flexion")
    if extent.unit == "cm":
        return shifted(reading, tip(part.name, side), joints, "down")
    if extent.value is not None or small(extent):
        anatomy = ANGLES[flexion.name]
        value = reading.value(flexion) - reading.amount(20.0, 20.0, 20.0, "degrees", anatomy.high)
        return asks(
            about(words, flexion, max(value, anatomy.low), "degrees", joints, LOOSE if extent.value is None else 0.0)
        )
    return asks(
        about(words, flexion, 5.0, "degrees", joints, 12.0),
        about(f"{side} leg under the body", JointAngle(f"{side}_hip_abduction"), 0.0, "degrees", joints, 10.0),
        at_most(f"{side} foot on the ground", Height(f"{side}_sole"), 6.0, "cm", joints),
    )


def bend_limb(reading: Reading, part: Part, side: str) -> Meaning:
    """Bend an elbow, a wrist, a hip, a knee or an ankle.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    name, words = part.name, f"{side} {part.name} bent"
    if name in ("arm", "elbow", "forearm"):
        return asks(reading.bent(f"{side}_elbow_flexion", words, 90, 35, 75, 130))
    if name in ("hand", "wrist", "palm"):
        sign = -1.0 if reading.clause.direction in ("up", "backward") else 1.0
        return asks(reading.bent(f"{side}_wrist_flexion", words, 40, 20, 35, 60, sign))
    if name in ("hip", "thigh"):
        return asks(reading.bent(f"{side}_hip_flexion", words, 60, 25, 60, 105))
    if name in ("leg", "knee", "shin"):
        bent = reading.bent(f"{side}_knee_flexion", words, 60, 25, 70, 120)
        return asks(bent, helping=leg(side)) + under_the_body(reading, part, side)
    sign = -1.0 if reading.clause.direction != "down" else 1.0
    return asks(reading.bent(f"{side}_ankle_flexion", words, 15, 8, 12, 25, sign))


def under_the_body(reading: Reading, part: Part, side: str) -> Meaning:
    """If both knees bend and the feet are on the ground they stay there, and the body goes down between them.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    feet = [Height(f"{s}_sole") for s in ("left", "right")]
    if len(part.sides()) < 2 or any(reading.value(foot) > 8.0 for foot in feet):
        return Meaning()
    joints = tuple(joint for joint in leg(side) if not joint.endswith("knee"))
    mass = Balance("left_sole", "right_sole")
    held = flat_foot(side, joints)
    if reading.value(mass) < 12.0:
        held.append(at_most("in balance", mass, 10.0, "cm", joints))
    return asks(*held, helping=SPINE)


def straighten_limb(reading: Reading, part: Part, side: str) -> Meaning:
    """Straighten an elbow or a knee; with a direction, stretch the limb there.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    if reading.clause.direction or "horizontal" in reading.clause.states or reading.clause.level:
        return stretch_limb(reading, part, side)
    if part.name in ("hand", "wrist", "palm"):
        angle = JointAngle(f"{side}_wrist_flexion")
        return asks(about(f"{side} wrist straight", angle, 0.0, "degrees", (f"{side}_wrist",), LOOSE))
    if part.name in ("hip", "thigh"):
        angle = JointAngle(f"{side}_hip_flexion")
        return asks(about(f"{side} hip straight", angle, 0.0, "degrees", (f"{side}_hip",), LOOSE))
    high = STRAIGHT + 15 if small(reading.clause.extent) else STRAIGHT
    limb = arm(side) if part.name in ARM_PARTS else leg(side)
    return asks(straight(part.name, side, high), helping=limb)


def stretch_limb(reading: Reading, part: Part, side: str) -> Meaning:
    """Stretch an arm or a leg out in a direction.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    clause, direction = reading.clause, reading.outward(side)
    if part.name in ARM_PARTS:
        held = [straight("arm", side, 20.0)]
        if direction or clause.level or "horizontal" in clause.states:
            raised = lower_arm if direction == "down" else raise_arm
            return_ = raised(reading, Part("arm", part.side, part.span), side)
            return_.constraints = [c for c in return_.constraints if c.measure != held[0].measure] + held
            return return_
        return asks(*held, helping=arm(side))
    held = [straight("leg", side)]
    if direction in ("", "down"):
        return asks(*held, helping=leg(side))
    meaning = raise_leg(reading, Part("leg", part.side, part.span), side)
    meaning.constraints = [c for c in meaning.constraints if c.measure != held[0].measure] + held
    return meaning


def reach(reading: Reading, part: Part, side: str) -> Meaning:
    """Reach out with a hand.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    direction, joints = reading.outward(side), arm(side)
    words = f"{side} hand reaching {direction}"
    wrist, elbow = f"{side}_wrist", straight("arm", side, 30.0)
    if direction == "down":
        low = at_most(words, Height(f"{side}_fingers"), 45.0, "cm", joints)
        return asks(low, helping=(*SPINE, *BOTH_LEGS), pelvis=True)
    if direction in ("up", ""):
        high = at_least(f"{side} hand reaching up", Offset(wrist, "crown", "up"), 12.0, "cm", joints)
        return asks(high, elbow, helping=SPINE)
    far = at_most(words, Pointing(f"{side}_shoulder", wrist, direction), 25.0, "degrees", joints)
    return asks(far, elbow, helping=SPINE, pelvis=direction == "forward")


def point_limb(reading: Reading, part: Part, side: str) -> Meaning:
    """Point an arm, an elbow, a foot or a leg somewhere.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.

    Raises:
        InstructionError: the clause names no direction, or one that the part does not point to.
    """
    clause, direction = reading.clause, reading.outward(side)
    if part.name in ("toe", "foot") and direction in ("", "down"):
        return asks(reading.bent(f"{side}_ankle_flexion", f"{side} toes pointed", 35, 20, 30, 45))
    if part.name in ("toe", "foot"):
        if direction in ("left", "right"):
            return turn_leg(reading, part, side)
        return asks(reading.bent(f"{side}_ankle_flexion", f"{side} toes up", 15, 8, 12, 22, -1.0))
    if part.name in LEG_PARTS:
        return stretch_limb(reading, part, side)
    if not direction and not clause.diagonal:
        raise reading.refuse("say where to point: forward, up, to the left, ...")
    words, end = f"{side} {part.name} pointing", "elbow" if part.name in ("elbow", "upper arm") else "fingers"
    start = f"{side}_elbow" if part.name == "forearm" else f"{side}_shoulder"
    held = [] if end == "elbow" or part.name == "forearm" else [straight("arm", side, 20.0)]
    line = (start, f"{side}_{end}")
    if clause.diagonal and direction in ("up", "down"):
        slope = 45.0 if direction == "up" else -45.0
        held.append(about(f"{words} diagonally {direction}", Elevation(*line), slope, "degrees", arm(side), LOOSE))
    else:
        high = 30.0 if end == "elbow" and direction in ("backward", "forward") else 12.0
        held.append(at_most(f"{words} {direction}", Pointing(*line, direction), high, "degrees", arm(side)))
    return asks(*held, helping=SPINE)


def turn_arm(reading: Reading, part: Part, side: str) -> Meaning:
    """Turn an arm about itself, or the palm to a direction.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.

    Raises:
        InstructionError: the clause names no direction, or one that the part does not turn to.
    """
    direction = reading.outward(side)
    if part.name in ("hand", "palm", "wrist", "forearm") or direction in ("up", "down", "forward", "backward"):
        if not direction:
            raise reading.refuse("say whereto: palms up, down, forward, backward, inwards or outwards")
        words = f"{side} palm facing {direction}"
        return asks(at_most(words, Facing(f"{side}_palm", direction), 18.0, "degrees", arm(side)[1:]))
    sign = -1.0 if direction == other(side) else 1.0
    return asks(reading.bent(f"{side}_shoulder_rotation", f"{side} arm turned", 40, 20, 30, 60, sign))


def turn_leg(reading: Reading, part: Part, side: str) -> Meaning:
    """Turn a leg about itself, knee and toes outward or inward.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    sign = -1.0 if reading.outward(side) == other(side) else 1.0
    return asks(reading.bent(f"{side}_hip_rotation", f"{side} {part.name} turned", 30, 15, 20, 45, sign))


def shifted(reading: Reading, point: str, joints: tuple[str, ...], direction: str) -> Meaning:
    """A point moved by so many centimetres in a direction; sideways of where it was it stays.

    Args:
        reading: the clause with the figure that it is said of.
        point: name of the point.
        joints: joints that may move for it.
        direction: one of the language's directions.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    far = reading.amount(15.0, 8.0, 30.0, "cm")
    axis = {"left": 0, "right": 0, "up": 1, "down": 1, "forward": 2, "backward": 2}[direction]
    sign = -1.0 if direction in ("right", "down", "backward") else 1.0
    held = []
    for number, name in enumerate("xyz"):
        measure = _coordinate(point, number)
        value = reading.value(measure) + (sign * far if number == axis else 0.0)
        words = f"{point.replace('_', ' ')} {far:g} cm {direction} ({name})"
        held.append(about(words, measure, value, "cm", joints, 0.0 if number == axis else 2.0))
    return asks(*held, helping=SPINE)


def _coordinate(point: str, axis: int) -> Offset:
    return Offset(point, "pelvis", ("left", "up", "forward")[axis])
