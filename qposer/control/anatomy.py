"""Joint angles: measurement on a posed skeleton, and anatomical ranges.

Signs are anatomical: flexion bends forward (a knee backward), abduction goes outward, turns and tilts of trunk and head
go to the person's left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.posed_skeleton import PosedSkeleton

Measure = Callable[[PosedSkeleton], Float[Tensor, " *batch"]]


def angle_between(a: Float[Tensor, "*batch 3"], b: Float[Tensor, "*#batch 3"]) -> Float[Tensor, " *batch"]:
    """Degrees between two directions of any length, exact near 0 and 180.

    Args:
        a: directions.
        b: the other directions; their batch dimensions broadcast to those of ``a``.

    Returns:
        Degrees, from 0 to 180.
    """
    a, b = torch.broadcast_tensors(a, b)
    across = torch.linalg.vector_norm(torch.linalg.cross(a, b), dim=-1)
    return torch.atan2(across, (a * b).sum(-1)).rad2deg()


def degrees(y: Float[Tensor, " *batch"], x: Float[Tensor, " *batch"]) -> Float[Tensor, " *batch"]:
    """The angle of a point (x, y) in degrees.

    Args:
        y: ordinates.
        x: abscissas.

    Returns:
        Degrees, from -180 to 180, as ``atan2`` has them.
    """
    return torch.atan2(y, x).rad2deg()


def _twist(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, " *batch"]:
    """Twist of a rotation about its y axis in degrees (swing-twist decomposition)."""
    return degrees(rotation[..., 0, 2] - rotation[..., 2, 0], rotation[..., 0, 0] + rotation[..., 2, 2])


def _sign(side: str) -> float:
    return 1.0 if side == "left" else -1.0


def _knee(skeleton: PosedSkeleton, side: str) -> Tensor:
    shin = -skeleton.rotation(f"{side}_knee")[..., 1]
    return torch.copysign(angle_between(shin, shin.new_tensor([0.0, -1.0, 0.0])), -shin[..., 2])


_FOREARM_BENDS = (0.0, 0.5, 0.866)
"""Direction in which the forearm moves when the elbow bends in the T-pose, in the upper arm's frame."""


def _elbow(skeleton: PosedSkeleton, side: str) -> Tensor:
    straight = skeleton.local.new_tensor([_sign(side), 0.0, 0.0])
    forearm = skeleton.rotation(f"{side}_elbow") @ straight
    return torch.copysign(angle_between(forearm, straight), forearm @ forearm.new_tensor(_FOREARM_BENDS))


def _thigh(skeleton: PosedSkeleton, side: str) -> Tensor:
    return -skeleton.rotation(f"{side}_hip")[..., 1]


def _arm(skeleton: PosedSkeleton, side: str) -> Tensor:
    """Direction of the upper arm in the frame of the chest."""
    turned = skeleton.rotation(f"{side}_collar") @ skeleton.rotation(f"{side}_shoulder")
    return _sign(side) * turned[..., 0]


def _between(skeleton: PosedSkeleton, joint: str, base: str) -> Tensor:
    return skeleton.world_rotation(base).mT @ skeleton.world_rotation(joint)


def _shrug(skeleton: PosedSkeleton, side: str) -> Tensor:
    collar = _sign(side) * skeleton.rotation(f"{side}_collar")[..., 0]
    return collar[..., 1].clamp(-1, 1).asin().rad2deg()


def _shoulder_retraction(skeleton: PosedSkeleton, side: str) -> Tensor:
    collar = _sign(side) * skeleton.rotation(f"{side}_collar")[..., 0]
    return -collar[..., 2].clamp(-1, 1).asin().rad2deg()


def _hip_flexion(skeleton: PosedSkeleton, side: str) -> Tensor:
    thigh = _thigh(skeleton, side)
    return degrees(thigh[..., 2], -thigh[..., 1])


def _hip_abduction(skeleton: PosedSkeleton, side: str) -> Tensor:
    return (_sign(side) * _thigh(skeleton, side)[..., 0]).clamp(-1, 1).asin().rad2deg()


def _hip_rotation(skeleton: PosedSkeleton, side: str) -> Tensor:
    return _sign(side) * _twist(skeleton.rotation(f"{side}_hip"))


def _shoulder_flexion(skeleton: PosedSkeleton, side: str) -> Tensor:
    arm = _arm(skeleton, side)
    return degrees(arm[..., 2], -arm[..., 1])


def _shoulder_abduction(skeleton: PosedSkeleton, side: str) -> Tensor:
    arm = _arm(skeleton, side)
    return degrees(_sign(side) * arm[..., 0], -arm[..., 1])


def _shoulder_elevation(skeleton: PosedSkeleton, side: str) -> Tensor:
    return angle_between(_arm(skeleton, side), skeleton.local.new_tensor([0.0, -1.0, 0.0]))


def _shoulder_rotation(skeleton: PosedSkeleton, side: str) -> Tensor:
    turned = skeleton.rotation(f"{side}_shoulder")
    return degrees(turned[..., 1, 2] - turned[..., 2, 1], turned[..., 1, 1] + turned[..., 2, 2])


def _ankle(skeleton: PosedSkeleton, side: str) -> Tensor:
    toes = skeleton.rotation(f"{side}_ankle")[..., 2]
    return degrees(-toes[..., 1], toes[..., 2])


def _wrist(skeleton: PosedSkeleton, side: str) -> Tensor:
    hand = _sign(side) * skeleton.rotation(f"{side}_wrist")[..., 0]
    return degrees(-hand[..., 1], _sign(side) * hand[..., 0])


def _bend(joint: str, base: str) -> Measure:
    def measure(skeleton: PosedSkeleton) -> Tensor:
        up = _between(skeleton, joint, base)[..., 1]
        return degrees(up[..., 2], up[..., 1])

    return measure


def _tilt(joint: str, base: str) -> Measure:
    def measure(skeleton: PosedSkeleton) -> Tensor:
        up = _between(skeleton, joint, base)[..., 1]
        return degrees(up[..., 0], up[..., 1])

    return measure


def _turn(joint: str, base: str) -> Measure:
    return lambda skeleton: _twist(_between(skeleton, joint, base))


_SIDED = {
    "knee_flexion": (_knee, -5.0, 155.0, ("knee",)),
    "elbow_flexion": (_elbow, -5.0, 155.0, ("elbow",)),
    "hip_flexion": (_hip_flexion, -35.0, 130.0, ("hip",)),
    "hip_abduction": (_hip_abduction, -40.0, 75.0, ("hip",)),
    "hip_rotation": (_hip_rotation, -50.0, 60.0, ("hip",)),
    "shoulder_flexion": (_shoulder_flexion, -65.0, 180.0, ("collar", "shoulder")),
    "shoulder_abduction": (_shoulder_abduction, -50.0, 180.0, ("collar", "shoulder")),
    "shoulder_elevation": (_shoulder_elevation, 0.0, 180.0, ("collar", "shoulder")),
    "shoulder_rotation": (_shoulder_rotation, -100.0, 100.0, ("shoulder",)),
    "shrug": (_shrug, -20.0, 35.0, ("collar",)),
    "shoulder_retraction": (_shoulder_retraction, -20.0, 25.0, ("collar",)),
    "ankle_flexion": (_ankle, -35.0, 60.0, ("ankle", "foot")),
    "wrist_flexion": (_wrist, -80.0, 85.0, ("wrist",)),
}
_SPINE = ("spine1", "spine2", "spine3")
_NECK = ("neck", "head")


@dataclass(frozen=True)
class Anatomy:
    """A joint angle: its measure, anatomical range and joints."""

    measure: Measure
    low: float
    high: float
    joints: tuple[str, ...]


def _for_side(function: Callable[[PosedSkeleton, str], Tensor], side: str) -> Measure:
    return lambda skeleton: function(skeleton, side)


ANGLES: dict[str, Anatomy] = {
    f"{side}_{name}": Anatomy(_for_side(function, side), low, high, tuple(f"{side}_{joint}" for joint in joints))
    for name, (function, low, high, joints) in _SIDED.items()
    for side in ("left", "right")
} | {
    "trunk_bend": Anatomy(_bend("spine3", "pelvis"), -35.0, 80.0, _SPINE),
    "trunk_tilt": Anatomy(_tilt("spine3", "pelvis"), -40.0, 40.0, _SPINE),
    "trunk_turn": Anatomy(_turn("spine3", "pelvis"), -50.0, 50.0, _SPINE),
    "head_bend": Anatomy(_bend("head", "spine3"), -60.0, 60.0, _NECK),
    "head_tilt": Anatomy(_tilt("head", "spine3"), -45.0, 45.0, _NECK),
    "head_turn": Anatomy(_turn("head", "spine3"), -85.0, 85.0, _NECK),
}
"""Angles of the body by name; those of limbs begin with a side. The ranges are rounded from clinical norms (American
Academy of Orthopaedic Surgeons, 1965), wider where movements of several joints are combined."""
