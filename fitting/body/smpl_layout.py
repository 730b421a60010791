"""The open body in the array layouts of SMPL and SMPL-H, for code written for these models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt32

from fitting.body.landmarks import SMPL_VERTEX_IDS, Landmark, smplx_vertex_ids
from qposer.body_pose.skeleton import JOINT_NAMES, NUM_BODY_JOINTS, NUM_JOINTS, PARENTS

if TYPE_CHECKING:
    from fitting.body.files import BodyData

SHAPE_COLUMNS = 300
"""Number of shape components in newer SMPL files. The smplx package allows more than ten betas only with this number;
missing components are zero."""

_TIP = "left_index_tip"
"""A landmark of the open body only."""

FINGERS = ("index", "middle", "pinky", "ring", "thumb")
"""Fingers of each hand of SMPL-H, with three joints each."""

PHALANGES = (0.0, 0.45, 0.73)
"""Positions of a finger's three joints, as fractions from knuckle to tip."""


def smpl_order(landmarks: Mapping[str, Landmark], vertices: int) -> Int[np.ndarray, " vertices"]:
    """An order of the open body's vertices in which the named ones have the same indices as in SMPL.

    The smplx package and tools based on it take keypoints of face, feet and fingertips from these indices.

    Args:
        landmarks: landmarks of the open body, in its own order.
        vertices: number of vertices.

    Returns:
        For each new index the old one; only the named vertices and those they swap with change.
    """
    order = np.arange(vertices)
    for name, source in smplx_vertex_ids(landmarks).items():
        target, place = SMPL_VERTEX_IDS[name], int(np.flatnonzero(order == source)[0])
        order[[target, place]] = order[[place, target]]
    return order


def renumbered(landmarks: Mapping[str, Landmark], order: Int[np.ndarray, " vertices"]) -> dict[str, Landmark]:
    """The landmarks after reordering the body's vertices.

    Args:
        landmarks: landmarks of the body by name.
        order: old index of each vertex of the new body.

    Returns:
        The landmarks by name.
    """
    new = np.argsort(order)
    return {
        name: {int(new[part]) if isinstance(part, int) else part: weight for part, weight in landmark.items()}
        for name, landmark in landmarks.items()
    }


def smpl_layout(data: BodyData) -> dict[str, np.ndarray]:
    """The arrays of an SMPL file by name, with the open body's vertices in ``smpl_order``."""
    vertices = len(data.template)
    order = smpl_order(data.landmarks, vertices) if _TIP in data.landmarks else np.arange(vertices)
    shapes = _compact(data.shapes[order])
    missing = max(0, SHAPE_COLUMNS - shapes.shape[-1])
    posedirs = np.zeros((vertices, 3, 9 * (NUM_JOINTS - 1)), np.float16)
    if data.pose_shapes is not None:
        posedirs = posedirs.astype(np.float32)
        posedirs[..., : len(data.pose_shapes)] = np.moveaxis(data.pose_shapes, 0, -1)[order]
    return {
        "v_template": data.template[order],
        "shapedirs": np.pad(shapes, [(0, 0), (0, 0), (0, missing)]),
        "posedirs": posedirs,
        "J_regressor": data.joint_regressor[:, order],
        "weights": data.weights[order],
        "f": np.argsort(order)[data.faces].astype(np.uint32),
        "kintree_table": _tree(PARENTS),
    }


def smplh_layout(data: BodyData) -> dict[str, np.ndarray]:
    """The arrays of an SMPL-H file: 52 joints, with finger joints that have positions but no skinning weights.

    A whole hand rotates with the wrist. The components of the hands' poses are the joints' own coordinates.

    Raises:
        ValueError: ``data`` is not the open body; others have no landmarks at the fingertips.
    """
    if _TIP not in data.landmarks:
        raise ValueError(f"expected the open body, found {data.name}: use its own SMPL-H file in other programs")
    smpl = smpl_layout(data)
    vertices = len(data.template)
    body = NUM_BODY_JOINTS + 1
    regressor, parents = [*data.joint_regressor[:body]], list(PARENTS[:body])
    for side in ("left", "right"):
        for finger in FINGERS:
            parents += [JOINT_NAMES.index(f"{side}_wrist"), len(parents), len(parents) + 1]
            regressor += _finger(data, side, finger)
    weights = np.zeros((vertices, len(parents)), np.float32)
    weights[:, :body] = smpl["weights"][:, :body]
    weights[:, [body - 2, body - 1]] += smpl["weights"][:, [body, body + 1]]
    posedirs = np.zeros((vertices, 3, 9 * (len(parents) - 1)), smpl["posedirs"].dtype)
    posedirs[..., : 9 * NUM_BODY_JOINTS] = smpl["posedirs"][..., : 9 * NUM_BODY_JOINTS]
    order = smpl_order(data.landmarks, vertices)
    hands = {f"hands_components{side}": np.eye(45) for side in "lr"} | {
        f"hands_mean{side}": np.zeros(45) for side in "lr"
    }
    return {
        **smpl,
        **hands,
        "J_regressor": np.stack(regressor)[:, order].astype(np.float32),
        "weights": weights,
        "posedirs": posedirs,
        "kintree_table": _tree(parents),
    }


def _finger(data: BodyData, side: str, finger: str) -> list[Float[np.ndarray, " vertices"]]:
    """Rows of the joint regressor for the three joints of a finger, the knuckle's first."""
    tip = _row(data, f"{side}_{finger}_tip")
    hand = data.joint_regressor[JOINT_NAMES.index(f"{side}_hand")]
    if finger == "thumb":
        middle, wrist = _row(data, f"{side}_thumb"), data.joint_regressor[JOINT_NAMES.index(f"{side}_wrist")]
        return [(wrist + middle) / 2, middle, (middle + tip) / 2]
    if finger == "middle":
        knuckle = hand
    else:
        knuckle = (hand + _row(data, f"{side}_pinky")) / 2 if finger == "ring" else _row(data, f"{side}_{finger}")
    return [knuckle + part * (tip - knuckle) for part in PHALANGES]


def _row(data: BodyData, landmark: str) -> Float[np.ndarray, " vertices"]:
    """Vertex weights of a landmark, in the body's own order."""
    row = np.zeros(len(data.template))
    for vertex, weight in data.landmarks[landmark].items():
        row[int(vertex)] = weight
    return row


def _tree(parents: tuple[int, ...] | list[int]) -> UInt32[np.ndarray, "2 joints"]:
    return np.array([[2**32 - 1, *parents[1:]], range(len(parents))], dtype=np.uint32)


def _compact(array: Float[np.ndarray, " *shape"]) -> Float[np.ndarray, " *shape"]:
    """The array in half precision if that is lossless, as it is for the open body."""
    half = array.astype(np.float16)
    return half if np.array_equal(half, array) else array
