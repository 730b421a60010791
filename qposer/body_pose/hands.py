"""SMPL-H's hands: 15 joints each, after the 22 joints of the body."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

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

# fmt: off
_REST_LEFT: Float[np.ndarray, "21 3"] = np.array([
    [0.0000, 0.0000, 0.0000], [0.0387, -0.0043, 0.0249], [0.0505, -0.0253, 0.0450], [0.0765, -0.0437, 0.0646],
    [0.1022, -0.0549, 0.0733], [0.1065, -0.0046, 0.0267], [0.1319, -0.0116, 0.0305], [0.1528, -0.0226, 0.0326],
    [0.1763, -0.0360, 0.0349], [0.1056, 0.0000, 0.0000], [0.1381, -0.0112, -0.0046], [0.1637, -0.0232, -0.0066],
    [0.1875, -0.0349, -0.0089], [0.0997, 0.0003, -0.0200], [0.1274, -0.0084, -0.0291], [0.1500, -0.0189, -0.0347],
    [0.1747, -0.0307, -0.0397], [0.0899, -0.0046, -0.0389], [0.1084, -0.0125, -0.0477], [0.1210, -0.0208, -0.0529],
    [0.1385, -0.0297, -0.0578],
], dtype=np.float32)
# fmt: on
REST_HANDS: Float[np.ndarray, "2 21 3"] = np.stack([_REST_LEFT, _REST_LEFT * np.array([-1, 1, 1], np.float32)])
"""Landmarks of the open body's hands at rest in the T-pose, relative to the wrists, metres: palms down, relaxed, with
fingers bent by 13 to 19 degrees at the MCP and 6 to 12 at the PIP joints."""
