"""The axes about which fingers bend, spread and twist, from the hands' landmarks at rest, and angles about them.

Left and right angles have the same meaning; all are zero at rest:

=============== ==================================== ================================================
joint           positive flexion                     positive spread
=============== ==================================== ================================================
a finger's 1    of the MCP joint, towards the palm   towards the thumb (radial)
a finger's 2, 3 of PIP and DIP, towards the palm     none in anatomy
thumb 1         of the CMC joint, across the palm    away from the palm (palmar abduction)
thumb 2, 3      of MCP and IP, towards the pad       little at the MCP joint, none at the IP joint
=============== ==================================== ================================================

The twist is about the bone: of the left hand, by the right-hand rule about the direction of the tip.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.hands import FINGERS, HAND_LANDMARKS, NUM_HAND_JOINTS

_PLACES = {name.removeprefix("left_"): place for place, name in enumerate(HAND_LANDMARKS[:21])}
_THUMB_PAD = torch.tensor(75.0).deg2rad()
"""Angle from the palm's direction to that of the thumb's pad, about the hand's long axis, measured on the open body."""


class FingerAxes(NamedTuple):
    """Orthogonal unit axes of the 30 finger joints in body space at rest, left hand first.

    Positive angles are right-handed turns about them. Those of the right hand are the left's, reflected as rotations.
    """

    flexion: Float[Tensor, "30 3"]
    spread: Float[Tensor, "30 3"]
    twist: Float[Tensor, "30 3"]

    @property
    def frames(self) -> Float[Tensor, "30 3 3"]:
        """Rotations whose columns are the axes of twist, spread and flexion."""
        return torch.stack([self.twist, self.spread, self.flexion], dim=-1)


def finger_axes(rest: Float[Tensor, "2 21 3"]) -> FingerAxes:
    """Axes of the finger joints.

    The twist axis is the direction of the bone; the spread axis is, as far as orthogonality allows, the direction in
    which the palm looks, and for the thumb the one in which its pad looks, 75 degrees further towards the little
    finger; the flexion axis is orthogonal to both.

    Args:
        rest: landmarks of the left and right hand in MediaPipe's order with all rotations zero, of any unit:
            `fitting.Body.hand_landmarks`, or, as a tensor, `qposer.body_pose.hands.REST_HANDS`.

    Returns:
        The axes.
    """
    to_left = rest.new_tensor([-1.0, 1.0, 1.0])
    left, right = (_left_axes(hand) for hand in (rest[0], rest[1] * to_left))
    return FingerAxes(*(torch.cat([one, -other * to_left]) for one, other in zip(left, right, strict=True)))


def _left_axes(hand: Float[Tensor, "21 3"]) -> tuple[Tensor, Tensor, Tensor]:
    """Axes of flexion, spread and twist of a left hand's 15 joints."""
    wrist, index, little = (hand[_PLACES[name]] for name in ("wrist", "index1", "pinky1"))
    palm = _unit(torch.linalg.cross(little - wrist, index - wrist))
    long_axis = _unit(index + little - 2 * wrist)
    ulnar = torch.linalg.cross(long_axis, palm)
    pad = _THUMB_PAD.cos() * palm + _THUMB_PAD.sin() * ulnar
    facing = torch.stack([pad if finger == "thumb" else palm for finger in FINGERS for _ in range(3)])
    twist = _unit(_chains(hand).diff(dim=1)[:, 1:].flatten(0, 1))
    spread = _unit(facing - (facing * twist).sum(-1, keepdim=True) * twist)
    return torch.linalg.cross(twist, spread), spread, twist


def rest_flexion(rest: Float[Tensor, "2 21 3"]) -> Float[Tensor, " 30"]:
    """Flexion of the joints at rest relative to straight fingers in line with the bones of the hand.

    Args:
        rest: landmarks, as in `finger_axes`.

    Returns:
        Radians between each bone and the one before it, about the flexion axis; before the first bones it is the line
        from the wrist.
    """
    axes, to_left = finger_axes(rest), rest.new_tensor([-1.0, 1.0, 1.0])
    bones = torch.cat([_chains(hand).diff(dim=1) for hand in (rest[0], rest[1] * to_left)])
    before, after = bones[:, :-1].flatten(0, 1), bones[:, 1:].flatten(0, 1)
    flexion = torch.cat([axes.flexion[:NUM_HAND_JOINTS], -axes.flexion[NUM_HAND_JOINTS:] * to_left])
    before = before - (before * flexion).sum(-1, keepdim=True) * flexion
    bent = (torch.linalg.cross(before, after) * flexion).sum(-1)
    return torch.atan2(bent, (before * after).sum(-1))


def finger_rotations(angles: Float[Tensor, "*batch 30 3"], axes: FingerAxes) -> Float[Tensor, "*batch 30 3 3"]:
    """Rotations of the joints relative to their parents: twist first, then spread, then flexion.

    Args:
        angles: flexion, spread and twist of each joint, radians, relative to the pose at rest.
        axes: axes of the joints.

    Returns:
        Rotation matrices; a body's ``hand_pose``.
    """
    (ca, cb, cc), (sa, sb, sc) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    rows = [
        *(ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc),
        *(sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc),
        *(-sb, cb * sc, cb * cc),
    ]
    frames = axes.frames.to(angles)
    rotations: Tensor = frames @ torch.stack(rows, dim=-1).unflatten(-1, (3, 3)) @ frames.mT
    return rotations


def finger_angles(rotations: Float[Tensor, "*batch 30 3 3"], axes: FingerAxes) -> Float[Tensor, "*batch 30 3"]:
    """Flexion, spread and twist of rotations; the inverse of `finger_rotations` for spreads within 90 degrees.

    Args:
        rotations: rotations of the joints relative to their parents.
        axes: axes of the joints.

    Returns:
        Radians relative to the pose at rest.
    """
    frames = axes.frames.to(rotations)
    local = frames.mT @ rotations @ frames
    flexion = torch.atan2(local[..., 1, 0], local[..., 0, 0])
    spread = torch.atan2(-local[..., 2, 0], torch.hypot(local[..., 2, 1], local[..., 2, 2]))
    twist = torch.atan2(local[..., 2, 1], local[..., 2, 2])
    return torch.stack([flexion, spread, twist], dim=-1)


def _chains(hand: Float[Tensor, "21 3"]) -> Float[Tensor, "5 5 3"]:
    """Wrist, joints and tip of each finger, in SMPL-H's order of fingers."""
    names = [name for finger in FINGERS for name in ("wrist", *(f"{finger}{part}" for part in ("1", "2", "3", "_tip")))]
    chains: Tensor = hand[[_PLACES[name] for name in names]].unflatten(0, (len(FINGERS), -1))
    return chains


def _unit(vectors: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    return torch.nn.functional.normalize(vectors, dim=-1)
