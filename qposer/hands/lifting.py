"""Joint angles of hands from their 21 landmarks: inverse kinematics within the anatomical ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.articulation import Articulation
from qposer.body_pose.rotations import axis_angle_to_matrix, nearest_rotation
from qposer.hands.angles import DIP_PER_PIP, clamped, direction_angles, rotations_of
from qposer.hands.skeleton import HAND, LANDMARKS, rest_points
from qposer.hands.smplh import NUM_HAND_JOINTS
from qposer.least_squares import Damping, Equations, Step, minimise

_KNUCKLES = (1, 4, 7, 10, 13)
_RIGID = (0, *_KNUCKLES)
_RIGID_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.3)
"""Points of the palm, and their weights: the thumb's first joint moves a little."""

_UNIT = 0.005
"""Distance in metres of a landmark that costs as much as the spread of an angle below."""
_COUPLING, _SPREAD, _THUMB = math.radians(25), math.radians(15), math.radians(30)
"""Spreads of the last joint about its share of the middle joint's flexion, of spreading, and of the thumb's angles."""

STEPS = 30
_DAMPING = Damping(first=1e-2, least=1e-6)
_LEAST_STIFFNESS = 1e-3
_NUDGE = 1e-4
_TOGETHER = 1000
"""Hands of a batch."""


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


def lift(landmarks: Float[Tensor, "hands 21 3"], depth_weight: float = 1.0) -> Lifted:
    """Fit the joint angles of one person's hands to their landmarks.

    The person's bones are the medians over the hands. Angles begin at the directions of single bones; then all are
    fitted together with the hand's place, within the ranges of angles, weakly coupled where landmarks leave them open.

    Args:
        landmarks: positions of right hands in MediaPipe's order, in a right-handed frame and any unit.
        depth_weight: weight of the last coordinate relative to the others; low for an image network's depths.

    Returns:
        Angles and errors.
    """
    palms = _in_palms(landmarks.float())
    skeleton = _skeleton_of(palms.points)
    axes = torch.tensor([1.0, 1.0, depth_weight])
    angles = []
    errors = []
    for part in torch.arange(len(landmarks)).split(_TOGETHER):
        problem = _Lifting(skeleton, _Palms(palms.rotations[part], palms.points[part]), axes)
        start = clamped(angles_of_bones(palms.points[part], torch.eye(3).expand(len(part), 3, 3)))
        state = minimise(problem, problem.state(start, torch.zeros(len(part), 7)), STEPS, _DAMPING)
        missed = _UNIT * state.residuals[:, : 3 * len(LANDMARKS)].unflatten(1, (-1, 3))
        angles.append(state.angles)
        errors.append(torch.linalg.vector_norm(missed, dim=-1).mean(-1))
    return Lifted(torch.cat(angles), torch.cat(errors))


class _State(NamedTuple):
    angles: Float[Tensor, "hands 15 3"]
    place: Float[Tensor, "hands 7"]
    """Rotation, translation and logarithm of the scale, relative to the aligned palm."""
    residuals: Float[Tensor, "hands residuals"]


@dataclass(frozen=True)
class _Lifting:
    """A `qposer.least_squares.LeastSquares` problem: blocks are hands, unknowns are angles and place."""

    skeleton: Articulation
    palms: _Palms
    axes: Float[Tensor, "3"]
    """Weights of the landmarks' coordinates."""

    def state(self, angles: Float[Tensor, "hands 15 3"], place: Float[Tensor, "hands 7"]) -> _State:
        """A state with its residuals."""
        return _State(angles, place, self._residuals(angles, place, self.palms.points, self.palms.rotations))

    def begin_step(self, step: int, state: _State) -> None:
        """Nothing changes between steps."""

    def cost(self, state: _State) -> Float[Tensor, " hands"]:
        """Sum of squares."""
        return state.residuals.square().sum(-1)

    def linearise(self, state: _State) -> Equations:
        """Normal equations; angles at the end of their range do not move beyond it."""
        parts = torch.func.vmap(torch.func.jacfwd(self._residuals, argnums=(0, 1)))(
            state.angles, state.place, *reversed(self.palms)
        )
        jacobian = torch.cat([part.flatten(2) for part in parts], dim=-1)
        slope = (jacobian.mT @ state.residuals[..., None])[..., 0]
        downhill = -_NUDGE * slope[:, : 3 * NUM_HAND_JOINTS].sign().view_as(state.angles)
        bendable = (clamped(state.angles + downhill) != state.angles).flatten(1)
        free = torch.cat([bendable, torch.ones_like(state.place, dtype=torch.bool)], dim=1)
        jacobian = jacobian * free[:, None]
        curvature = jacobian.mT @ jacobian
        stiffness = curvature.diagonal(dim1=-2, dim2=-1) + _LEAST_STIFFNESS
        return Equations(curvature, slope * free, stiffness)

    def moved(self, state: _State, step: Step) -> _State:
        """The state after a step, within the ranges of angles."""
        turn, place = step.own.split([3 * NUM_HAND_JOINTS, 7], dim=1)
        return self.state(clamped(state.angles + turn.view_as(state.angles)), state.place + place)

    def _residuals(
        self,
        angles: Float[Tensor, "*hands 15 3"],
        place: Float[Tensor, "*hands 7"],
        points: Float[Tensor, "*hands 21 3"],
        rotations: Float[Tensor, "*hands 3 3"],
    ) -> Float[Tensor, "*hands residuals"]:
        """Distances of landmarks, and deviations from the usual couplings of angles."""
        missed = self.axes * ((_placed(self.skeleton, angles, place) - points) @ rotations.mT) / _UNIT
        flexion = angles[..., :12, 0].unflatten(-1, (4, 3))
        coupled = (flexion[..., 2] - DIP_PER_PIP * flexion[..., 1]) / _COUPLING
        spread, thumb = angles[..., :12, 1] / _SPREAD, angles[..., 12:, :].flatten(-2) / _THUMB
        return torch.cat([missed.flatten(-2), coupled, spread, thumb], dim=-1)


def _placed(
    skeleton: Articulation, angles: Float[Tensor, "*hands 15 3"], place: Float[Tensor, "*hands 7"]
) -> Float[Tensor, "*hands 21 3"]:
    """Points of hands that are turned, moved and scaled a little in the palm's frame."""
    turn, move, grow = place.split([3, 3, 1], dim=-1)
    points = skeleton.points(rotations_of(angles)) * grow.exp().unsqueeze(-1)
    placed: Tensor = points @ axis_angle_to_matrix(turn).mT + move.unsqueeze(-2)
    return placed


def angles_of_bones(
    points: Float[Tensor, "hands 21 3"], orient: Float[Tensor, "hands 3 3"]
) -> Float[Tensor, "hands 15 3"]:
    """Flexion and spreading of each bone relative to the one before it, within their ranges; no twist.

    Args:
        points: positions in the skeleton's order, in any unit.
        orient: rotations of the wrists.

    Returns:
        Radians.
    """
    directions = torch.nn.functional.normalize(_bones(points), dim=-1)
    world = orient[:, None].expand(-1, 5, -1, -1)
    angles = torch.zeros_like(directions)
    for bone in range(3):
        local = (world.repeat_interleave(3, dim=1).mT @ directions[..., None])[..., 0]
        turned = torch.nn.functional.pad(direction_angles(local), (0, 1))
        angles[:, bone::3] = clamped(turned)[:, bone::3]
        world = world @ rotations_of(angles)[:, bone::3]
    return angles


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
    return replace(HAND, rest_points=own)


def _bones(points: Float[Tensor, "hands 21 3"]) -> Float[Tensor, "hands 15 3"]:
    """Vectors from each joint to the next point of its finger."""
    children = [joint + 1 if joint % 3 else 15 + joint // 3 for joint in range(1, NUM_HAND_JOINTS + 1)]
    return points[:, children] - points[:, 1 : NUM_HAND_JOINTS + 1]
