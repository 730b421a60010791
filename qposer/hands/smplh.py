"""SMPL-H's hands: 15 joints each, after the 22 joints of the body."""

from __future__ import annotations

from qposer.body_pose.skeleton import JOINT_NAMES, MIRROR, NUM_BODY_JOINTS, PARENTS

SIDES = ("left", "right")
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
"""Fingers of a hand in SMPL-H's order, with three joints each, the nearest to the wrist first."""

NUM_HAND_JOINTS = 15
BODY_END = NUM_BODY_JOINTS + 1
HAND_JOINTS = tuple(range(BODY_END + i * NUM_HAND_JOINTS, BODY_END + (i + 1) * NUM_HAND_JOINTS) for i in range(2))
"""Indices of the left and the right hand's joints."""

FINGER_JOINT_NAMES = tuple(f"{finger}{part}" for finger in FINGERS for part in (1, 2, 3))
"""Joints of one hand. Of a finger these are MCP, PIP and DIP; of the thumb CMC, MCP and IP."""

SMPLH_JOINT_NAMES = (
    *JOINT_NAMES[:BODY_END],
    *(f"{side}_{joint}" for side in SIDES for joint in FINGER_JOINT_NAMES),
)
SMPLH_PARENTS = (
    *PARENTS[:BODY_END],
    *(
        JOINT_NAMES.index(f"{side}_wrist") if joint % 3 == 0 else hand[joint] - 1
        for side, hand in zip(SIDES, HAND_JOINTS, strict=True)
        for joint in range(NUM_HAND_JOINTS)
    ),
)
HAND_MIRROR = (*range(NUM_HAND_JOINTS, 2 * NUM_HAND_JOINTS), *range(NUM_HAND_JOINTS))
"""Joint ``j`` of two mirrored hands, left before right, is joint ``HAND_MIRROR[j]`` of the hands."""

SMPLH_MIRROR = (*MIRROR[:BODY_END], *(BODY_END + joint for joint in HAND_MIRROR))

HAND_LANDMARKS = tuple(
    f"{side}_{part}"
    for side in SIDES
    for part in (
        "wrist",
        *(
            f"{finger}{suffix}"
            for finger in ("thumb", "index", "middle", "ring", "pinky")
            for suffix in ("1", "2", "3", "_tip")
        ),
    )
)
"""The 21 landmarks of each hand in MediaPipe's order, the left hand's first: joints, and the tips of the fingers."""
