"""The open body in the array layouts of SMPL and SMPL-H, for code written for these models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt32

from fitting.body.landmarks import OFFICIAL, SMPL_VERTEX_IDS, Landmark, smplx_vertex_ids

if TYPE_CHECKING:
    from fitting.body.body_data import BodyData

SHAPE_COLUMNS = 300
"""Number of shape components in newer SMPL files. The smplx package allows more than ten betas only with this number;
missing components are zero."""


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
    """The arrays of an SMPL or, with fingers, an SMPL-H file by name; the open body's vertices in ``smpl_order``."""
    vertices, joints = len(data.template), len(data.joint_regressor)
    order = np.arange(vertices) if vertices in OFFICIAL else smpl_order(data.landmarks, vertices)
    shapes = _compact(data.shapes[order])
    missing = max(0, SHAPE_COLUMNS - shapes.shape[-1])
    posedirs = np.zeros((vertices, 3, 9 * (joints - 1)), np.float16)
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
        "kintree_table": _tree(data.parents),
    }


def smplh_layout(data: BodyData) -> dict[str, np.ndarray]:
    """The arrays of an SMPL-H file by name.

    Args:
        data: the open body with fingers.

    Raises:
        ValueError: ``data`` is another body, or has no fingers.
    """
    if len(data.template) in OFFICIAL:
        raise ValueError(f"expected the open body, found {data.name}: use its own SMPL-H file in other programs")
    if data.hand_space is None:
        raise ValueError(f"expected a body with fingers, found {data.name} without: load it with hands=True")
    space = zip("lr", data.hand_space.means, data.hand_space.components, strict=True)
    hands = {
        name: array
        for side, mean, components in space
        for name, array in ((f"hands_mean{side}", mean), (f"hands_components{side}", components))
    }
    return smpl_layout(data) | hands


def _tree(parents: tuple[int, ...]) -> UInt32[np.ndarray, "2 joints"]:
    return np.array([[2**32 - 1, *parents[1:]], range(len(parents))], dtype=np.uint32)


def _compact(array: Float[np.ndarray, " *shape"]) -> Float[np.ndarray, " *shape"]:
    """The array in half precision if that is lossless, as it is for the open body."""
    half = array.astype(np.float16)
    return half if np.array_equal(half, array) else array
