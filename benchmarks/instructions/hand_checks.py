"""Geometric checks of posed hands, which don't know how an instruction was read: "right index straight"."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.hands.angles import angles_of
from qposer.hands.pairs import as_right_hands
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import FINGER_JOINT_NAMES, FINGERS, SIDES

_GROUPS = {"fingers": ("index", "middle", "ring", "pinky")}
_FLESH = 0.8


@dataclass(frozen=True)
class _Hand:
    """A right hand: flexion in degrees, positions in cm."""

    flexion: Float[Tensor, " 15"]
    points: Float[Tensor, "21 3"]

    def bends(self, finger: str) -> list[float]:
        """Flexion of the three joints."""
        first = 3 * FINGERS.index(finger)
        found: list[float] = self.flexion[first : first + 3].tolist()
        return found

    def tip(self, finger: str) -> Tensor:
        """Position of a fingertip."""
        return self.points[16 + FINGERS.index(finger)]

    def joint(self, finger: str, number: int) -> Tensor:
        """Position of a joint, or of the tip (4)."""
        return self.tip(finger) if number == 4 else self.points[1 + FINGER_JOINT_NAMES.index(f"{finger}{number}")]

    def gap(self, first: str, second: str) -> float:
        """Distance of two fingertips."""
        return float((self.tip(first) - self.tip(second)).norm())

    def fan(self, first: str, second: str) -> float:
        """Angle from the second finger to the first, seen from above the hand, positive towards the thumb."""
        ways = [self.joint(finger, 2) - self.joint(finger, 1) for finger in (first, second)]
        angles = [math.degrees(math.atan2(float(way[2]), -float(way[0]))) for way in ways]
        return angles[0] - angles[1]

    def ball(self) -> tuple[float, float]:
        """Diameter of the object inside the sphere through all fingers, and the rms distance of fingers from it."""
        inner = [self.joint(finger, number) for finger in _GROUPS["fingers"] for number in (3, 4)]
        points = torch.stack([*inner, self.joint("thumb", 4), self.joint("thumb", 3)]).double()
        matrix = torch.cat([2 * points, torch.ones(len(points), 1).double()], dim=1)
        solution = torch.linalg.lstsq(matrix, points.square().sum(1)).solution
        radius = math.sqrt(max(float(solution[3] + solution[:3].square().sum()), 0.0))
        off = (points - solution[:3]).norm(dim=1) - radius
        return 2 * (radius - _FLESH), float(off.square().mean().sqrt())

    def bar(self, finger: str = "middle") -> float:
        """Diameter of the bar inside the circle through the last two joints and the tip of a finger."""
        a, b, c = (self.joint(finger, number)[:2] for number in (2, 3, 4))
        sides = [float((p - q).norm()) for p, q in ((a, b), (b, c), (c, a))]
        area = abs(float((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0])) / 2
        return 2 * (math.prod(sides) / max(4 * area, 1e-6) - _FLESH)


def _thumb_and_index(hand: _Hand) -> float:
    """Angle between the thumb's and the index finger's bones, degrees."""
    thumb, index = hand.joint("thumb", 3) - hand.joint("thumb", 2), hand.joint("index", 2) - hand.joint("index", 1)
    return math.degrees(math.acos(float(torch.nn.functional.cosine_similarity(thumb, index, dim=0).clamp(-1, 1))))


def _up(hand: _Hand) -> bool:
    way = hand.joint("thumb", 4) - hand.joint("thumb", 3)
    return float(way[2] / way.norm()) > math.cos(math.radians(40))


def _covers(hand: _Hand) -> bool:
    """Whether the thumb's tip is over the palm, or over index or middle finger."""
    places = [hand.joint(finger, number) for finger in ("index", "middle", "ring") for number in (1, 2, 3)]
    return min(float((hand.tip("thumb") - place).norm()) for place in places) < 3.0


_OF_FINGERS: dict[str, Callable[[_Hand, str], bool]] = {
    "straight": lambda hand, finger: all(
        -25 <= bend <= 35 for bend in (*hand.bends(finger), hand.bends(finger)[1] + hand.bends(finger)[2])
    ),
    "curled": lambda hand, finger: sum(hand.bends(finger)) >= 180,
    "bent": lambda hand, finger: sum(hand.bends(finger)) >= 60,
    "loose": lambda hand, finger: 15 <= sum(hand.bends(finger)) <= 120,
    "up": lambda hand, finger: _up(hand),
    "away": lambda hand, finger: _thumb_and_index(hand) >= 35,
    "covers": lambda hand, finger: _covers(hand),
}
_WITH_FINGERS: dict[str, Callable[[_Hand, str, str], bool]] = {
    "touches": lambda hand, first, second: hand.gap(first, second) <= 1.8,
    "apart": lambda hand, first, second: hand.fan(first, second) >= 12,
    "beside": lambda hand, first, second: abs(hand.fan(first, second)) <= 6,
    "crossed": lambda hand, first, second: bool(hand.tip(first)[2] < hand.tip(second)[2]),
}
_WITH_NUMBERS: dict[str, Callable[[_Hand, str, float], bool]] = {
    "flexed": lambda hand, finger, degrees: abs(hand.bends(finger)[1] - degrees) <= 10,
    "knuckle": lambda hand, finger, degrees: abs(hand.bends(finger)[0] - degrees) <= 10,
}


def holds(check: str, before: Float[Tensor, "30 3 3"], after: Float[Tensor, "30 3 3"]) -> bool:
    """Whether a check of an instruction's outcome holds.

    Args:
        check: a side, and what must hold: "left unchanged", "right index straight", "right thumb touches pinky",
            "right thumb gap index 3" (cm), "left ball 7", "left bar 3" (diameters in cm), "left ring flexed 60".
        before: hands before the instruction.
        after: hands after it.

    Returns:
        Whether it holds.

    Raises:
        ValueError: the check is unknown.
    """
    side, *words = check.split()
    pose = as_right_hands(after)[SIDES.index(side)]
    hand = _Hand(angles_of(pose)[:, 0].rad2deg(), 100 * HAND.points(pose))
    match words:
        case ["unchanged"]:
            return torch.equal(pose, as_right_hands(before)[SIDES.index(side)])
        case ["ball", number]:
            diameter, off = hand.ball()
            return abs(diameter - float(number)) <= 1.5 and off <= 0.8
        case ["bar", number]:
            return abs(hand.bar() - float(number)) <= 1.5
        case [group, state] if state in _OF_FINGERS:
            return all(_OF_FINGERS[state](hand, finger) for finger in _GROUPS.get(group, (group,)))
        case [first, relation, second] if relation in _WITH_FINGERS:
            return _WITH_FINGERS[relation](hand, first, second)
        case [finger, measure, number] if measure in _WITH_NUMBERS:
            return _WITH_NUMBERS[measure](hand, finger, float(number))
        case [first, "gap", second, number]:
            return abs(hand.gap(first, second) - float(number)) <= 1.0
        case [first, "near", second, number]:
            return hand.gap(first, second) <= float(number)
    raise ValueError(f"unknown check {check!r}")
