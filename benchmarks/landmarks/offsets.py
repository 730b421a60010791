"""Offsets of the detector's keypoints from the landmarks of rendered bodies, in the axes of the bones."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.landmarks.segments import FORMAT
from benchmarks.rendered.scenes import Scenes
from benchmarks.rendered.sightings import TrackedKeypoints
from qposer.body_pose.kinematics import forward_kinematics
from qposer.body_pose.skeleton import JOINT_NAMES, REST_JOINTS

_BONES = {
    "head": "nose eye_inner eye eye_outer ear mouth",
    "spine3": "shoulder",
    "shoulder": "elbow",
    "elbow": "wrist",
    "wrist": "pinky index thumb",
    "pelvis": "hip",
    "knee": "knee ankle",
    "ankle": "heel foot_index",
}
"""Keypoints that move with the axes of each joint."""

ROUNDS, SCALE = 10, 0.03
"""Iterations of the reweighting, and scale of its robust weights in metres."""

FARTHEST = 0.12
"""Keypoints farther than this from the landmark are excluded, metres."""


def kind(name: str) -> str:
    """A keypoint's name without its side."""
    return name.removeprefix("left_").removeprefix("right_")


def _joint(name: str) -> int:
    of = {part: bone for bone, parts in _BONES.items() for part in parts.split()}[kind(name)]
    return JOINT_NAMES.index(of if of in JOINT_NAMES else f"{name.partition('_')[0]}_{of}")


def bone_axes(
    orient: Float[Tensor, "people 3 3"], body_pose: Float[Tensor, "people 21 3 3"]
) -> Float[np.ndarray, "people 33 3 3"]:
    """Compute the axes of the bones that keypoints move with.

    Args:
        orient: rotation of the pelvis.
        body_pose: rotations relative to the parents.

    Returns:
        Matrices whose columns point outward, up and forward in the rest pose.
    """
    world = forward_kinematics(torch.cat([orient[:, None], body_pose], dim=1), torch.from_numpy(REST_JOINTS[:22]))[0]
    axes = world[:, [_joint(name) for name in FORMAT.names]].numpy().copy()
    axes[:, [name.startswith("right") for name in FORMAT.names], :, 0] *= -1
    return np.asarray(axes)


def offsets(people: Scenes, seen: TrackedKeypoints) -> dict[str, Float[np.ndarray, "3"]]:
    """Estimate the offsets of visible keypoints from the landmarks.

    Args:
        people: true people.
        seen: detections.

    Returns:
        Mean offset over people by kind of keypoint: outward, up and forward, in metres.
    """
    chosen = torch.from_numpy(seen.person)
    points, focal = people.landmarks[chosen].numpy(), people.camera.focal[chosen].numpy()[:, None]
    apart = (seen.keypoints.xy - people.xy[chosen].numpy()) * (points[..., 2] / focal)[..., None]
    onward = points[..., :2] / points[..., 2:]
    axes = bone_axes(people.orient[chosen], people.body_pose[chosen])
    slopes = axes[:, :, :2] - onward[..., None] * axes[:, :, 2:]
    good = seen.visible & seen.inside & (np.linalg.norm(apart, axis=-1) < FARTHEST)
    found = {}
    for name in dict.fromkeys(map(kind, FORMAT.names)):
        own = good & np.array([kind(other) == name for other in FORMAT.names])
        found[name] = _robust_solution(slopes[own], apart[own])
    return found


def _robust_solution(slopes: Float[np.ndarray, "points 2 3"], apart: Float[np.ndarray, "points 2"]) -> np.ndarray:
    weight, offset = np.ones(len(apart)), np.zeros(3)
    for _ in range(ROUNDS):
        root = np.sqrt(weight)[:, None]
        offset = np.linalg.lstsq((root[..., None] * slopes).reshape(-1, 3), (root * apart).ravel(), rcond=None)[0]
        left = np.linalg.norm(apart - slopes @ offset, axis=-1)
        weight = (1 + (left / SCALE) ** 2) ** -2.0
    return offset


def moved(points: Float[np.ndarray, "33 3"], by: dict[str, Float[np.ndarray, "3"]]) -> Float[np.ndarray, "33 3"]:
    """Move landmarks of a body in the T-pose by the offsets of their kinds.

    Args:
        points: landmarks, metres.
        by: offsets by kind, metres.

    Returns:
        Moved landmarks, metres.
    """
    sides = np.array([(-1.0 if name.startswith("right") else 1.0, 1.0, 1.0) for name in FORMAT.names])
    moved: np.ndarray = points + sides * np.stack([by[kind(name)] for name in FORMAT.names])
    return moved
