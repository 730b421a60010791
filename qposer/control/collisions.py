"""Penetration depth of arms into the rest of the body, approximated by spheres for use in every solver step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.body_pose.posed_skeleton import POINT_NAMES, OrientedPose, PosedSkeleton, carrier, sided
from qposer.body_pose.skeleton import JOINT_NAMES, REST_JOINTS

_FLESH = {
    **sided(
        {
            "*_buttock": ("pelvis", (0.08, -0.03, 0.0, 0.1)),
            "*_flank": ("spine1", (0.06, 0.12, 0.03, 0.1)),
            "*_ribs": ("spine2", (0.08, 0.27, 0.03, 0.1)),
            "*_breast": ("spine3", (0.09, 0.39, 0.01, 0.1)),
            "*_thigh": ("*_hip", (0.12, -0.16, 0.02, 0.09)),
            "*_knee": ("*_hip", (0.128, -0.3, 0.01, 0.075)),
        }
    ),
    "shoulders": ("spine3", (0.0, 0.47, -0.01, 0.09)),
    "neck": ("neck", (0.0, 0.56, 0.02, 0.06)),
    "head": ("head", (0.0, 0.69, 0.04, 0.1)),
}
"""Spheres inside the open body: the joint that carries each, its centre in the T-pose, and its radius, metres."""

_THICKNESS = {"elbow": 0.045, "forearm": 0.035, "wrist": 0.025, "palm": 0.015, "fingers": 0.005}
"""Minimum distance of points along an arm to a sphere, metres."""

_CARRIERS = [JOINT_NAMES.index(joint) for joint, _ in _FLESH.values()]
_LEVERS = torch.tensor([place[:3] for _, place in _FLESH.values()]) - torch.from_numpy(REST_JOINTS)[_CARRIERS]
_RADII = torch.tensor([place[3] for _, place in _FLESH.values()])
_POINTS = {side: [POINT_NAMES.index(f"{side}_{name}") for name in _THICKNESS] for side in ("left", "right")}
_MARGINS = torch.tensor(list(_THICKNESS.values()))


def penetration(skeleton: PosedSkeleton, sides: Sequence[str]) -> Float[Tensor, "*batch contacts"]:
    """Penetration of arm points into head, neck, trunk, and thighs in centimetres; zero outside.

    Args:
        skeleton: the bodies.
        sides: ``left``, ``right`` or both.

    Returns:
        Depths, one for each pair of a point and a part; at least zero.
    """
    joints = skeleton.points[..., _CARRIERS, :]
    centres = joints + (skeleton.world[..., _CARRIERS, :, :] @ _LEVERS.to(joints).unsqueeze(-1)).squeeze(-1)
    arms = skeleton.points[..., [index for side in sides for index in _POINTS[side]], :]
    gap = torch.linalg.vector_norm(arms.unsqueeze(-2) - centres.unsqueeze(-3), dim=-1)
    least = _MARGINS.repeat(len(sides))[:, None] + _RADII
    depth: Tensor = 100 * (least.to(gap) - gap).clamp(min=0).flatten(-2)
    return depth


def arms_and_flesh() -> tuple[Int[Tensor, " places"], Float[Tensor, "places 3"], Float[Tensor, "points spheres"]]:
    """The points of both arms, and then the spheres, in the T-pose.

    Returns:
        The joint that carries each, positions in metres, and the distances at which points touch spheres.
    """
    arms = [index for points in _POINTS.values() for index in points]
    carriers = torch.tensor([*(carrier(POINT_NAMES[index]) for index in arms), *_CARRIERS])
    rest = torch.from_numpy(REST_JOINTS)
    points = PosedSkeleton.of(OrientedPose.upright(torch.zeros(21, 3))).points[arms]
    places = torch.cat([points, rest[_CARRIERS] + _LEVERS])
    return carriers, places, _MARGINS.repeat(len(_POINTS))[:, None] + _RADII
