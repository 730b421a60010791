"""The SMPL skeleton: 24 joints; 0 is the root and 1..21 are the body pose of the prior."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

# fmt: off
JOINT_NAMES: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)
PARENTS: tuple[int, ...] = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
# fmt: on

NUM_JOINTS = len(JOINT_NAMES)
NUM_BODY_JOINTS = 21
BODY_JOINT_NAMES = JOINT_NAMES[1 : NUM_BODY_JOINTS + 1]

MIRROR: tuple[int, ...] = tuple(
    JOINT_NAMES.index(name.replace("left", "right") if name.startswith("left") else name.replace("right", "left"))
    for name in JOINT_NAMES
)
"""Joint ``j`` of a mirrored pose is joint ``MIRROR[j]`` of the pose."""


def _with_sides(parts: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Expand parts with an asterisk to left, right and both."""
    named: dict[str, tuple[str, ...]] = {}
    for part, joints in parts.items():
        if "*" not in part:
            named[part] = joints
            continue
        sides = {side: tuple(joint.replace("*", side) for joint in joints) for side in ("left", "right")}
        named |= {part.replace("*", side): joints for side, joints in sides.items()}
        named[f"{part.removeprefix('*_')}s"] = sides["left"] + sides["right"]
    return named


BODY_PARTS: dict[str, tuple[str, ...]] = {joint: (joint,) for joint in BODY_JOINT_NAMES} | _with_sides(
    {
        "*_arm": ("*_collar", "*_shoulder", "*_elbow", "*_wrist"),
        "*_leg": ("*_hip", "*_knee", "*_ankle", "*_foot"),
        "torso": ("spine1", "spine2", "spine3"),
        "head": ("neck", "head"),
        "upper_body": tuple(j for j in BODY_JOINT_NAMES if not j.endswith(("hip", "knee", "ankle", "foot"))),
        "lower_body": tuple(j for j in BODY_JOINT_NAMES if j.endswith(("hip", "knee", "ankle", "foot"))),
        "left_side": tuple(j for j in BODY_JOINT_NAMES if j.startswith("left")),
        "right_side": tuple(j for j in BODY_JOINT_NAMES if j.startswith("right")),
    }
)
"""Body joints of each part by name. Each joint is a part, too, except that ``head`` is the head with the neck."""

FOREARM_SHARE = 0.7
"""Share of the forearm's twist that the elbow has, as in SMPL fits of people: the forearm's bones cross. The wrist has
the rest."""

# fmt: off
REST_JOINTS: Float[np.ndarray, "24 3"] = np.array([
    [0.0, 0.0, 0.0], [0.0985, -0.0155, 0.0110], [-0.0985, -0.0155, 0.0110], [0.0, 0.1499, -0.0247],
    [0.1329, -0.3942, 0.0071], [-0.1329, -0.3942, 0.0071], [0.0, 0.2311, -0.0273], [0.1198, -0.8263, -0.0365],
    [-0.1198, -0.8263, -0.0365], [0.0, 0.3571, -0.0371], [0.1292, -0.8762, 0.1044], [-0.1292, -0.8762, 0.1044],
    [0.0, 0.5412, 0.0016], [0.0232, 0.4652, 0.0157], [-0.0232, 0.4652, 0.0157], [0.0, 0.6382, 0.0349],
    [0.1762, 0.4712, 0.0118], [-0.1762, 0.4712, 0.0118], [0.4346, 0.4712, 0.0118], [-0.4346, 0.4712, 0.0118],
    [0.6661, 0.4712, 0.0118], [-0.6661, 0.4712, 0.0118], [0.7665, 0.4690, 0.0037], [-0.7665, 0.4690, 0.0037],
], dtype=np.float32)
# fmt: on
"""Joints of the open body's mean adult (1.69 m) in the T-pose, metres, pelvis at the origin; ``assets/body.npz`` holds
the same, and ``tools/build_body`` computes them."""
