"""Lengths of body segments between keypoints, as fractions of the torso, and their lean towards the camera."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float

from fitting.body.body import Body
from fitting.body.landmarks import Landmark, mixing_matrix, used_vertices
from fitting.inputs.keypoints import FORMATS, FormatName

FORMAT = FORMATS["mediapipe"]
BEFORE: dict[FormatName, dict[str, Landmark]] = {
    "mediapipe": {
        "hip": {"spine1": 0.16, "pelvis": -0.16},
        "ankle": {"knee": 0.08, "ankle": -0.08},
        "heel": {"knee": 0.05, "ankle": -0.05},
    }
}
"""Shifts chosen from rendered bodies only."""

LIMBS = {
    "upper arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
    "wrist to index": ("wrist", "index"),
    "wrist to pinky": ("wrist", "pinky"),
    "wrist to thumb": ("wrist", "thumb"),
    "thigh": ("hip", "knee"),
    "shin": ("knee", "ankle"),
    "ankle to heel": ("ankle", "heel"),
    "ankle to toes": ("ankle", "foot_index"),
    "heel to toes": ("heel", "foot_index"),
}
"""Segments on both sides of the body; their lengths are averaged."""

WIDTHS = {"shoulders": "shoulder", "hips": "hip", "ears": "ear", "eyes": "eye", "mouth": "mouth"}
"""Segments from a left to a right keypoint."""

AXIAL = {
    "neck": ("ear", "shoulder"),
    "torso": ("shoulder", "hip"),
    "thighs": ("hip", "knee"),
    "shins": ("knee", "ankle"),
}
"""Segments between midpoints of left and right keypoints."""

IN_IMAGE = ("neck", "thigh", "shin")
"""Segments with about the same depth at both ends in people who stand."""

NAMES = ("torso, mm", "neck", "nose to ears", *LIMBS, *WIDTHS)


def _pair(points: Float[np.ndarray, "*batch 33 axes"], kind: str) -> tuple[np.ndarray, np.ndarray]:
    left, right = FORMAT.indices(f"left_{kind}", f"right_{kind}")
    return points[..., left, :], points[..., right, :]


def _middle(points: Float[np.ndarray, "*batch 33 axes"], kind: str) -> Float[np.ndarray, "*batch axes"]:
    left, right = _pair(points, kind)
    return np.asarray((left + right) / 2)


def lengths(points: Float[np.ndarray, "people 33 axes"]) -> Float[np.ndarray, "people segments"]:
    """Lengths in the order of `NAMES`: the torso in thousandths of the points' unit, others as fractions of it."""

    def length(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(a - b, axis=-1))

    shoulders, ears = _middle(points, "shoulder"), _middle(points, "ear")
    torso = length(shoulders, _middle(points, "hip"))
    others = [length(ears, shoulders), length(points[..., FORMAT.names.index("nose"), :], ears)]
    for ends in LIMBS.values():
        above, below = (_pair(points, end) for end in ends)
        others.append((length(above[0], below[0]) + length(above[1], below[1])) / 2)
    others += [length(*_pair(points, kind)) for kind in WIDTHS.values()]
    return np.stack([1000 * torso, *(other / torso for other in others)], axis=-1)


def leans(points: Float[np.ndarray, "*batch 33 3"]) -> Float[np.ndarray, "*batch parts"]:
    """Lean of the segments of `AXIAL` towards the camera (x right, y down, z forward), in degrees."""
    found = []
    for above, below in AXIAL.values():
        down = _middle(points, below) - _middle(points, above)
        found.append(np.degrees(np.arctan2(down[..., 2], down[..., 1])))
    return np.stack(found, axis=-1)


@torch.no_grad()
def of_bodies(
    body: Body, betas: Float[torch.Tensor, "people betas"], shifts: Mapping[FormatName, Mapping[str, Landmark]]
) -> Float[np.ndarray, "people 33 3"]:
    """Compute MediaPipe's landmarks on bodies in the T-pose.

    Args:
        body: body model.
        betas: shape coefficients of each person.
        shifts: offsets of keypoints from the body's landmarks.

    Returns:
        Landmarks in body axes, metres.
    """
    rest = betas.new_zeros(len(betas), 22, 3)
    output = body(rest[:, 0], rest[:, 1:], betas)
    vertices = used_vertices(body.data.landmarks)
    points = np.concatenate([output.vertices[:, vertices].numpy(), output.joints.numpy()], axis=1)
    return np.asarray(mixing_matrix("mediapipe", body.data.landmarks, vertices, shifts) @ points)
