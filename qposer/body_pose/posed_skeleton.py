"""A posed skeleton: positions of joints and body landmarks, and rotations of joints.

The axes are those of an upright person: x to the person's left, y up, z forward; metres, the pelvis at the origin.
Constraints, instructions and descriptions all use these definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.kinematics import forward_kinematics, mirror_body_pose
from qposer.body_pose.poses import as_matrices
from qposer.body_pose.rotations import axis_angle_to_matrix, reflected
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, JOINT_NAMES, NUM_BODY_JOINTS, PARENTS, REST_JOINTS


class OrientedPose(NamedTuple):
    """A body pose and the orientation of the pelvis in the world.

    Both are matrices with equal batch dimensions. With the identity the pelvis is upright and faces forward.
    """

    body_pose: Float[Tensor, "*batch 21 3 3"]
    global_orient: Float[Tensor, "*batch 3 3"]

    @classmethod
    def upright(cls, body_pose: Float[Tensor, "*batch 21 3"] | Float[Tensor, "*batch 21 3 3"]) -> OrientedPose:
        """A body pose, axis-angle or matrices, with an upright pelvis.

        Raises:
            ValueError: the input is not a body pose.
        """
        matrices = as_matrices(body_pose)
        root = torch.eye(3, dtype=matrices.dtype, device=matrices.device)
        return cls(matrices, root.expand(*matrices.shape[:-3], 3, 3))

    def to(self, like: Tensor) -> OrientedPose:
        """The pose with the device and precision of a tensor."""
        return OrientedPose(self.body_pose.to(like), self.global_orient.to(like))

    def mirrored(self) -> OrientedPose:
        """The mirrored pose, with left and right swapped."""
        return OrientedPose(mirror_body_pose(self.body_pose), reflected(self.global_orient))


Place = tuple[str, tuple[float, ...]]
"""The joint that carries a point and its position in the T-pose; more numbers may follow x, y, z."""


def sided(places: Mapping[str, Place]) -> dict[str, Place]:
    """Expand points with an asterisk in the name, given for the left, to both sides."""
    both: dict[str, Place] = {}
    for name, (joint, numbers) in places.items():
        for side, sign in (("left", 1), ("right", -1)) if "*" in name else (("", 1),):
            both[name.replace("*", side)] = (joint.replace("*", side), (sign * numbers[0], *numbers[1:]))
    return both


SURFACE_MARKERS = sided(
    {
        "*_fingers": ("*_wrist", (0.85, 0.438, 0.01)),
        "*_palm": ("*_wrist", (0.76, 0.452, 0.0)),
        "*_heel": ("*_ankle", (0.121, -0.868, -0.093)),
        "*_toes": ("*_foot", (0.12, -0.889, 0.15)),
        "*_sole": ("*_ankle", (0.122, -0.89, 0.03)),
        "*_kneecap": ("*_knee", (0.132, -0.391, 0.075)),
        "*_shin": ("*_knee", (0.125, -0.61, 0.045)),
        "*_thigh": ("*_hip", (0.123, -0.19, 0.1)),
        "*_buttock": ("pelvis", (0.064, -0.048, -0.109)),
        "*_waist": ("pelvis", (0.165, 0.05, 0.01)),
        "*_ear": ("head", (0.074, 0.666, 0.044)),
        "*_eye": ("head", (0.029, 0.682, 0.13)),
        "*_cheek": ("head", (0.05, 0.625, 0.1)),
        "*_upper_arm": ("*_shoulder", (0.31, 0.471, 0.045)),
        "*_forearm": ("*_elbow", (0.55, 0.471, 0.03)),
        "nose": ("head", (0.0, 0.641, 0.157)),
        "mouth": ("head", (0.0, 0.61, 0.14)),
        "chin": ("head", (0.0, 0.575, 0.125)),
        "forehead": ("head", (0.0, 0.735, 0.14)),
        "back_of_head": ("head", (0.0, 0.7, -0.07)),
        "crown": ("head", (0.0, 0.791, 0.048)),
        "nape": ("neck", (0.0, 0.56, -0.06)),
        "throat": ("neck", (0.0, 0.548, 0.078)),
        "chest": ("spine3", (0.0, 0.4, 0.111)),
        "belly": ("spine1", (0.0, 0.12, 0.137)),
        "upper_back": ("spine3", (0.0, 0.404, -0.091)),
        "lower_back": ("spine1", (0.0, 0.132, -0.075)),
        "groin": ("pelvis", (0.0, -0.08, 0.1)),
    }
)
"""Points on the skin of the open body: the joint that carries each, and its position in the T-pose, metres from the
pelvis. They move rigidly with their joint."""

POINT_NAMES = (*JOINT_NAMES, *SURFACE_MARKERS)
"""Names of all points: the 24 joints, then the surface points."""

GROUND_POINTS = tuple(
    f"{side}_{part}" for part in ("heel", "toes", "kneecap", "fingers", "buttock") for side in ("left", "right")
)
"""Points that may touch the ground; the lowest defines the ground."""

_CARRIERS = [JOINT_NAMES.index(joint) for joint, _ in SURFACE_MARKERS.values()]
_LEVERS = torch.tensor([place for _, place in SURFACE_MARKERS.values()]) - torch.from_numpy(REST_JOINTS)[_CARRIERS]
_REST = torch.from_numpy(REST_JOINTS)


def carrier(point: str) -> int:
    """The joint (of 24) that carries a point; a joint's position is carried by its parent."""
    if point in SURFACE_MARKERS:
        return JOINT_NAMES.index(SURFACE_MARKERS[point][0])
    return max(PARENTS[JOINT_NAMES.index(point)], 0)


class PosedSkeleton(NamedTuple):
    """World rotations and points of an oriented pose.

    Attributes:
        local: rotations of the 21 body joints relative to their parents.
        world: rotations of the 24 joints relative to the world.
        points: positions of `POINT_NAMES` in metres, the pelvis at the origin.
    """

    local: Float[Tensor, "*batch 21 3 3"]
    world: Float[Tensor, "*batch 24 3 3"]
    points: Float[Tensor, "*batch points 3"]

    @classmethod
    def of(cls, posture: OrientedPose) -> PosedSkeleton:
        """The posed skeleton of an oriented pose."""
        local, orient = posture
        hands = torch.eye(3, dtype=local.dtype, device=local.device).expand(*local.shape[:-3], 2, 3, 3)
        rotations = torch.cat([orient.unsqueeze(-3), local, hands], dim=-3)
        world, joints = forward_kinematics(rotations, _REST.to(local))
        levers = (world[..., _CARRIERS, :, :] @ _LEVERS.to(local).unsqueeze(-1)).squeeze(-1)
        return cls(local, world, torch.cat([joints, joints[..., _CARRIERS, :] + levers], dim=-2))

    def point(self, name: str) -> Float[Tensor, "*batch 3"]:
        """Position of a joint or surface point.

        Raises:
            ValueError: there is no point with that name.
        """
        if name not in POINT_NAMES:
            raise ValueError(f"there is no point {name!r}: use one of {', '.join(POINT_NAMES)}")
        return self.points[..., POINT_NAMES.index(name), :]

    def world_rotation(self, joint: str) -> Float[Tensor, "*batch 3 3"]:
        """World rotation of a joint; columns are the directions of its left, up and forward axes of the T-pose."""
        return self.world[..., JOINT_NAMES.index(joint), :, :]

    def rotation(self, joint: str) -> Float[Tensor, "*batch 3 3"]:
        """Rotation of a body joint relative to its parent."""
        return self.local[..., JOINT_NAMES.index(joint) - 1, :, :]

    def ground(self) -> Float[Tensor, " *batch"]:
        """Height of the ground, below the lowest of `GROUND_POINTS`."""
        return torch.stack([self.point(name)[..., 1] for name in GROUND_POINTS], dim=-1).amin(-1)


_AT_EASE = {
    "left_hip": (-0.03, -0.02, -0.04),
    "left_knee": (0.11, -0.01, 0.07),
    "left_ankle": (-0.03, 0.08, 0.0),
    "neck": (0.06, 0.0, 0.0),
    "head": (-0.2, 0.0, 0.0),
    "left_shoulder": (0.16, 0.02, -1.24),
    "left_elbow": (0.04, -0.47, 0.26),
    "left_wrist": (0.05, -0.12, 0.07),
}


def neutral_pose() -> OrientedPose:
    """A relaxed standing pose: upright, looking ahead, arms hanging. Left and right are mirror images."""
    body_pose = torch.zeros(NUM_BODY_JOINTS, 3)
    for name, (x, y, z) in _AT_EASE.items():
        body_pose[BODY_JOINT_NAMES.index(name)] = torch.tensor([x, y, z])
        if name.startswith("left"):
            body_pose[BODY_JOINT_NAMES.index(name.replace("left", "right"))] = torch.tensor([x, -y, -z])
    return OrientedPose.upright(axis_angle_to_matrix(body_pose))
