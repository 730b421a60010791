"""Points that represent body parts, as moved points and as targets, and the joints that move them."""

from __future__ import annotations

from qposer.control.instructions.clauses import Part
from qposer.control.instructions.limb_constraints import ARM_PARTS, LEG_PARTS
from qposer.control.instructions.meaning import NECK, SPINE, ClauseContext, arm, leg

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


def moving_point(part: Part, side: str) -> str:
    """The point that represents the position of a part.

    Args:
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        Name of the point.
    """
    return f"{side}_{MOVERS[part.name]}" if part.name in MOVERS else MIDDLE.get(part.name, "chest")


def target_point(context: ClauseContext, part: Part, behind: bool = False) -> str:
    """The point that represents a body part as a target.

    Args:
        context: the clause and the current pose.
        part: the body part.
        behind: whether the target is behind the body.

    Returns:
        Name of the point.

    Raises:
        InstructionError: the part cannot be a target.
    """
    if behind and part.name in _BEHIND:
        return _BEHIND[part.name]
    if part.name in PLACES_OF_PARTS:
        return f"{part.sides(alone=True)[0]}_{PLACES_OF_PARTS[part.name]}"
    if part.name in MIDDLE:
        return MIDDLE[part.name]
    raise context.error(f"the {part.name} cannot be used as a target", part.span)


def with_side(part: Part, side: str) -> Part:
    """Assign a side to a part.

    Args:
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        The part with the side.
    """
    return Part(part.name, "left" if side == "left" else "right", part.span)


def joints_moving(part: Part, side: str) -> tuple[str, ...]:
    """Joints that move a part.

    Args:
        part: the body part.
        side: ``left`` or ``right``.

    Returns:
        Names of body joints.
    """
    if part.name in ARM_PARTS:
        return arm(side)
    if part.name in LEG_PARTS:
        return leg(side)
    return (*NECK, *SPINE) if part.name not in ("torso", "back", "chest", "shoulder") else SPINE


def helping_joints(part: Part) -> tuple[set[str], bool]:
    """Joints that may help to reach a part, and whether the pelvis may."""
    if part.name in LEG_PARTS and part.name not in ("hip", "thigh"):
        limbs = {joint for side in part.sides() for joint in leg(side)[:2]}
        return {*SPINE, *limbs}, True
    if part.name in ARM_PARTS:
        return {*SPINE, *(joint for side in part.sides() for joint in arm(side))}, False
    if part.name in HEAD:
        return {*SPINE, *NECK}, False
    return set(SPINE), False
