"""Joint angles of hands from their 21 landmarks: inverse kinematics within the anatomical ranges."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.articulation import Articulation
from qposer.body_pose.rotations import axis_angle_to_matrix, nearest_rotation
from qposer.hands.angles import DIP_PER_PIP, clamped, direction_angles, rotations_of
from qposer.hands.skeleton import HAND, LANDMARKS, rest_points
from qposer.hands.smplh import NUM_HAND_JOINTS

_KNUCKLES = (1, 4, 7, 10, 13)
_RIGID = (0, *_KNUCKLES)
_RIGID_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.3)
"""Points of the palm, and their weights: the thumb's first joint moves a little."""

_UNIT = 0.005
"""Distance in metres of a landmark that costs as much as the spread of an angle below."""
_COUPLING, _SPREAD, _THUMB = math.radians(25), math.radians(15), math.radians(30)
"""Spreads of the last joint about its share of the middle joint's flexion, of spreading, and of the thumb's angles."""


class Lifted(NamedTuple):
    """Hands as joint angles."""

    angles: Float[Tensor, "hands 15 3"]
    """Flexion, spreading and twist, radians."""
    error: Float[Tensor, " hands"]
    """Mean distance of the landmarks from the posed hand, metres in the size of the adult hand."""


class _Palms(NamedTuple):
    """Landmarks relative to the palm."""

    rotations: Float[Tensor, "hands 3 3"]
    """From the palm's frame to the frame of the landmarks."""
    points: Float[Tensor, "hands 21 3"]
    """In the palm's frame and the adult hand's size, in the skeleton's order."""


def lift(landmarks: Float[Tensor, "hands 21 3"], depth_weight: float = 1.0, steps: int = 150) -> Lifted:
    """Fit the joint angles of one person's hands to their landmarks.

    The person's bones are the medians over the hands. Angles begin at the directions of single bones; then all are
    fitted together with the hand's place, within the ranges of angles, weakly coupled where landmarks leave them open.

    Args:
        landmarks: positions of right hands in MediaPipe's order, in a right-handed frame and any unit.
        depth_weight: weight of the last coordinate relative to the others; low for an image network's depths.
        steps: steps of the optimisation.

    Returns:
        Angles and errors.
    """
    palms = _in_palms(landmarks.float())
    skeleton = _skeleton_of(palms.points)
    angles = clamped(_angles_of_bones(palms.points)).requires_grad_()
    place = torch.zeros(len(landmarks), 7, requires_grad=True)
    axes = torch.tensor([1.0, 1.0, depth_weight])
    optimizer = torch.optim.Adam([{"params": [angles], "lr": 0.03}, {"params": [place], "lr": 0.003}])
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        missed = (_placed(skeleton, angles, place) - palms.points) @ palms.rotations.mT
        loss = ((axes * missed) / _UNIT).square().sum() + _strangeness(angles).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fall.step()
        with torch.no_grad():
            angles.copy_(clamped(angles))
    with torch.no_grad():
        missed = (_placed(skeleton, angles, place) - palms.points) @ palms.rotations.mT
        error = torch.linalg.vector_norm(axes * missed, dim=-1).mean(-1)
    return Lifted(angles.detach(), error)


def _placed(
    skeleton: Articulation, angles: Float[Tensor, "hands 15 3"], place: Float[Tensor, "hands 7"]
) -> Float[Tensor, "hands 21 3"]:
    """Points of hands that are turned, moved and scaled a little in the palm's frame."""
    turn, move, grow = place.split([3, 3, 1], dim=-1)
    points = skeleton.points(rotations_of(angles)) * grow.exp().unsqueeze(-1)
    placed: Tensor = points @ axis_angle_to_matrix(turn).mT + move.unsqueeze(-2)
    return placed


def _strangeness(angles: Float[Tensor, "hands 15 3"]) -> Float[Tensor, " hands"]:
    """Squared deviations from usual couplings of angles."""
    flexion = angles[:, :12, 0].unflatten(-1, (4, 3))
    coupled = (flexion[..., 2] - DIP_PER_PIP * flexion[..., 1]) / _COUPLING
    spread, thumb = angles[:, :12, 1] / _SPREAD, angles[:, 12:] / _THUMB
    total: Tensor = coupled.square().sum(-1) + spread.square().sum(-1) + thumb.square().sum((-1, -2))
    return total


def _in_palms(landmarks: Float[Tensor, "hands 21 3"]) -> _Palms:
    """Align wrist and knuckles with the adult hand's by rotation, translation and scale (Umeyama, 1991)."""
    points = torch.empty_like(landmarks)
    points[:, list(LANDMARKS)] = landmarks
    weights = torch.tensor(_RIGID_WEIGHTS)[:, None] / sum(_RIGID_WEIGHTS)
    rest = torch.from_numpy(HAND.rest_points)[list(_RIGID)]
    middle, rest_middle = (weights * points[:, _RIGID]).sum(1, keepdim=True), (weights * rest).sum(0)
    found, wanted = points[:, _RIGID] - middle, rest - rest_middle
    rotations = nearest_rotation((weights * found).mT @ wanted)
    scale = (weights * found.square()).sum((1, 2), keepdim=True).sqrt() / (weights * wanted.square()).sum().sqrt()
    return _Palms(rotations, (points - middle) @ rotations / scale + rest_middle)


def _skeleton_of(points: Float[Tensor, "hands 21 3"]) -> Articulation:
    """The hand with the median knuckles and lengths of bones."""
    knuckles = (points - points[:, :1])[:, list(_KNUCKLES)].median(0).values
    lengths = torch.linalg.vector_norm(_bones(points), dim=-1).median(0).values
    own = rest_points(knuckles.double().numpy(), lengths.double().reshape(5, 3).numpy())
    return dataclasses.replace(HAND, rest_points=own)


def _bones(points: Float[Tensor, "hands 21 3"]) -> Float[Tensor, "hands 15 3"]:
    """Vectors from each joint to the next point of its finger."""
    children = [joint + 1 if joint % 3 else 15 + joint // 3 for joint in range(1, NUM_HAND_JOINTS + 1)]
    return points[:, children] - points[:, 1 : NUM_HAND_JOINTS + 1]


def _angles_of_bones(points: Float[Tensor, "hands 21 3"]) -> Float[Tensor, "hands 15 3"]:
    """Flexion and spreading of each bone relative to the one before it."""
    directions = torch.nn.functional.normalize(_bones(points), dim=-1)
    world = torch.eye(3).expand(len(points), 5, 3, 3)
    angles = torch.zeros(len(points), NUM_HAND_JOINTS, 3)
    for bone in range(3):
        local = torch.zeros_like(directions)
        local[:, bone::3] = (world.mT @ directions[:, bone::3, :, None]).squeeze(-1)
        angles[:, bone::3, :2] = clamped(torch.nn.functional.pad(direction_angles(local), (0, 1)))[:, bone::3, :2]
        world = world @ rotations_of(angles)[:, bone::3]
    return angles
