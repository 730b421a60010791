"""People sampled from anny's calibrated distribution, with SMPL's joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from qposer.body_pose.skeleton import JOINT_NAMES, MIRROR, NUM_JOINTS
from qposer.hands.smplh import FINGERS

Array = np.ndarray

ADULTS, CHILDREN = (18.0, 70.0), (1.0, 18.0)
"""Ages in years."""

BATCH = 50
FLIP = np.array([-1.0, 1.0, 1.0])

# fmt: off
JOINT_BONES: dict[str, tuple[str, ...]] = {  # a joint is at the mean of these bones' heads
    "pelvis": ("root",), "neck": ("neck01",), "head": ("head",), "collar": ("clavicle",), "shoulder": ("upperarm01",),
    "elbow": ("lowerarm01",), "wrist": ("wrist",), "hand": tuple(f"finger{i}-1" for i in range(2, 6)),
    "knee": ("lowerleg01",), "ankle": ("foot",), "foot": tuple(f"toe{i}-1" for i in range(1, 6)),
}
# fmt: on

FINGER_NUMBERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
FINGER_BONES = tuple(f"finger{FINGER_NUMBERS[finger]}-{part}" for finger in FINGERS for part in (1, 2, 3))
"""The rig's bones of a hand whose heads are SMPL-H's finger joints, in its order."""

# The rig's spine shifts by centimetres with the chest's girth. Here it is placed relative to pelvis and neck: along the
# line between them, and behind it, in lengths of that line; on average at the heads of spine03, 02 and 01.
SPINE = {"spine1": (0.27692, 0.04638), "spine2": (0.42683, 0.05175), "spine3": (0.65959, 0.07040)}


@dataclass(frozen=True)
class People:
    """People in anny's A-pose, axes and order of joints as in SMPL, metres."""

    vertices: Float[Array, "people vertices 3"]
    joints: Float[Array, "people 24 3"]
    fingers: Float[Array, "people 2 15 3"]
    """Finger joints of the left and right hand, in SMPL-H's order."""

    @property
    def knuckles(self) -> Float[Array, "people 2 4 3"]:
        """The thumb's second joint, and the first of index, middle and little finger, of both hands."""
        return self.fingers[:, :, [FINGER_BONES.index(f"finger{name}") for name in ("1-2", "2-1", "3-1", "5-1")]]


def joint(name: str) -> int:
    """Index of an SMPL joint."""
    return JOINT_NAMES.index(name)


def joined(groups: Sequence[People]) -> People:
    """All people of several groups, in order."""
    parts = zip(*((group.vertices, group.joints, group.fingers) for group in groups), strict=True)
    return People(*(np.concatenate(part) for part in parts))


def sample_people(model: Any, count: int, seed: int, ages: tuple[float, float]) -> People:
    """Sample females and males, in equal parts, from anny's calibrated distribution.

    Args:
        model: anny's model.
        count: number of people.
        seed: random seed.
        ages: youngest and oldest in years; all ages between are equally frequent.

    Returns:
        The people in the A-pose, metres.
    """
    from anny import KeypointsRegressor
    from anny.shape_distribution import SimpleShapeDistribution

    torch.manual_seed(seed)  # the distribution draws from the global generator
    youngest, oldest = (torch.tensor(age, dtype=model.dtype) for age in ages)
    uniform = torch.distributions.Uniform(youngest, oldest)
    genders = torch.distributions.Bernoulli(torch.tensor(0.5, dtype=model.dtype))
    _, phenotypes = SimpleShapeDistribution(model, uniform, genders).sample(count)
    # The rig rotates the thigh at the trochanter; the joint's centre is at this height, but further medial and forward.
    hips = KeypointsRegressor.coco(model, labels=["left_hip", "right_hip"])
    to_smpl = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    chunks = []
    for start in range(0, count, BATCH):
        out = model(phenotype_kwargs={key: value[start : start + BATCH] for key, value in phenotypes.items()})
        heads_and_hips = torch.cat([out["rest_bone_heads"], hips({"vertices": out["rest_vertices"]})], dim=1)
        chunks.append([tensor.numpy() @ to_smpl.T for tensor in (heads_and_hips, out["rest_vertices"])])
    points, vertices = (np.concatenate(parts) for parts in zip(*chunks, strict=True))

    def heads(names: list[str]) -> Array:
        return points[:, [model.bone_labels.index(name) for name in names]]

    joints, fingers = np.zeros((count, NUM_JOINTS, 3)), np.zeros((count, 2, len(FINGER_BONES), 3))
    for name in ("pelvis", "neck", "head"):
        joints[:, joint(name)] = heads([*JOINT_BONES[name]]).mean(axis=1)
    trunk = joints[:, joint("neck")] - joints[:, joint("pelvis")]
    behind = np.cross(trunk, [1.0, 0.0, 0.0])
    for name, (up, back) in SPINE.items():
        joints[:, joint(name)] = joints[:, joint("pelvis")] + up * trunk + back * behind
    for i, (side, mark) in enumerate((("left", "L"), ("right", "R"))):
        hip = joints[:, joint(f"{side}_hip")]
        hip[:] = points[:, len(model.bone_labels) + i]
        hip[:, 1] = heads([f"upperleg01.{mark}"])[:, 0, 1]
        for part in ("collar", "shoulder", "elbow", "wrist", "hand", "knee", "ankle", "foot"):
            joints[:, joint(f"{side}_{part}")] = heads([f"{bone}.{mark}" for bone in JOINT_BONES[part]]).mean(axis=1)
        fingers[:, i] = heads([f"{bone}.{mark}" for bone in FINGER_BONES])
    fingers = (fingers + fingers[:, ::-1] * FLIP) / 2
    return People(vertices, (joints + joints[:, MIRROR] * FLIP) / 2, fingers)
