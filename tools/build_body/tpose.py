"""Conversion of people from anny's A-pose to SMPL's T-pose."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from qposer.body_pose.skeleton import NUM_JOINTS, PARENTS
from tools.build_body.people import Array, People, joint

COLLAR_RAISE = np.radians(10.0)  # the clavicle rises with the arm


def to_tpose(people: People, weights: Float[Array, "vertices 24"]) -> People:
    """The same people in the T-pose, pelvis at the origin.

    The skinning is inverted, so that the body posed in the A-pose is exactly anny's mesh.

    Args:
        people: people in the A-pose.
        weights: skinning weights.

    Returns:
        The people.
    """
    rotations = tpose_rotations(people)
    joints = np.zeros_like(people.joints)
    for j, parent in enumerate(PARENTS[1:], start=1):
        bone = people.joints[:, j] - people.joints[:, parent]
        joints[:, j] = joints[:, parent] + np.einsum("nij,nj->ni", rotations[:, parent], bone)
    back = rotations.swapaxes(-1, -2)
    shift = people.joints - np.einsum("njkl,njl->njk", back, joints)
    vertices = np.empty_like(people.vertices)
    for n in range(len(vertices)):
        linear = np.tensordot(weights, back[n], axes=1)
        vertices[n] = np.linalg.solve(linear, (people.vertices[n] - weights @ shift[n])[..., None])[..., 0]
    wrists = [joint("left_wrist"), joint("right_wrist")]
    hands = people.fingers - people.joints[:, wrists, None]
    fingers = joints[:, wrists, None] + np.einsum("nhij,nhkj->nhki", rotations[:, wrists], hands)
    return People(vertices, joints, fingers)


def tpose_rotations(people: People) -> Float[Array, "people 24 3 3"]:
    """Global rotation of every joint that takes the A-pose to SMPL's T-pose.

    Arms straight along +-x with vertical elbow hinges and palms down; thighs and shins in SMPL's
    directions; trunk, head and feet unchanged.
    """
    rotations = np.tile(np.eye(3), (len(people.joints), NUM_JOINTS, 1, 1))
    for i, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        at = {
            part: people.joints[:, joint(f"{side}_{part}")]
            for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        }
        upper_arm, forearm = at["elbow"] - at["shoulder"], at["wrist"] - at["elbow"]
        thigh, shin = at["knee"] - at["hip"], at["ankle"] - at["knee"]
        hinge = np.cross(upper_arm, forearm)
        index, middle, little = np.moveaxis(people.knuckles[:, i, 1:], 1, 0)
        fingers, back_of_hand = middle - at["wrist"], sign * np.cross(middle - at["wrist"], little - index)
        out, up = np.array([sign, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
        turns = {
            "shoulder": frame(out, -sign * up) @ frame(upper_arm, hinge).swapaxes(-1, -2),
            "elbow": frame(out, -sign * up) @ frame(forearm, hinge).swapaxes(-1, -2),
            "wrist": frame(out, up) @ frame(fingers, back_of_hand).swapaxes(-1, -2),
            "hip": shortest_rotation(thigh, np.array([sign * 0.09, -0.99, -0.01])),
            "knee": shortest_rotation(shin, np.array([-sign * 0.03, -0.99, -0.1])),
            "collar": shortest_rotation(out, np.array([sign * np.cos(COLLAR_RAISE), np.sin(COLLAR_RAISE), 0.0])),
        }
        turns["hand"] = turns["wrist"]
        for part, turn in turns.items():
            rotations[:, joint(f"{side}_{part}")] = turn
    return rotations


def shortest_rotation(start: Array, end: Array) -> Array:
    """Rotation by the smallest angle from direction ``start`` to direction ``end`` (which are not parallel).

    Args:
        start: unit vectors.
        end: unit vectors.

    Returns:
        Rotation matrices.
    """
    start, end = np.broadcast_arrays(start, end)
    axis = np.cross(start, end)
    rotation: Array = frame(end, axis) @ frame(start, axis).swapaxes(-1, -2)
    return rotation


def frame(first: Array, second: Array) -> Array:
    """Rotation whose first column is ``first`` and whose second is as near ``second`` as that allows.

    Args:
        first: directions of any length.
        second: other directions, not parallel to the first ones.

    Returns:
        Rotation matrices, by Gram-Schmidt.
    """
    first = unit(np.asarray(first, float))
    third = unit(np.cross(first, second))
    return np.stack([first, np.cross(third, first), third], axis=-1)


def unit(vectors: Array) -> Array:
    """Vectors of length one."""
    scaled: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled
