"""Parts of the body and its hands that can be ticked, locked and dragged in the studio."""

from __future__ import annotations

from collections.abc import Sequence

from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control import edits
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import HAND_LANDMARKS, NUM_HAND_JOINTS, SIDES

PARTS = ("left_arm", "right_arm", "left_leg", "right_leg", "torso", "head")
"""Parts of the body; each of its joints belongs to one."""

HANDS = ("left_hand", "right_hand")

FINGERS_OF: dict[str, tuple[str, ...]] = {
    hand: tuple(f"{side}_{finger}" for finger in ("thumb", "index", "middle", "ring", "pinky"))
    for hand, side in zip(HANDS, SIDES, strict=True)
}
"""Fingers of each hand, which are also the handles of their tips."""

FINGERTIPS: dict[str, int] = {
    finger: HAND_LANDMARKS.index(f"{finger}_tip") for fingers in FINGERS_OF.values() for finger in fingers
}
"""Landmark (of both hands' 42) of each finger's tip."""

_SPOKEN = {"index": "index finger", "middle": "middle finger", "ring": "ring finger", "pinky": "little finger"}


def side_of(finger: str) -> int:
    """0 for fingers of the left hand, 1 for those of the right one."""
    return SIDES.index(finger.partition("_")[0])


def of_body(parts: Sequence[str]) -> list[str]:
    """Those of the parts that belong to the body."""
    return [part for part in parts if part not in HANDS and part not in FINGERTIPS]


def of_hands(parts: Sequence[str]) -> list[str]:
    """Those of the parts that are hands or fingers."""
    return [part for part in parts if part in HANDS or part in FINGERTIPS]


def finger_joints_of(parts: Sequence[str]) -> list[int]:
    """Indices, among the 30 joints of both hands, of the joints of hands and fingers."""
    joints: set[int] = set()
    for part in of_hands(parts):
        side, _, name = part.partition("_")
        of_one = range(NUM_HAND_JOINTS) if name == "hand" else HAND.indices(name)
        joints |= {SIDES.index(side) * NUM_HAND_JOINTS + joint for joint in of_one}
    return sorted(joints)


def joints_of(parts: Sequence[str]) -> list[int]:
    """Indices, among the 51 joints of body and hands without the pelvis, of the joints of parts."""
    body = edits.joints_of(of_body(parts)) if of_body(parts) else []
    return [*body, *(NUM_BODY_JOINTS + joint for joint in finger_joints_of(parts))]


def spoken(part: str) -> str:
    """A part's or handle's name in words."""
    side, _, name = part.partition("_")
    return f"{side} {_SPOKEN.get(name, name)}".replace("_", " ").strip()
