"""The joints of SMPL, SMPL-H and SMPL-X, and how those of one become those of another."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from qposer.body_pose.hands import BODY_END, SMPLH_JOINT_NAMES, SMPLH_PARENTS
from qposer.body_pose.skeleton import JOINT_NAMES, NUM_JOINTS, PARENTS

TREES = {len(tree): tree for tree in (PARENTS, SMPLH_PARENTS)}
"""Parents of the joints of a body without and with fingers, by their number."""

NAMES = {len(names): names for names in (JOINT_NAMES, SMPLH_JOINT_NAMES)}
"""Names of these joints."""

WITH_FINGERS = len(SMPLH_PARENTS)
FIRST_FINGERS = {WITH_FINGERS: BODY_END, 55: BODY_END + 3}  # by number of joints; SMPL-X has jaw and eyes before them
KNUCKLES = {NUM_JOINTS: (22, 23), WITH_FINGERS: (25, 40), 55: (28, 43)}
"""SMPL's hand joints by number of joints: in models with fingers, the middle one's knuckle."""


def check_tree(parents: Int[np.ndarray, " joints"], hands: bool) -> None:
    """Reject trees other than those of SMPL, SMPL-H and SMPL-X.

    Args:
        parents: parent of each joint.
        hands: whether the tree must have SMPL-H's fingers.

    Raises:
        ValueError: the tree is another one.
    """
    joints = len(parents)
    if joints not in KNUCKLES or tuple(parents[1:BODY_END]) != PARENTS[1:BODY_END]:
        raise ValueError(f"expected the 24, 52 or 55 joints of SMPL, SMPL-H or SMPL-X, found {joints}")
    if any(not 0 <= parents[j] < j for j in range(1, joints)):
        raise ValueError("expected every joint after its parent, found another order")
    if hands and joints not in FIRST_FINGERS:
        raise ValueError(f"expected the 52 or 55 joints of SMPL-H or SMPL-X, whose fingers move, found {joints}")
    if hands:
        kept = sources(joints, hands).tolist()
        if any(kept[above] != parents[j] for j, above in zip(kept[BODY_END:], SMPLH_PARENTS[BODY_END:], strict=True)):
            raise ValueError("expected five fingers of three joints at each wrist, found another tree")


def sources(joints: int, hands: bool) -> Int[np.ndarray, " kept"]:
    """The joint of a model that becomes each joint of a body.

    Args:
        joints: number of joints of the model.
        hands: whether the body has fingers.

    Returns:
        Indices of joints of the model.
    """
    kept = range(FIRST_FINGERS[joints], joints) if hands else KNUCKLES[joints]
    return np.array([*range(BODY_END), *kept])


def merged(
    weights: Float[np.ndarray, "vertices joints"], parents: Int[np.ndarray, " joints"], hands: bool
) -> Float[np.ndarray, "vertices kept"]:
    """Skinning weights of a model with those of dropped joints added to the joints that they move with.

    Args:
        weights: weights of the model's joints.
        parents: parent of each joint.
        hands: whether the fingers are kept.

    Returns:
        Weights of a body's joints.
    """
    kept = {int(source): joint for joint, source in enumerate(sources(len(parents), hands))} if hands else {}
    found = np.zeros((len(weights), WITH_FINGERS if hands else NUM_JOINTS))
    for j in range(len(parents)):
        found[:, kept[j] if j in kept else _owner(j, parents)] += weights[:, j]
    return found


def _owner(j: int, parents: Int[np.ndarray, " joints"]) -> int:
    """The joint among SMPL's 24 that a joint moves with: fingers with their hand, jaw and eyes with the head."""
    hands = {20: 22, 21: 23}  # wrist: hand
    while j >= BODY_END:
        j = int(parents[j])
        if j in hands:
            return hands[j]
    return j
