"""Readers of recorded hands: 21 landmarks each, in MediaPipe's order, all as right hands."""

from __future__ import annotations

import json
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from qposer.data.bvh import read_bvh
from qposer.hands.godot import read_bone_rotations
from qposer.io.npz import read_npz

Landmarks = Float[np.ndarray, "hands 21 3"]
"""Positions in a right-handed frame, in any unit; wrist, then four points of thumb, index, middle, ring and pinky."""

WEBXR = (0, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23, 24)
"""WebXR's 25 joints without the metacarpals of the four fingers, which have no landmark."""
_WEBXR_JOINTS = 25

_IMAGE_AXES = np.array([1.0, -1.0, -1.0])
"""From images, with y down and depth away from the camera, to y up."""


def as_right_hands(landmarks: Float[np.ndarray, "*hands 21 3"]) -> Float[np.ndarray, "*hands 21 3"]:
    """Mirror images, which make right hands of left ones."""
    mirrored: np.ndarray = landmarks * np.array([-1.0, 1.0, 1.0])
    return mirrored


def read_image_landmarks(path: Path) -> tuple[Landmarks, np.ndarray]:
    """Landmarks of images and their labels, from an npz with ``landmarks`` and ``letter``.

    Args:
        path: x and y as fractions of an image's width and height, z relative, in units of the width.

    Returns:
        The same numbers with y up, and the label of each.

    Raises:
        ValueError: the file has no such arrays.
    """
    arrays = read_npz(path, ("landmarks", "letter"))
    if set(arrays) != {"landmarks", "letter"} or arrays["landmarks"].shape[1:] != (21, 3):
        raise ValueError(f"{path}: expected landmarks (N, 21, 3) and a letter for each")
    return arrays["landmarks"].astype(float) * _IMAGE_AXES, arrays["letter"]


def read_pickled_landmarks(path: Path) -> Landmarks:
    """Landmarks of a clip from a pickled list of arrays ``(21, 3)`` in double precision.

    Nothing is unpickled: the arrays' bytes are taken from the file.

    Raises:
        ValueError: the file contains no such arrays.
    """
    size = 21 * 3 * 8
    try:
        found = [argument for code, argument, _ in pickletools.genops(path.read_bytes()) if code.name == "BINBYTES"]
    except Exception as error:  # pickletools raises anything on damaged files
        raise ValueError(f"{path}: expected a pickled list of landmarks ({error})") from error
    blocks = [block for block in found if isinstance(block, bytes)]
    if not blocks or {len(block) for block in blocks} != {size}:
        raise ValueError(f"{path}: expected a pickled list of arrays (21, 3) in double precision")
    return np.stack([np.frombuffer(block, "<f8").reshape(21, 3) for block in blocks])


def read_handpose(path: Path) -> Landmarks:
    """Left and right hand of a WebXR pose of AdaRoseCannon/handy-work, both as right hands.

    Raises:
        ValueError: the file is not such a pose.
    """
    values = np.fromfile(path, dtype="<f4")
    count = 2 * _WEBXR_JOINTS * 16
    if len(values) < 1 + count or values[0] != _WEBXR_JOINTS:
        raise ValueError(f"{path}: expected matrices of {_WEBXR_JOINTS} joints of two hands")
    left, right = values[1 : 1 + count].reshape(2, _WEBXR_JOINTS, 4, 4)[:, list(WEBXR), 3, :3].astype(float)
    return np.stack([as_right_hands(left), right])


def read_offset_matrices(path: Path) -> Landmarks:
    """The left hand of a pose in the source of meta-quest/immersive-web-emulation-runtime, as a right hand.

    Raises:
        ValueError: the file does not hold the matrices of 25 joints.
    """
    found = re.findall(r"offsetMatrix:\s*\[([^\]]*)\]", path.read_text(encoding="utf-8"))
    matrices = [[float(number) for number in numbers.replace(",", " ").split()] for numbers in found]
    if len(matrices) != _WEBXR_JOINTS or {len(numbers) for numbers in matrices} != {16}:
        raise ValueError(f"{path}: expected offsetMatrix of {_WEBXR_JOINTS} joints, found {len(matrices)}")
    places = np.array(matrices).reshape(-1, 4, 4)[list(WEBXR), 3, :3]
    return as_right_hands(places)[None]


def read_godot_hands(animations: list[Path], model: Path) -> Landmarks:
    """Right hands posed by animations of GodotVR/godot-xr-tools.

    Args:
        animations: resources with the rotations of the right hand's bones.
        model: the hand (gltf) whose bones they turn.

    Returns:
        Metres, one hand for each animation.

    Raises:
        ValueError: a file is damaged, or the model has other bones.
    """
    nodes = json.loads(model.read_text(encoding="utf-8"))["nodes"]
    number_of = {node.get("name"): number for number, node in enumerate(nodes)}
    chains = [
        [f"{finger}_{bone}_R" for bone in bones]
        for finger, bones in (
            ("Thumb", ("Metacarpal", "Proximal", "Distal", "Tip")),
            *((f, ("Proximal", "Intermediate", "Distal", "Tip")) for f in ("Index", "Middle", "Ring", "Little")),
        )
    ]
    names = ["Wrist_R", *(name for chain in chains for name in chain)]
    if not number_of.keys() >= set(names):
        raise ValueError(f"{model}: expected a right hand with the bones {', '.join(names)}")
    hands = []
    for path in animations:
        turned = read_bone_rotations(path)
        places = _places(nodes, number_of["Wrist_R"], turned)
        hands.append([places[name] for name in names])
    return np.array(hands)


def _places(nodes: list[dict[str, Any]], root: int, turned: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Positions of a gltf's nodes below a root, with the given rotations instead of their own."""
    places: dict[str, np.ndarray] = {}

    def visit(number: int, place: np.ndarray, world: Rotation) -> None:
        node = nodes[number]
        places[node["name"]] = place
        for child in node.get("children", ()):
            below = nodes[child]
            at = place + world.apply(below.get("translation", (0.0, 0.0, 0.0)))
            own = turned.get(below["name"], below.get("rotation", (0.0, 0.0, 0.0, 1.0)))
            visit(child, at, world * Rotation.from_quat(own))

    visit(root, np.zeros(3), Rotation.identity())
    return places


def read_makehuman_hands(path: Path) -> Landmarks:
    """Both hands of every frame of a BVH clip on MakeHuman's default rig, as right hands.

    Raises:
        ValueError: the file is not such a clip.
    """
    clip = read_bvh(path)
    hands = []
    for side in "LR":
        names = [f"wrist.{side}"]
        for finger in range(1, 6):
            names += [f"finger{finger}-{bone}.{side}" for bone in (1, 2, 3)] + [f"finger{finger}-3.{side} end"]
        if not set(names) <= set(clip.names):
            raise ValueError(f"{path}: expected the fingers of MakeHuman's default rig")
        places = clip.positions()[:, [clip.names.index(name) for name in names]]
        hands.append(as_right_hands(places) if side == "L" else places)
    return np.concatenate(hands)
