"""Measures of a posed skeleton, in degrees or centimetres: angles, distances, facing directions, balance.

A measure is a small pure function of a `PosedSkeleton`. Signs are those of `qposer.control.anatomy`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.posed_skeleton import PosedSkeleton
from qposer.body_pose.rotations import geodesic_angle, reflected, turn_about
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS, FOREARM_SHARE
from qposer.control.anatomy import ANGLES, angle_between, degrees

DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "left": (1.0, 0.0, 0.0),
    "right": (-1.0, 0.0, 0.0),
    "up": (0.0, 1.0, 0.0),
    "down": (0.0, -1.0, 0.0),
    "forward": (0.0, 0.0, 1.0),
    "backward": (0.0, 0.0, -1.0),
}
"""Directions from the person's view, in the world or in the frame of a joint."""


@dataclass(frozen=True)
class JointAngle:
    """A joint angle in degrees."""

    name: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        return ANGLES[self.name].measure(skeleton)


@dataclass(frozen=True)
class Offset:
    """Offset in cm of a point from another along a direction: above, in front, to the left."""

    point: str
    reference: str
    direction: str
    frame: str = "world"
    """Joint that defines left, up and forward; default: the world."""

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        along = _direction(skeleton, self.direction, self.frame)
        return 100 * ((skeleton.point(self.point) - skeleton.point(self.reference)) * along).sum(-1)


@dataclass(frozen=True)
class Distance:
    """Centimetres between two points."""

    point: str
    other: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        distance: Tensor = 100 * torch.linalg.vector_norm(
            skeleton.point(self.point) - skeleton.point(self.other), dim=-1
        )
        return distance


@dataclass(frozen=True)
class Coordinate:
    """A coordinate of a point in cm, the pelvis at the origin: 0 to the left, 1 up, 2 forward."""

    point: str
    axis: int

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        return 100 * skeleton.point(self.point)[..., self.axis]


@dataclass(frozen=True)
class Elevation:
    """Elevation in degrees of the line from one point to another above the horizon."""

    start: str
    end: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        along = skeleton.point(self.end) - skeleton.point(self.start)
        return degrees(along[..., 1], torch.linalg.vector_norm(along[..., ::2], dim=-1))


@dataclass(frozen=True)
class Pointing:
    """Degrees between the line from one point to another and a direction."""

    start: str
    end: str
    direction: str
    frame: str = "world"

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        along = skeleton.point(self.end) - skeleton.point(self.start)
        return angle_between(along, _direction(skeleton, self.direction, self.frame))


SURFACES: dict[str, tuple[str, str]] = {
    "face": ("head", "forward"),
    "chest": ("spine3", "forward"),
    "pelvis": ("pelvis", "forward"),
    **{f"{side}_palm": (f"{side}_wrist", "down") for side in ("left", "right")},
    **{f"{side}_sole": (f"{side}_ankle", "down") for side in ("left", "right")},
    **{f"{side}_foot": (f"{side}_ankle", "forward") for side in ("left", "right")},
}
"""Parts with a facing direction: the joint that carries each, and its direction in the T-pose."""


@dataclass(frozen=True)
class Facing:
    """Degrees between a part's facing direction and a given direction."""

    surface: str
    direction: str
    frame: str = "world"

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        return angle_between(_facing(skeleton, self.surface), _direction(skeleton, self.direction, self.frame))


@dataclass(frozen=True)
class FacingPoint:
    """Degrees between a part's facing direction and the direction to a point; the part is a surface and a point."""

    surface: str
    point: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        towards = skeleton.point(self.point) - skeleton.point(self.surface)
        return angle_between(towards, _facing(skeleton, self.surface))


@dataclass(frozen=True)
class Supination:
    """Degrees by which elbow and wrist turn the palm about the forearm, forward and up from the T-pose."""

    side: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        return _supination(skeleton, f"{self.side}_elbow") + _supination(skeleton, f"{self.side}_wrist")


@dataclass(frozen=True)
class WristTwist:
    """Degrees by which a wrist is twisted about the forearm beyond its share of `FOREARM_SHARE`."""

    side: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        twist = Supination(self.side)(skeleton)
        return _supination(skeleton, f"{self.side}_wrist") - (1 - FOREARM_SHARE) * twist


@dataclass(frozen=True)
class FacingElevation:
    """Elevation in degrees of a part's facing direction above the horizon."""

    surface: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        facing = _facing(skeleton, self.surface)
        return degrees(facing[..., 1], torch.linalg.vector_norm(facing[..., ::2], dim=-1))


@dataclass(frozen=True)
class FacingHeading:
    """Heading in degrees of a part's facing direction, to the left of straight ahead, seen from above."""

    surface: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        facing = _facing(skeleton, self.surface)
        return degrees(facing[..., 0], facing[..., 2])


@dataclass(frozen=True)
class Gaze:
    """Degrees between the viewing direction and the direction to a point."""

    point: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        eyes = (skeleton.point("left_eye") + skeleton.point("right_eye")) / 2
        return angle_between(skeleton.point(self.point) - eyes, skeleton.world_rotation("head")[..., 2])


@dataclass(frozen=True)
class Lean:
    """Degrees by which the line from the pelvis to the neck leans from the vertical towards a direction."""

    direction: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        trunk = skeleton.point("neck") - skeleton.point("pelvis")
        return degrees((trunk * trunk.new_tensor(DIRECTIONS[self.direction])).sum(-1), trunk[..., 1])


@dataclass(frozen=True)
class Height:
    """Height in centimetres of a point above the ground, which the lowest point touches."""

    point: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        return 100 * (skeleton.point(self.point)[..., 1] - skeleton.ground())


_MASSES = {
    ("pelvis", "spine1"): 0.142,
    ("spine1", "neck"): 0.355,
    ("neck", "crown"): 0.081,
    **{
        (f"{side}_{start}", f"{side}_{end}"): mass
        for side in ("left", "right")
        for start, end, mass in (
            ("shoulder", "elbow", 0.028),
            ("elbow", "wrist", 0.016),
            ("wrist", "fingers", 0.006),
            ("hip", "knee", 0.1),
            ("knee", "ankle", 0.0465),
            ("heel", "toes", 0.0145),
        )
    },
}
"""Fractions of the body's mass between two points (Winter, Biomechanics and Motor Control of Human Movement, table
4.1)."""


def centre_of_mass(skeleton: PosedSkeleton) -> Float[Tensor, "*batch 3"]:
    """Centre of mass in metres, with each part's mass at its midpoint."""
    total = sum(_MASSES.values())
    parts = [mass / total * (skeleton.point(a) + skeleton.point(b)) / 2 for (a, b), mass in _MASSES.items()]
    return torch.stack(parts).sum(0)


@dataclass(frozen=True)
class Balance:
    """Distance in cm of the centre of mass from the line between two supporting points, seen from above."""

    support: str
    other: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        a, b, mass = (
            point[..., ::2]
            for point in (skeleton.point(self.support), skeleton.point(self.other), centre_of_mass(skeleton))
        )
        line = b - a
        part = ((mass - a) * line).sum(-1) / line.square().sum(-1).clamp(min=1e-6)
        distance: Tensor = 100 * torch.linalg.vector_norm(a + part.clamp(0, 1).unsqueeze(-1) * line - mass, dim=-1)
        return distance


@dataclass(frozen=True)
class Symmetry:
    """Mean angle in degrees between the joints of a left part and the mirrored right ones."""

    part: str

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        angles = []
        for joint in BODY_PARTS[f"left_{self.part}"]:
            mirrored = reflected(skeleton.rotation(joint.replace("left", "right")))
            angles.append(geodesic_angle(skeleton.rotation(joint), mirrored).rad2deg())
        return torch.stack(angles).mean(0)


@dataclass(frozen=True, eq=False)
class RotationChange:
    """Mean rotation angle in degrees of some joints since a previous pose."""

    before: Float[Tensor, "21 3 3"]
    joints: tuple[str, ...]

    def __call__(self, skeleton: PosedSkeleton) -> Tensor:
        """Measure the skeleton."""
        before = self.before.to(skeleton.local)
        turns = [geodesic_angle(skeleton.rotation(j), before[BODY_JOINT_NAMES.index(j)]) for j in self.joints]
        return torch.stack(turns).mean(0).rad2deg()


def _direction(skeleton: PosedSkeleton, direction: str, frame: str) -> Tensor:
    vector = skeleton.local.new_tensor(DIRECTIONS[direction])
    return vector if frame == "world" else skeleton.world_rotation(frame) @ vector


def _supination(skeleton: PosedSkeleton, joint: str) -> Tensor:
    """Degrees of a joint's twist about the forearm, from -180 to 180."""
    rotation = skeleton.rotation(joint)
    twist = turn_about(rotation, rotation.new_tensor([-1.0, 0.0, 0.0])).rad2deg()
    return torch.remainder(twist + 180, 360) - 180


def _facing(skeleton: PosedSkeleton, surface: str) -> Tensor:
    joint, own = SURFACES[surface]
    return _direction(skeleton, own, joint)
