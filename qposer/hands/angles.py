"""Joint angles of a hand: flexion, spreading and twist of every joint, and their anatomical ranges."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix, turn_about
from qposer.hands.skeleton import BONES, FLEXION_AXES, SPREAD_AXES

# fmt: off
_FINGER_DEGREES = (
    ((-30, 90), (-20, 20), (0, 0)),
    ((-5, 110), (0, 0), (0, 0)),
    ((-8, 80), (0, 0), (0, 0)),
)
_THUMB_DEGREES = (
    ((-30, 45), (-25, 45), (-20, 40)),
    ((-10, 50), (-15, 10), (0, 0)),
    ((-20, 80), (0, 0), (0, 0)),
)
# fmt: on
LIMITS = torch.deg2rad(torch.tensor([*_FINGER_DEGREES * 4, *_THUMB_DEGREES], dtype=torch.float32))
"""Least and largest flexion, spreading and twist of the 15 joints, radians: active ranges of adults. The thumb's first
joint counts from the flat hand, in which the thumb is half abducted."""

DIP_PER_PIP = 2 / 3
"""Flexion of a finger's last joint relative to its middle one, which one tendon bends together."""

NARROWEST = 0.25
"""Share of the range of spreading that is left to a finger flexed by 90 degrees, whose ligaments are tight."""


def rotations_of(angles: Float[Tensor, "*batch 15 3"]) -> Float[Tensor, "*batch 15 3 3"]:
    """Rotations of joints: spread in the plane of the palm, then flexed, after a twist about the bone.

    Args:
        angles: flexion, spreading and twist of the joints, radians.

    Returns:
        Rotations relative to the parents.
    """
    flexion, spread, twist = (
        axis_angle_to_matrix(angles[..., kind, None] * axes) for kind, axes in enumerate(_axes(angles))
    )
    rotations: Tensor = flexion @ spread @ twist
    return rotations


def angles_of(rotations: Float[Tensor, "*batch 15 3 3"]) -> Float[Tensor, "*batch 15 3"]:
    """Flexion, spreading and twist of joints, radians; inverse of `rotations_of`."""
    bones = torch.from_numpy(BONES).to(rotations)
    flexion, spread = direction_angles((rotations @ bones.unsqueeze(-1)).squeeze(-1)).unbind(-1)
    swing = rotations_of(torch.stack([flexion, spread, torch.zeros_like(flexion)], dim=-1))
    twist = turn_about(swing.mT @ rotations, bones)
    return torch.stack([flexion, spread, torch.remainder(twist + math.pi, 2 * math.pi) - math.pi], dim=-1)


def direction_angles(directions: Float[Tensor, "*batch 15 3"]) -> Float[Tensor, "*batch 15 2"]:
    """Flexion and spreading, radians, that turn the bones into directions given in the frames of their parents.

    Args:
        directions: unit vectors.

    Returns:
        Flexion from -pi to pi, spreading from -pi/2 to pi/2.
    """
    flexion_axes, spread_axes, bones = _axes(directions)
    along, sideways, up = ((directions * axis).sum(-1) for axis in (bones, flexion_axes, spread_axes))
    return torch.stack([torch.atan2(-up, along), torch.asin(sideways.clamp(-1, 1))], dim=-1)


def clamped(angles: Float[Tensor, "*batch 15 3"]) -> Float[Tensor, "*batch 15 3"]:
    """The nearest angles within the anatomical ranges; flexed fingers spread less."""
    low, high = LIMITS.to(angles).unbind(-1)
    inside = angles.clamp(low, high)
    free = 1 - (1 - NARROWEST) * inside[..., :12, 0].clamp(0, math.pi / 2) / (math.pi / 2)
    spread = torch.maximum(torch.minimum(inside[..., :12, 1], high[:12, 1] * free), low[:12, 1] * free)
    spread = torch.cat([spread, inside[..., 12:, 1]], dim=-1)
    return torch.stack([inside[..., 0], spread, inside[..., 2]], dim=-1)


def _axes(like: Tensor) -> tuple[Float[Tensor, "15 3"], Float[Tensor, "15 3"], Float[Tensor, "15 3"]]:
    """Axes of flexion, of spreading and of twist."""
    flexion, spread, bones = (torch.from_numpy(axes).to(like) for axes in (FLEXION_AXES, SPREAD_AXES, BONES))
    return flexion, spread, bones
