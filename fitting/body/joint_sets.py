"""The joints of SMPL, SMPL-H and SMPL-X, and how those of one become those of another."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from qposer.body_pose.skeleton import JOINT_NAMES, NUM_JOINTS, PARENTS
from qposer.hands.smplh import BODY_END, FINGERS, HAND_JOINTS, SIDES, SMPLH_JOINT_NAMES, SMPLH_PARENTS

TREES = {len(tree): tree for tree in (PARENTS, SMPLH_PARENTS)}
"""Parents of the joints of a body without and with fingers, by their number."""

NAMES = {len(names): names for names in (JOINT_NAMES, SMPLH_JOINT_NAMES)}
"""Names of these joints."""

WITH_FINGERS = len(SMPLH_PARENTS)
FIRST_FINGERS = {WITH_FINGERS: BODY_END, 55: BODY_END + 3}  # by number of joints; SMPL-X has jaw and eyes before them


def check_tree(parents: Int[np.ndarray, " joints"], hands: bool) -> None:
    """Reject trees other than those of SMPL, SMPL-H and SMPL-X.

    Args:
        parents: parent of each joint.
        hands: whether the tree must have SMPL-H's fingers.

    Raises:
        ValueError: the tree is another one.
    """
    joints = len(parents)
    if joints not in (NUM_JOINTS, *FIRST_FINGERS) or tuple(parents[1:BODY_END]) != PARENTS[1:BODY_END]:
        raise ValueError(f"expected the 24, 52 or 55 joints of SMPL, SMPL-H or SMPL-X, found {joints}")
    if any(not 0 <= parents[j] < j for j in range(1, joints)):
        raise ValueError("expected every joint after its parent, found another order")
    if hands and joints not in FIRST_FINGERS:
        raise ValueError(f"expected the 52 or 55 joints of SMPL-H or SMPL-X, whose fingers move, found {joints}")
    if hands:
        kept = rotating(joints, hands).tolist()
        if any(kept[above] != parents[j] for j, above in zip(kept[BODY_END:], SMPLH_PARENTS[BODY_END:], strict=True)):
            raise ValueError("expected five fingers of three joints at each wrist, found another tree")


def rotating(joints: int, hands: bool) -> Int[np.ndarray, " rotating"]:
    """The joints of a model that are a body's rotating joints.

    Args:
        joints: number of joints of the model.
        hands: whether the body has fingers.

    Returns:
        Indices of joints of the model.
    """
    return np.array([*range(BODY_END), *(range(FIRST_FINGERS[joints], joints) if hands else ())])


def joint_rows(
    regressor: Float[np.ndarray, "joints vertices"], hands: bool, knuckles: tuple[str, ...]
) -> Float[np.ndarray, "kept vertices"]:
    """The rows of a model's joint regressor for a body's joints.

    Args:
        regressor: regressor of all joints of the model.
        hands: whether the body has fingers.
        knuckles: fingers whose first joints have SMPL's hand joint as their mean.

    Returns:
        The regressor of 24 joints, or with fingers of 52.
    """
    joints = len(regressor)
    if hands or joints == NUM_JOINTS:
        return regressor[rotating(joints, hands) if hands else slice(None)]
    firsts = [hand[0] - BODY_END + FIRST_FINGERS[joints] for hand in HAND_JOINTS]
    rows = [regressor[[first + 3 * FINGERS.index(finger) for finger in knuckles]].mean(axis=0) for first in firsts]
    return np.concatenate([regressor[:BODY_END], rows])


def hand_joints(knuckles: tuple[str, ...]) -> dict[str, dict[int | str, float]]:
    """SMPL's hand joints as landmarks of a body with fingers: the means of the first joints of some fingers."""
    return {f"{side}_hand": {f"{side}_{finger}1": 1 / len(knuckles) for finger in knuckles} for side in SIDES}


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
    kept = {int(source): joint for joint, source in enumerate(rotating(len(parents), hands))} if hands else {}
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
