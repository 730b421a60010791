"""What a posture can be asked to be: intervals of measures of a figure, in degrees or centimetres.

A measure is a small pure function of a `PosedSkeleton`; a constraint says between which two numbers it shall be. Signs
are those of `qposer.control.anatomy`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.posed_skeleton import PosedSkeleton
from qposer.body_pose.rotations import geodesic_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS
from qposer.control.anatomy import ANGLES, Measure, angle_between, degrees

Unit = Literal["degrees", "cm"]

DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "left": (1.0, 0.0, 0.0),
    "right": (-1.0, 0.0, 0.0),
    "up": (0.0, 1.0, 0.0),
    "down": (0.0, -1.0, 0.0),
    "forward": (0.0, 0.0, 1.0),
    "backward": (0.0, 0.0, -1.0),
}
"""Seen by the person; of the world, or of the frame of a joint."""

TOLERANCE: dict[Unit, float] = {"degrees": 10.0, "cm": 5.0}
"""How far from satisfied a constraint may be and still count as such."""


@dataclass(frozen=True)
class Constraint:
    """A measure that shall be from ``low`` to ``high``.

    Attributes:
        text: the same in words.
        joints: body joints that may move for it.
    """

    text: str
    measure: Measure
    low: float
    high: float
    unit: Unit
    joints: tuple[str, ...]

    def residual(self, figure: PosedSkeleton) -> Float[Tensor, " *batch"]:
        """How far the measure is outside, in the constraint's unit: below zero if too small, above if too large."""
        value = self.measure(figure)
        return (value - self.high).clamp(min=0) - (self.low - value).clamp(min=0)

    def gap(self, figure: PosedSkeleton) -> Float[Tensor, " *batch"]:
        """How far it is from satisfied, in its unit: zero if it is."""
        return self.residual(figure).abs()

    def satisfied(self, figure: PosedSkeleton) -> Tensor:
        """Whether it holds, by and large: within 10 degrees or 5 cm."""
        return self.gap(figure) <= TOLERANCE[self.unit]

    def contradicts(self, other: Constraint) -> bool:
        """Whether the two ask the same measure to be in intervals that have nothing in common."""
        return self.measure == other.measure and (self.low > other.high or other.low > self.high)


@dataclass(frozen=True)
class JointAngle:
    """Degrees of an angle of the body."""

    name: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        return ANGLES[self.name].measure(figure)


@dataclass(frozen=True)
class Offset:
    """How far, in cm, a point is from another along a direction: above it, in front of it, to the left of it."""

    point: str
    reference: str
    direction: str
    frame: str = "world"
    """A joint whose own left, up, and forward are meant; the world's if left out."""

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        along = _direction(figure, self.direction, self.frame)
        return 100 * ((figure.point(self.point) - figure.point(self.reference)) * along).sum(-1)


@dataclass(frozen=True)
class Distance:
    """Centimetres between two points."""

    point: str
    other: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        distance: Tensor = 100 * torch.linalg.vector_norm(figure.point(self.point) - figure.point(self.other), dim=-1)
        return distance


@dataclass(frozen=True)
class Coordinate:
    """A coordinate of a point in cm, the pelvis at the origin: 0 to the left, 1 up, 2 forward."""

    point: str
    axis: int

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        return 100 * figure.point(self.point)[..., self.axis]


@dataclass(frozen=True)
class Elevation:
    """Degrees by which the line from one point to another rises above the horizon."""

    start: str
    end: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        along = figure.point(self.end) - figure.point(self.start)
        return degrees(along[..., 1], torch.linalg.vector_norm(along[..., ::2], dim=-1))


@dataclass(frozen=True)
class Pointing:
    """Degrees between the line from one point to another and a direction."""

    start: str
    end: str
    direction: str
    frame: str = "world"

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        along = figure.point(self.end) - figure.point(self.start)
        return angle_between(along, _direction(figure, self.direction, self.frame))


SURFACES: dict[str, tuple[str, str]] = {
    "face": ("head", "forward"),
    "chest": ("spine3", "forward"),
    "pelvis": ("pelvis", "forward"),
    **{f"{side}_palm": (f"{side}_wrist", "down") for side in ("left", "right")},
    **{f"{side}_sole": (f"{side}_ankle", "down") for side in ("left", "right")},
    **{f"{side}_foot": (f"{side}_ankle", "forward") for side in ("left", "right")},
}
"""What faces somewhere: the joint that carries it, and where it faces in the T-pose."""


@dataclass(frozen=True)
class Facing:
    """Degrees between where a part of the body faces and a direction."""

    surface: str
    direction: str
    frame: str = "world"

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        return angle_between(_facing(figure, self.surface), _direction(figure, self.direction, self.frame))


@dataclass(frozen=True)
class FacingElevation:
    """Degrees by which a part of the body faces above the horizon."""

    surface: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        facing = _facing(figure, self.surface)
        return degrees(facing[..., 1], torch.linalg.vector_norm(facing[..., ::2], dim=-1))


@dataclass(frozen=True)
class FacingHeading:
    """Degrees to the left of straight ahead where a part of the body faces, seen from above."""

    surface: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        facing = _facing(figure, self.surface)
        return degrees(facing[..., 0], facing[..., 2])


@dataclass(frozen=True)
class Gaze:
    """Degrees between where the face looks and a point."""

    point: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        eyes = (figure.point("left_eye") + figure.point("right_eye")) / 2
        return angle_between(figure.point(self.point) - eyes, figure.world_rotation("head")[..., 2])


@dataclass(frozen=True)
class Lean:
    """Degrees by which the line from the pelvis to the neck leans from the vertical towards a direction."""

    direction: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        trunk = figure.point("neck") - figure.point("pelvis")
        return degrees((trunk * trunk.new_tensor(DIRECTIONS[self.direction])).sum(-1), trunk[..., 1])


@dataclass(frozen=True)
class Height:
    """Centimetres of a point above the ground, on which the lowest of the body is."""

    point: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        return 100 * (figure.point(self.point)[..., 1] - figure.ground())


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
"""Parts of the body's mass between two points (Winter, Biomechanics and Motor Control of Human Movement, table 4.1)."""


def centre_of_mass(figure: PosedSkeleton) -> Float[Tensor, "*batch 3"]:
    """Where the body's mass is on average, metres; every part's is put in its middle."""
    total = sum(_MASSES.values())
    parts = [mass / total * (figure.point(a) + figure.point(b)) / 2 for (a, b), mass in _MASSES.items()]
    return torch.stack(parts).sum(0)


@dataclass(frozen=True)
class Balance:
    """How far, in cm, the centre of mass is beside the line between two points that carry it, seen from above."""

    support: str
    other: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        a, b, mass = (
            point[..., ::2] for point in (figure.point(self.support), figure.point(self.other), centre_of_mass(figure))
        )
        line = b - a
        part = ((mass - a) * line).sum(-1) / line.square().sum(-1).clamp(min=1e-6)
        distance: Tensor = 100 * torch.linalg.vector_norm(a + part.clamp(0, 1).unsqueeze(-1) * line - mass, dim=-1)
        return distance


@dataclass(frozen=True)
class Symmetry:
    """Degrees, mean over the joints of a left part, between them and the mirror image of the right ones."""

    part: str

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        reflection = figure.local.new_tensor([-1.0, 1.0, 1.0])
        angles = []
        for joint in BODY_PARTS[f"left_{self.part}"]:
            mirrored = reflection[:, None] * figure.rotation(joint.replace("left", "right")) * reflection
            angles.append(geodesic_angle(figure.rotation(joint), mirrored).rad2deg())
        return torch.stack(angles).mean(0)


@dataclass(frozen=True, eq=False)
class Kept:
    """Degrees, mean over some joints, from how they were turned."""

    before: Float[Tensor, "21 3 3"]
    joints: tuple[str, ...]

    def __call__(self, figure: PosedSkeleton) -> Tensor:
        """Measure the figure."""
        return torch.stack([geodesic_angle(figure.rotation(j), self._was(j)) for j in self.joints]).mean(0).rad2deg()

    def _was(self, joint: str) -> Tensor:
        return self.before[BODY_JOINT_NAMES.index(joint)]


def _direction(figure: PosedSkeleton, direction: str, frame: str) -> Tensor:
    vector = figure.local.new_tensor(DIRECTIONS[direction])
    return vector if frame == "world" else figure.world_rotation(frame) @ vector


def _facing(figure: PosedSkeleton, surface: str) -> Tensor:
    joint, own = SURFACES[surface]
    return _direction(figure, own, joint)


def at_most(text: str, measure: Measure, high: float, unit: Unit, joints: tuple[str, ...]) -> Constraint:
    """A measure that shall not be above a number.

    Args:
        text: the constraint in words.
        measure: what is measured of a figure.
        high: the bound, in the unit.
        unit: of the measure, ``degrees`` or ``cm``.
        joints: body joints that may move for it.

    Returns:
        The constraint.
    """
    return Constraint(text, measure, -math.inf, high, unit, joints)


def at_least(text: str, measure: Measure, low: float, unit: Unit, joints: tuple[str, ...]) -> Constraint:
    """A measure that shall not be below a number.

    Args:
        text: the constraint in words.
        measure: what is measured of a figure.
        low: the bound, in the unit.
        unit: of the measure, ``degrees`` or ``cm``.
        joints: body joints that may move for it.

    Returns:
        The constraint.
    """
    return Constraint(text, measure, low, math.inf, unit, joints)


def about(
    text: str, measure: Measure, value: float, unit: Unit, joints: tuple[str, ...], slack: float = 0.0
) -> Constraint:
    """A measure that shall be a number, give or take ``slack``.

    Args:
        text: the constraint in words.
        measure: what is measured of a figure.
        value: the number, in the unit.
        unit: of the measure, ``degrees`` or ``cm``.
        joints: body joints that may move for it.
        slack: how far the measure may be off, in the unit.

    Returns:
        The constraint.
    """
    return Constraint(text, measure, value - slack, value + slack, unit, joints)
