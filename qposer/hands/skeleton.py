"""The right hand: 15 joints in SMPL-H's order, flat with straight fingers when all rotations are zero.

The frame is that of a T-pose: fingers along -x, the back of the hand up (+y), the thumb forward (+z), the wrist at the
origin. A left hand is the mirror image (`mirror_hand`).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.articulation import Articulation, PoseLayout
from qposer.body_pose.rotations import reflected
from qposer.hands.smplh import FINGER_JOINT_NAMES, FINGERS, NUM_HAND_JOINTS

PARENTS = (-1, *(0 if joint % 3 == 0 else joint for joint in range(NUM_HAND_JOINTS)), 3, 6, 9, 12, 15)
"""Parents of the wrist, of the joints 1..15, and of the fingertips 16..20."""

LANDMARKS = (0, 13, 14, 15, 20, 1, 2, 3, 16, 4, 5, 6, 17, 10, 11, 12, 19, 7, 8, 9, 18)
"""Points of the skeleton in the order of MediaPipe's 21 landmarks (wrist, thumb, index, middle, ring, pinky)."""

# fmt: off
_KNUCKLES = np.array([
    [-0.0960, -0.0073, 0.0236], [-0.0956, -0.0025, 0.0017], [-0.0779, -0.0137, -0.0351], [-0.0887, -0.0065, -0.0175],
    [-0.0350, -0.0172, 0.0295],
])
"""First joint of each finger, metres: an adult's hand recorded by a headset (AdaRoseCannon/handy-work, flat hand)."""
_LENGTHS = np.array([
    [0.0379, 0.0243, 0.0222], [0.0430, 0.0276, 0.0250], [0.0306, 0.0203, 0.0220], [0.0390, 0.0266, 0.0244],
    [0.0326, 0.0338, 0.0246],
])
"""Lengths of each finger's bones, metres, of the same hand."""
_DIRECTIONS = np.array([
    [-0.9945, 0.0, 0.1045], [-1.0, 0.0, 0.0], [-0.9703, 0.0, -0.2419], [-0.9925, 0.0, -0.1219], [-0.80, -0.20, 0.566],
])
"""Directions of the straight fingers."""
_FLEXION = np.array([[0.0, 0.0, 1.0]] * 4 + [[0.12, -0.93, 0.32]])
"""Axes about which fingers flex, approximately; the thumb's is the mean of the headset's frames of its joints."""
# fmt: on


def _units(vectors: Float[np.ndarray, "fingers 3"]) -> Float[np.ndarray, "joints 3"]:
    """Unit vectors, each for the three joints of its finger."""
    return np.repeat(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), 3, axis=0).astype(np.float32)


BONES = _units(_DIRECTIONS)
"""Directions of the bones beyond the joints, flat hand."""
FLEXION_AXES = _units(np.cross(np.cross(_DIRECTIONS, _FLEXION), _DIRECTIONS))
"""Axes of flexion: a positive angle closes the hand."""
SPREAD_AXES = np.cross(BONES, FLEXION_AXES).astype(np.float32)
"""Axes of spreading: a positive angle moves a finger towards the thumb, and the thumb away from the palm."""


def rest_points(knuckles: Float[np.ndarray, "5 3"], lengths: Float[np.ndarray, "5 3"]) -> Float[np.ndarray, "21 3"]:
    """Positions of wrist, joints and fingertips of a flat hand.

    Args:
        knuckles: first joint of each finger, metres, the wrist at the origin.
        lengths: lengths of each finger's bones, metres.

    Returns:
        Positions in metres, in the skeleton's order.
    """
    beyond = knuckles[:, None] + np.cumsum(lengths, axis=1)[..., None] * BONES[::3, None]
    joints = np.concatenate([knuckles[:, None], beyond[:, :2]], axis=1).reshape(-1, 3)
    return np.concatenate([np.zeros((1, 3)), joints, beyond[:, 2]]).astype(np.float32)


HAND = Articulation(
    name="hand pose",
    joint_names=FINGER_JOINT_NAMES,
    parts={joint: (joint,) for joint in FINGER_JOINT_NAMES}
    | {finger: tuple(f"{finger}{number}" for number in (1, 2, 3)) for finger in FINGERS}
    | {"fingers": tuple(joint for joint in FINGER_JOINT_NAMES if not joint.startswith("thumb"))},
    parents=PARENTS,
    rest_points=rest_points(_KNUCKLES, _LENGTHS),
    layouts={
        15: PoseLayout("a hand pose", 0),
        30: PoseLayout("the poses of both hands, the left one first", 15),
        52: PoseLayout("an SMPL-H pose", 37),
        55: PoseLayout("an SMPL-X pose", 40),
    },
)
"""The joints of a right hand, with an adult's bones."""


def mirror_hand(
    hand_pose: Float[Tensor, "*batch 15 3"] | Float[Tensor, "*batch 15 3 3"],
) -> Float[Tensor, "*batch 15 3"] | Float[Tensor, "*batch 15 3 3"]:
    """The pose of the other hand: a left hand's of a right hand's, and the reverse.

    Args:
        hand_pose: axis-angle in radians, or rotation matrices.

    Returns:
        The mirror image, in the same representation.
    """
    if hand_pose.shape[-2:] == (3, 3):
        return reflected(hand_pose)
    return hand_pose * torch.tensor([1.0, -1.0, -1.0]).to(hand_pose)
