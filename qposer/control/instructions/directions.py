"""Readings of clauses about parts in a direction: moved there, horizontal, vertical, hanging at the sides."""

from __future__ import annotations

from qposer.control.constraints import about, at_most
from qposer.control.instructions.arms import raise_arm
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.legs import raise_leg
from qposer.control.instructions.limb_constraints import ARM_PARTS, LEG_PARTS, shifted, tip
from qposer.control.instructions.meaning import LOOSE, Meaning, Reading, arm, asks
from qposer.control.instructions.part_points import joints_moving
from qposer.control.measures import Elevation, JointAngle, Offset, Pointing


def moved(reading: Reading) -> Meaning:
    """Parts moved in a direction: by so much, or as far as they are held there."""
    meaning, extent = Meaning(), reading.clause.extent
    for part in reading.clause.parts:
        for side in part.sides():
            direction = reading.outward(side)
            if extent.unit == "cm" or (extent.amount and part.name in ("hand", "foot", "knee", "elbow", "wrist")):
                meaning += shifted(reading, tip(part.name, side), joints_moving(part, side), direction)
            elif part.name in ARM_PARTS:
                meaning += raise_arm(reading, part, side)
            elif part.name in LEG_PARTS:
                meaning += raise_leg(reading, part, side)
            else:
                raise reading.refuse(f"how to move the {part.name} is not known: lean, turn or tilt it", part.span)
    return meaning


def levelled(reading: Reading, part: Part, side: str) -> Meaning:
    """A segment of a limb that is horizontal or vertical.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.

    Raises:
        InstructionError: the part is no segment of a limb.
    """
    ends = {
        **{"arm": ("shoulder", "wrist"), "hand": ("wrist", "fingers"), "palm": ("wrist", "fingers")},
        **{"forearm": ("elbow", "wrist"), "elbow": ("shoulder", "elbow"), "upper arm": ("shoulder", "elbow")},
        **{"leg": ("hip", "ankle"), "thigh": ("hip", "knee"), "shin": ("knee", "ankle"), "foot": ("heel", "toes")},
    }
    if part.name not in ends:
        raise reading.refuse(
            f"the {part.name} is neither horizontal nor vertical: name an arm, a thigh, ...", part.span
        )
    start, end = (f"{side}_{name}" for name in ends[part.name])
    joints, words = joints_moving(part, side), f"{side} {part.name}"
    if "horizontal" in reading.clause.states:
        flat = about(f"{words} horizontal", Elevation(start, end), 0.0, "degrees", joints, LOOSE)
        direction = reading.outward(side)
        if direction in ("left", "right", "forward", "backward"):
            return asks(flat, at_most(f"{words} {direction}", Pointing(start, end, direction), 18.0, "degrees", joints))
        return asks(flat)
    up = reading.clause.direction == "up" or (part.name == "forearm" and reading.clause.direction != "down")
    way = "up" if up else "down"
    return asks(at_most(f"{words} vertical", Pointing(start, end, way), 10.0, "degrees", joints))


def at_the_sides(side: str) -> Meaning:
    """An arm that hangs beside the body."""
    joints = arm(side)
    return asks(
        at_most(f"{side} arm hanging", JointAngle(f"{side}_shoulder_elevation"), 20.0, "degrees", joints),
        at_most(f"{side} hand beside the thigh", Offset(f"{side}_wrist", f"{side}_waist", "up"), 5.0, "cm", joints),
    )
