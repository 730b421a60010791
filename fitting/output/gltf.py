"""A skinned body and its motion as binary glTF 2.0 (GLB): metres, y up."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from fitting.body.joint_sets import NAMES, TREES, WITH_FINGERS
from fitting.output.render import BODY_COLOURS
from fitting.output.skinning import SkeletonMotion, SkinnedBody
from qposer.body_pose.rotations import matrix_to_quaternion
from qposer.body_pose.skeleton import NUM_JOINTS
from qposer.hands.smplh import BODY_END, FINGERS, SIDES
from qposer.io.atomic_files import atomic_write

# fmt: off
HUMANOID_NAMES: tuple[str | None, ...] = (
    "hips", "leftUpperLeg", "rightUpperLeg", "spine", "leftLowerLeg", "rightLowerLeg", "chest", "leftFoot", "rightFoot",
    "upperChest", "leftToes", "rightToes", "neck", "leftShoulder", "rightShoulder", "head", "leftUpperArm",
    "rightUpperArm", "leftLowerArm", "rightLowerArm", "leftHand", "rightHand", None, None,
)
# fmt: on
"""VRM 1.0's names of SMPL's joints; Unity's Humanoid has the same. VRM's hands begin at the wrist, so SMPL's hands,
which never rotate, have none."""

_PHALANGES = {"thumb": ("Metacarpal", "Proximal", "Distal")}
_FINGER_NAMES = tuple(
    f"{side}{finger.replace('pinky', 'little').capitalize()}{part}"
    for side in SIDES
    for finger in FINGERS
    for part in _PHALANGES.get(finger, ("Proximal", "Intermediate", "Distal"))
)
_HUMANOID = {len(HUMANOID_NAMES): HUMANOID_NAMES, WITH_FINGERS: (*HUMANOID_NAMES[:BODY_END], *_FINGER_NAMES)}

_MAGIC, _VERSION, _JSON, _BINARY = 0x46546C67, 2, 0x4E4F534A, 0x004E4942  # glTF 2.0, section 4.4
_VERTEX_DATA, _INDICES = 34962, 34963
_COMPONENTS = {"float32": 5126, "uint32": 5125, "uint16": 5123, "uint8": 5121}
_TYPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_SHORT = 2**16 - 1
"""Meshes with fewer vertices have indices of 16 bits."""


def write_glb(path: str | Path, body: SkinnedBody, motion: SkeletonMotion, *, error_mm: float = 0.0) -> None:
    """Write the file of `glb` with the motion as its animation.

    Args:
        path: the file to write; its folder is created.
        body: the body in the T-pose.
        motion: its motion.
        error_mm: as in `glb`.

    Raises:
        ValueError: as in `glb`.
        OSError: the file cannot be written.
    """
    content = glb(body, motion, animated=True, error_mm=error_mm)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def glb(body: SkinnedBody, motion: SkeletonMotion, *, animated: bool = False, error_mm: float = 0.0) -> bytes:
    """A GLB file with a skin, a skeleton in the first pose, and, if asked for, all poses as an animation.

    The joints are nodes with SMPL's names; ``extras.humanoid`` of a node is VRM's name of the bone. Keyframes have the
    times of the frames in the video.

    Args:
        body: the body in the T-pose, which is the bind pose.
        motion: its motion.
        animated: whether the file has an animation.
        error_mm: largest distance of the skin from the fitted surface in millimetres, stored as
            ``extras.skinning_error_mm`` of the mesh.

    Returns:
        The bytes of the file.

    Raises:
        ValueError: a number is not finite, or the rate is not positive.
    """
    if not 0 < motion.fps < math.inf:
        raise ValueError(f"frames per second must be a positive number, not {motion.fps}")
    if not all(np.isfinite(values).all() for values in (body.vertices, body.joints, motion.root, motion.rotations)):
        raise ValueError("expected finite vertices, joints, positions and rotations, found NaN or infinite ones")
    turns = _continuous_quaternions(motion.rotations)
    data = _Data()
    content: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "QPoser"},
        "scene": 0,
        "scenes": [{"nodes": [0, len(body.joints)]}],
        "nodes": [*_joint_nodes(body.joints, motion.root[0], turns[0]), {"name": "body", "mesh": 0, "skin": 0}],
        "skins": [_skin(data, body.joints)],
        "meshes": [_mesh(data, body) | {"extras": {"skinning_error_mm": round(error_mm, 3)}}],
        "materials": [_material()],
    }
    if animated:
        content["animations"] = [_animation(data, motion, turns)]
    content |= {"accessors": data.accessors, "bufferViews": data.views, "buffers": [{"byteLength": len(data.binary)}]}
    text = json.dumps(content, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 4)
    chunks = [(_JSON, text), (_BINARY, bytes(data.binary))]
    body_bytes = b"".join(struct.pack("<II", len(chunk), kind) + chunk for kind, chunk in chunks)
    return struct.pack("<III", _MAGIC, _VERSION, 12 + len(body_bytes)) + body_bytes


class _Data:
    """The binary part of a file, and the description of its arrays."""

    def __init__(self) -> None:
        self.binary = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, array: np.ndarray, target: int | None = None, *, bounds: bool = False) -> int:
        """Append an array and return the index of its accessor; matrices must be transposed, column by column."""
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": array.nbytes}
        self.views.append(view if target is None else view | {"target": target})
        self.binary += array.tobytes()
        self.binary += bytes(-len(self.binary) % 4)
        accessor: dict[str, Any] = {"bufferView": len(self.views) - 1, "componentType": _COMPONENTS[array.dtype.name]}
        accessor |= {"count": len(array), "type": _TYPES[array.shape[1:]]}
        if bounds:
            accessor |= {"min": np.atleast_1d(array.min(0)).tolist(), "max": np.atleast_1d(array.max(0)).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _joint_nodes(
    rest: Float[np.ndarray, "joints 3"], root: Float[np.ndarray, "3"], turns: Float[np.ndarray, "joints 4"]
) -> list[dict[str, Any]]:
    """The nodes of the skeleton, in SMPL's order, in a pose."""
    nodes: list[dict[str, Any]] = []
    number, tree = len(rest), TREES[len(rest)]
    for joint, (name, parent, humanoid) in enumerate(zip(NAMES[number], tree, _HUMANOID[number], strict=True)):
        place = rest[joint] - rest[parent] if joint else root
        node: dict[str, Any] = {"name": name, "translation": place.tolist(), "rotation": turns[joint].tolist()}
        children = [child for child, above in enumerate(tree) if above == joint]
        node |= {"children": children} if children else {}
        nodes.append(node | ({"extras": {"humanoid": humanoid}} if humanoid else {}))
    return nodes


def _skin(data: _Data, rest: Float[np.ndarray, "joints 3"]) -> dict[str, Any]:
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(rest), 1, 1))
    inverse[:, 3, :3] = -rest  # column by column
    return {"joints": list(range(len(rest))), "skeleton": 0, "inverseBindMatrices": data.add(inverse)}


def _mesh(data: _Data, body: SkinnedBody) -> dict[str, Any]:
    index = np.uint16 if len(body.vertices) <= _SHORT else np.uint32
    attributes = {
        "POSITION": data.add(body.vertices.astype(np.float32), _VERTEX_DATA, bounds=True),
        "NORMAL": data.add(_normals(body.vertices, body.faces).astype(np.float32), _VERTEX_DATA),
        "JOINTS_0": data.add(body.bones.astype(np.uint8), _VERTEX_DATA),
        "WEIGHTS_0": data.add(body.weights.astype(np.float32), _VERTEX_DATA),
    }
    corners = data.add(body.faces.astype(index).ravel(), _INDICES)
    return {"name": "body", "primitives": [{"attributes": attributes, "indices": corners, "material": 0}]}


def _material() -> dict[str, Any]:
    colour = [float(value) ** 2.2 for value in BODY_COLOURS[0]]  # glTF's colours are linear
    surface = {"baseColorFactor": [*colour, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.7}
    return {"name": "body", "pbrMetallicRoughness": surface}


def _animation(data: _Data, motion: SkeletonMotion, turns: Float[np.ndarray, "frames joints 4"]) -> dict[str, Any]:
    """Keyframes of the root's position and of the rotations of all joints but SMPL's hands, which never rotate."""
    times = data.add(motion.times.astype(np.float32), bounds=True)
    outputs = [(0, "translation", data.add(motion.root.astype(np.float32)))]
    for joint in range(BODY_END if turns.shape[1] == NUM_JOINTS else turns.shape[1]):
        outputs.append((joint, "rotation", data.add(np.ascontiguousarray(turns[:, joint]).astype(np.float32))))
    return {
        "name": "motion",
        "samplers": [{"input": times, "output": output} for _, _, output in outputs],
        "channels": [
            {"sampler": sampler, "target": {"node": node, "path": path}}
            for sampler, (node, path, _) in enumerate(outputs)
        ],
    }


def _continuous_quaternions(rotations: Float[np.ndarray, "frames joints 3 3"]) -> Float[np.ndarray, "frames joints 4"]:
    """Unit quaternions (x, y, z, w) that keep their sign from frame to frame, for programs that mix them linearly."""
    turns: np.ndarray = matrix_to_quaternion(torch.from_numpy(rotations)).numpy()
    flips = np.sign((turns[1:] * turns[:-1]).sum(-1, keepdims=True))
    turns[1:] *= np.cumprod(np.where(flips < 0, -1.0, 1.0), axis=0)
    return turns


def _normals(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Unit normals of the vertices, the mean of the faces around, weighted by area."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    of_faces = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], of_faces)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.where(length > 0, length, 1.0), [0.0, 1.0, 0.0])
