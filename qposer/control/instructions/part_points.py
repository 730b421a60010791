"""Points that mark parts of the body, as what is moved and as places, and the joints that bring them there."""

from __future__ import annotations

from qposer.control.instructions.clauses import Part
from qposer.control.instructions.limb_constraints import ARM_PARTS, LEG_PARTS
from qposer.control.instructions.meaning import NECK, SPINE, Reading, arm, leg

HAND = ("arm", "hand", "palm", "wrist", "forearm")

HEAD = ("head", "face", "neck", "chin", "nose", "mouth", "forehead", "ear", "eye", "cheek", "throat")

MOVERS = {**dict.fromkeys(("arm", "hand", "palm"), "palm"), "wrist": "wrist", "forearm": "forearm", "elbow": "elbow"}
MOVERS |= {"leg": "ankle", "foot": "sole", "ankle": "ankle", "heel": "heel", "toe": "toes", "knee": "kneecap"}
MOVERS |= {"thigh": "thigh", "shin": "shin", "shoulder": "shoulder", "upper arm": "upper_arm", "hip": "waist"}

PLACES_OF_PARTS = {
    **{
        "hand": "palm",
        "palm": "palm",
        "wrist": "wrist",
        "elbow": "elbow",
        "forearm": "forearm",
        "shoulder": "shoulder",
    },
    **{"upper arm": "upper_arm", "knee": "kneecap", "leg": "thigh", "thigh": "thigh", "shin": "shin", "foot": "toes"},
    **{"hip": "waist", "waist": "waist", "ankle": "ankle", "toe": "toes", "heel": "heel", "ear": "ear", "eye": "eye"},
    **{"cheek": "cheek", "buttock": "buttock", "arm": "upper_arm", "side": "waist", "armpit": "shoulder"},
}

MIDDLE = {"head": "crown", "face": "nose", "neck": "nape", "back": "lower_back", "torso": "chest", "body": "belly"}
MIDDLE |= {name: name for name in ("chin", "nose", "mouth", "forehead", "throat", "chest", "belly")}

_BEHIND = {"head": "back_of_head", "neck": "nape", "back": "lower_back", "torso": "upper_back", "body": "lower_back"}


def mover(part: Part, side: str) -> str:
    """The point that tells where a part is.

    Args:
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        Name of the point.
    """
    return f"{side}_{MOVERS[part.name]}" if part.name in MOVERS else MIDDLE.get(part.name, "chest")


def place_of(reading: Reading, part: Part, behind: bool = False) -> str:
    """The point that marks a part of the body as a place.

    Args:
        reading: the clause with the figure that it is said of.
        part: the part of the body that the clause is about.
        behind: whether the place is behind the body.

    Returns:
        Name of the point.

    Raises:
        InstructionError: nothing marks this part as a place.
    """
    if behind and part.name in _BEHIND:
        return _BEHIND[part.name]
    if part.name in PLACES_OF_PARTS:
        return f"{part.sides(alone=True)[0]}_{PLACES_OF_PARTS[part.name]}"
    if part.name in MIDDLE:
        return MIDDLE[part.name]
    raise reading.refuse(f"the {part.name} is no place to put something", part.span)


def sided(part: Part, side: str) -> Part:
    """The part of a side.

    Args:
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        The same part, with its side.
    """
    return Part(part.name, "left" if side == "left" else "right", part.span)


def joints_moving(part: Part, side: str) -> tuple[str, ...]:
    """Joints that bring a part to its place.

    Args:
        part: the part of the body that the clause is about.
        side: ``left`` or ``right``.

    Returns:
        Names of body joints.
    """
    if part.name in ARM_PARTS:
        return arm(side)
    if part.name in LEG_PARTS:
        return leg(side)
    return (*NECK, *SPINE) if part.name not in ("torso", "back", "chest", "shoulder") else SPINE


def helpers(part: Part) -> tuple[set[str], bool]:
    """Joints that may help to reach a part, and whether the pelvis does."""
    if part.name in LEG_PARTS and part.name not in ("hip", "thigh"):
        limbs = {joint for side in part.sides() for joint in leg(side)[:2]}
        return {*SPINE, *limbs}, True
    if part.name in ARM_PARTS:
        return {*SPINE, *(joint for side in part.sides() for joint in arm(side))}, False
    if part.name in HEAD:
        return {*SPINE, *NECK}, False
    return set(SPINE), False
