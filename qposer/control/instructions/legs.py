"""Readings of clauses about legs alone: raise, lower, turn; and knees that bend over feet on the ground."""

from __future__ import annotations

from qposer.control.anatomy import ANGLES
from qposer.control.constraints import about, at_least, at_most
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.limb_constraints import at_level, shifted, straight, tip
from qposer.control.instructions.meaning import LOOSE, SPINE, Meaning, Reading, asks, flat_foot, leg, other, small
from qposer.control.measures import Balance, Elevation, Height, JointAngle


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
