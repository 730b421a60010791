"""Parts of the body and its hands that can be ticked, locked and dragged in the studio."""

from __future__ import annotations

from collections.abc import Sequence

from qposer.control import whole_pose
from qposer.hands import pairs
from qposer.hands.smplh import HAND_LANDMARKS, SIDES

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
    return pairs.joints_of(of_hands(parts)) if of_hands(parts) else []


def joints_of(parts: Sequence[str]) -> list[int]:
    """Indices, among the 51 joints of body and hands without the pelvis, of the joints of parts."""
    return whole_pose.joints_of(parts) if parts else []


def spoken(part: str) -> str:
    """A part's or handle's name in words."""
    side, _, name = part.partition("_")
    return f"{side} {_SPOKEN.get(name, name)}".replace("_", " ").strip()
