"""Measures of a posed right hand in degrees and centimetres, and constraints: intervals for them.

Flesh is not modelled: distances are those of the middle lines of bones, and `FLESH` is half the thickness of a finger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.articulation import Articulation
from qposer.hands.anatomy import PALM_DEPTH
from qposer.hands.angles import angles_of
from qposer.hands.skeleton import BONES, HAND
from qposer.hands.smplh import FINGER_JOINT_NAMES, FINGERS

Unit = Literal["degrees", "cm"]

TOLERANCE: dict[Unit, float] = {"degrees": 10.0, "cm": 0.5}
"""Violation up to which a constraint counts as satisfied."""

EXACTNESS: dict[Unit, float] = {"degrees": 3.0, "cm": 0.15}
"""A constraint violated by this amount costs as much as any other term at its unit."""

FLESH = 0.8
"""From the middle of a finger to its skin, cm."""

ALONG = ("index", "middle", "ring", "pinky")
"""The fingers beside each other, from the thumb's side."""

PALM_CENTRE = (-0.075, 0.0)
"""Where objects lie in the palm, along the hand and across it, metres."""

Axis = tuple[float, float, float]
ALONG_A_BAR: Axis = (-0.296, 0.0, 0.955)
"""Direction of a bar in the hand, parallel to the knuckles of index and little finger."""
UP_OF_THUMB: Axis = (0.0, 0.0, 1.0)
"""Where the thumb's side of the palm looks."""


class PosedHand(NamedTuple):
    """Right hands in the frame of the wrist: fingers along -x, the palm looks along -y, the thumb's side along z."""

    rotations: Float[Tensor, "*batch 15 3 3"]
    angles: Float[Tensor, "*batch 15 3"]
    """Flexion, spreading and twist, degrees."""
    points: Float[Tensor, "*batch 21 3"]
    """Wrist, joints and fingertips, centimetres."""

    @classmethod
    def of(cls, rotations: Float[Tensor, "*batch 15 3 3"], skeleton: Articulation = HAND) -> PosedHand:
        """Pose hands.

        Args:
            rotations: rotations of the joints relative to their parents.
            skeleton: bones of the hands; default: an adult's.

        Returns:
            The posed hands.
        """
        return cls(rotations, angles_of(rotations).rad2deg(), 100.0 * skeleton.points(rotations))

    def place(self, spot: str) -> Float[Tensor, "*batch 3"]:
        """Position of a joint ("index2"), the middle of the bone beyond it ("index2_bone"), or a tip ("index_tip")."""
        first, second = _SPOTS[spot]
        return (self.points[..., first, :] + self.points[..., second, :]) / 2

    def bone(self, joint: str) -> Float[Tensor, "*batch 3"]:
        """Unit vector along the bone beyond a joint."""
        first, second = _ends(joint)
        return torch.nn.functional.normalize(self.points[..., second, :] - self.points[..., first, :], dim=-1)


def _ends(joint: str) -> tuple[int, int]:
    """Points at the ends of the bone beyond a joint."""
    index = FINGER_JOINT_NAMES.index(joint)
    return index + 1, 16 + index // 3 if index % 3 == 2 else index + 2


_SPOTS = {
    **{joint: (_ends(joint)[0],) * 2 for joint in FINGER_JOINT_NAMES},
    **{f"{joint}_bone": _ends(joint) for joint in FINGER_JOINT_NAMES},
    **{f"{finger}_tip": (16 + index, 16 + index) for index, finger in enumerate(FINGERS)},
}


def finger_joints(finger: str) -> tuple[str, ...]:
    """The three joints of a finger."""
    return tuple(f"{finger}{number}" for number in (1, 2, 3))


def _moving(spot: str) -> tuple[str, ...]:
    """Joints that move a place of a hand."""
    joint, _, where = spot.partition("_")
    if where == "tip":
        return finger_joints(joint)
    number = int(joint[-1]) if where == "bone" else int(joint[-1]) - 1
    return finger_joints(joint[:-1])[:number]


@runtime_checkable
class HandMeasure(Protocol):
    """A number of a posed hand."""

    @property
    def joints(self) -> tuple[str, ...]:
        """Joints that change it."""
        ...

    def __call__(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """The value, in degrees or centimetres."""
        ...


@dataclass(frozen=True)
class Flexion:
    """Flexion of a joint, degrees."""

    joint: str

    @property
    def joints(self) -> tuple[str, ...]:
        """The joint."""
        return (self.joint,)

    def __call__(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """Degrees from the flat hand."""
        return hand.angles[..., FINGER_JOINT_NAMES.index(self.joint), 0]


@dataclass(frozen=True)
class Apart:
    """Angle in the plane of the palm between two fingers, the first nearer to the thumb; negative if they cross."""

    first: str
    second: str

    @property
    def joints(self) -> tuple[str, ...]:
        """The first joints of both."""
        return (f"{self.first}1", f"{self.second}1")

    def __call__(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """Degrees."""
        first, second = (FINGER_JOINT_NAMES.index(joint) for joint in self.joints)
        rest = math.degrees(math.asin(BONES[first, 2]) - math.asin(BONES[second, 2]))
        return hand.angles[..., first, 1] - hand.angles[..., second, 1] + rest


@dataclass(frozen=True)
class Lead:
    """How much more the first joint of one finger is flexed than that of another, degrees."""

    first: str
    second: str

    @property
    def joints(self) -> tuple[str, ...]:
        """The first joints of both."""
        return (f"{self.first}1", f"{self.second}1")

    def __call__(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """Degrees."""
        first, second = (FINGER_JOINT_NAMES.index(joint) for joint in self.joints)
        return hand.angles[..., first, 0] - hand.angles[..., second, 0]


@dataclass(frozen=True)
class Gap:
    """Distance of two places of `PosedHand.place`, cm."""

    first: str
    second: str

    @property
    def joints(self) -> tuple[str, ...]:
        """Joints that move one of the places."""
        return tuple(dict.fromkeys([*_moving(self.first), *_moving(self.second)]))

    def __call__(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """Centimetres."""
        distance: Tensor = torch.linalg.vector_norm(hand.place(self.first) - hand.place(self.second), dim=-1)
        return distance


@dataclass(frozen=True)
class Coordinate:
    """Position of a place of `PosedHand.place` along an axis of the wrist's frame, cm."""

    spot: str
    axis: int
    """0 from the fingers to the wrist, 1 from the palm to the back of the hand, 2 towards the thumb's side."""

    @property
    def joints(self) -> tuple[str, ...]:
        """Joints that move the place."""
        return _moving(self.spot)

    def __call__(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """Centimetres from the wrist."""
        return hand.place(self.spot)[..., self.axis]


@dataclass(frozen=True)
class InFront:
    """How far a place is in front of another one, seen from the palm, cm; negative behind it."""

    first: str
    second: str

    @property
    def joints(self) -> tuple[str, ...]:
        """Joints that move one of the places."""
        return Gap(self.first, self.second).joints

    def __call__(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """Centimetres."""
        front: Tensor = (hand.place(self.second) - hand.place(self.first))[..., 1]
        return front


@dataclass(frozen=True)
class BoneAngle:
    """Angle of the bone beyond a joint with an axis of the hand, or with another bone, degrees."""

    joint: str
    other: Axis | str

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints above the bones."""
        other = _moving(f"{self.other}_bone") if isinstance(self.other, str) else ()
        return tuple(dict.fromkeys([*_moving(f"{self.joint}_bone"), *other]))

    def __call__(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """Degrees from 0 to 180."""
        bone = hand.bone(self.joint)
        other = hand.bone(self.other) if isinstance(self.other, str) else bone.new_tensor(self.other).expand_as(bone)
        sine = torch.linalg.vector_norm(torch.linalg.cross(bone, other), dim=-1)
        return torch.atan2(sine, (bone * other).sum(-1)).rad2deg()


@dataclass(frozen=True)
class Surface:
    """Distance of a place's skin to the surface of a round object that lies in the palm, cm; negative inside."""

    spot: str
    diameter: float
    bar: bool
    """Whether the object is a bar across the palm instead of a ball."""

    @property
    def joints(self) -> tuple[str, ...]:
        """Joints that move the place."""
        return _moving(self.spot)

    def __call__(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """Centimetres."""
        radius, (along, across) = self.diameter / 2, PALM_CENTRE
        centre = hand.points.new_tensor([100 * along, -100 * PALM_DEPTH - radius, 100 * across])
        beyond = hand.place(self.spot) - centre
        if self.bar:
            beyond = beyond - (beyond @ beyond.new_tensor(ALONG_A_BAR))[..., None] * beyond.new_tensor(ALONG_A_BAR)
        distance: Tensor = torch.linalg.vector_norm(beyond, dim=-1) - radius - FLESH
        return distance


@dataclass(frozen=True)
class HandConstraint:
    """A measure that must be from ``low`` to ``high``."""

    text: str
    """The constraint in words."""
    measure: HandMeasure
    low: float
    high: float
    unit: Unit = "degrees"

    def residual(self, hand: PosedHand) -> Float[Tensor, " *batch"]:
        """Signed violation in the constraint's unit: negative if too small, positive if too large."""
        value = self.measure(hand)
        return (value - self.high).clamp(min=0) - (self.low - value).clamp(min=0)

    def contradicts(self, other: HandConstraint) -> bool:
        """Whether both constrain the same measure to disjoint intervals."""
        return self.measure == other.measure and (self.low > other.high or other.low > self.high)
