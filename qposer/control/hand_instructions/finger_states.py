"""States of fingers as constraints on joint angles, gaps and directions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from qposer.control.hand_measures import (
    ALONG,
    ALONG_A_BAR,
    FLESH,
    UP_OF_THUMB,
    Apart,
    BoneAngle,
    Flexion,
    Gap,
    HandConstraint,
    InFront,
    Lead,
    Surface,
)
from qposer.hands.angles import LIMITS
from qposer.hands.smplh import FINGER_JOINT_NAMES

Constraints = list[HandConstraint]
Interval = tuple[float, float]

FAN = 13.0
"""Least angle between spread neighbours, degrees; 6 or 7 in the flat hand."""

TOUCH: Interval = (1.0, 1.4)
"""Distance of the middle lines of two fingertips whose pads touch, cm."""

THIN = 4.5
"""Diameter of a bar below which the thumb lies on the fingers around it, cm."""

BENT: dict[str, tuple[float, float, float]] = {
    "slightly": (12.0, 22.0, 14.0),
    "halfway": (40.0, 55.0, 35.0),
    "": (50.0, 75.0, 45.0),
    "fully": (80.0, 100.0, 60.0),
}
"""Flexion of the three joints of fingers by amount, degrees."""

_THUMB_BENT = {"slightly": (5.0, 15.0, 20.0), "halfway": (12.0, 25.0, 35.0), "": (18.0, 35.0, 50.0)}
_THUMB_BENT["fully"] = (25.0, 45.0, 70.0)


def word(finger: str) -> str:
    """Name of a finger in English."""
    return {"pinky": "little finger", "thumb": "thumb"}.get(finger, f"{finger} finger")


def flexed(finger: str, what: str, *intervals: Interval) -> Constraints:
    """Constrain the flexion of a finger's joints, the nearest to the wrist first.

    Args:
        finger: name of the finger.
        what: description of the state.
        intervals: degrees for each of the joints.

    Returns:
        The constraints.
    """
    return [
        HandConstraint(f"{word(finger)} {what}", Flexion(f"{finger}{number}"), *interval)
        for number, interval in enumerate(intervals, 1)
    ]


def straight(fingers: Iterable[str]) -> Constraints:
    """All joints of the fingers straight."""
    found: Constraints = []
    for finger in fingers:
        first = (-20.0, 15.0) if finger == "thumb" else (-10.0, 12.0)
        found += flexed(finger, "straight", first, (-8.0, 8.0), (-8.0, 8.0))
    return found


def curled(fingers: Iterable[str]) -> Constraints:
    """The fingers bent into the palm."""
    found: Constraints = []
    for finger in fingers:
        found += flexed(finger, "closed", (78.0, 90.0), (100.0, 110.0), (62.0, 80.0))
    return found


def bent(fingers: Iterable[str], amount: str) -> Constraints:
    """The fingers bent.

    Args:
        fingers: names.
        amount: in words, a key of `BENT`.

    Returns:
        The constraints.
    """
    found: Constraints = []
    for finger in fingers:
        degrees = _THUMB_BENT[amount] if finger == "thumb" else BENT[amount]
        found += flexed(finger, f"bent {amount}".strip(), *((value - 8, value + 8) for value in degrees))
    return found


def relaxed(fingers: Iterable[str]) -> Constraints:
    """The fingers a little bent, as in a hand at rest, the little finger most."""
    found: Constraints = []
    for finger in fingers:
        if finger == "thumb":
            found += flexed(finger, "relaxed", (-10.0, 15.0), (0.0, 25.0), (0.0, 30.0))
        else:
            more = 3.0 * ALONG.index(finger)
            found += flexed(finger, "relaxed", (8.0 + more, 25.0 + more), (18.0 + more, 35.0 + more), (8.0, 25.0))
    return found


def neighbours(fingers: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of successive fingers in the order of the hand, without the thumb."""
    own = [finger for finger in ALONG if finger in set(fingers)]
    return list(pairwise(own))


def spread(fingers: Sequence[str], least: float = FAN, most: float = math.inf) -> Constraints:
    """Neighbours apart by an angle, and low enough to allow it.

    Args:
        fingers: two or more.
        least: degrees.
        most: degrees.

    Returns:
        The constraints.
    """
    found: Constraints = []
    for first, second in neighbours(fingers):
        found.append(HandConstraint(f"{word(first)} and {word(second)} apart", Apart(first, second), least, most))
    if "thumb" in fingers:
        found += thumb_away()
    return found + [
        HandConstraint(f"{word(finger)} not closed", Flexion(f"{finger}1"), -20.0, 30.0)
        for finger in ALONG
        if finger in fingers
    ]


def beside(fingers: Sequence[str]) -> Constraints:
    """Neighbours parallel, side by side."""
    found: Constraints = []
    for first, second in neighbours(fingers):
        text = f"{word(first)} beside the {word(second)}"
        found.append(HandConstraint(text, Apart(first, second), -2.0, 2.5))
        found.append(HandConstraint(text, Lead(first, second), -6.0, 6.0))
    return found


def crossed(first: str, second: str) -> Constraints:
    """Two neighbours crossed.

    Args:
        first: the finger that crosses over, nearer to the thumb.
        second: its neighbour.

    Returns:
        The constraints.
    """
    return [
        HandConstraint(f"{word(first)} across the {word(second)}", Apart(first, second), -32.0, -18.0),
        HandConstraint(f"{word(first)} on the {word(second)}", Gap(f"{first}3", f"{second}3"), 1.0, 1.8, "cm"),
    ]


def touching(first: str, second: str, gap: Interval = TOUCH) -> Constraints:
    """The tips of two fingers at a distance.

    Args:
        first: a finger.
        second: another one.
        gap: least and largest distance, cm; by default they touch.

    Returns:
        The constraint.
    """
    what = "touches" if gap == TOUCH else "near"
    text = f"{word(first)} {what} the {word(second)}"
    return [HandConstraint(text, Gap(f"{first}_tip", f"{second}_tip"), *gap, "cm")]


def thumb_over(finger: str) -> Constraints:
    """The thumb across a closed finger, its tip on the middle of the finger."""
    text, bone = f"thumb over the {word(finger)}", f"{finger}2_bone"
    return [
        HandConstraint(text, Gap("thumb_tip", bone), 1.2, 2.2, "cm"),
        HandConstraint(text, InFront("thumb_tip", bone), 1.0, 2.2, "cm"),
    ]


def thumb_beside() -> Constraints:
    """The thumb's tip near the middle bone of the index finger."""
    return [HandConstraint("thumb at the index finger", Gap("thumb_tip", "index2_bone"), 1.2, 2.8, "cm")]


def thumb_up() -> Constraints:
    """The thumb straight, away from the fist, towards its side of the hand."""
    return [*straight(["thumb"]), HandConstraint("thumb up", BoneAngle("thumb3", UP_OF_THUMB), 0.0, 25.0)]


def thumb_away() -> Constraints:
    """The thumb far from the index finger, in the plane of the palm or in front of it."""
    return [HandConstraint("thumb away from the hand", BoneAngle("thumb2", "index1"), 42.0, 110.0)]


def thumb_across() -> Constraints:
    """The thumb in front of the palm, its tip near the middle finger's first joint."""
    return [HandConstraint("thumb across the palm", Gap("thumb_tip", "middle1"), 1.4, 2.6, "cm")]


def fist() -> Constraints:
    """All fingers closed, the thumb over index and middle finger."""
    bend = flexed("thumb", "across the fingers", (-10.0, 45.0), (5.0, 50.0), (25.0, 60.0))
    return [*curled(ALONG), *thumb_over("middle"), *bend]


def held(fingers: Sequence[str], diameter: float, bar: bool) -> Constraints:
    """The fingers around a round object that lies in the palm, their skin on its surface.

    Args:
        fingers: the fingers that hold it.
        diameter: of the object, cm.
        bar: whether it is a bar across the palm instead of a ball.

    Returns:
        The constraints.
    """
    text, found = f"around {'a bar' if bar else 'a ball'} of {diameter:g} cm", list[HandConstraint]()
    if bar and diameter < THIN and "thumb" in fingers:
        return [*held([finger for finger in fingers if finger != "thumb"], diameter, bar), *thumb_over("index")]
    for finger in fingers:
        contact = [(f"{finger}_tip", -0.2, 0.3), (f"{finger}3_bone", -0.2, 0.3)]
        if finger != "thumb":
            contact += [(f"{finger}2_bone", -0.2, 0.4), (f"{finger}1_bone", -0.2, 1.0)]
        found += [
            HandConstraint(f"{word(finger)} {text}", Surface(spot, diameter, bar), low, high, "cm")
            for spot, low, high in contact
        ]
    if "thumb" in fingers:
        least = min(diameter / 2, 2.0)
        found.append(HandConstraint(f"thumb {text}", InFront("thumb_tip", "thumb1"), least, math.inf, "cm"))
    if "thumb" in fingers and bar:
        found.append(HandConstraint("thumb across the bar", BoneAngle("thumb3", ALONG_A_BAR), 45.0, 135.0))
    return found


def held_by_tips(diameter: float) -> Constraints:
    """A small ball between the tips of thumb, index and middle finger."""
    far = diameter + 2 * FLESH
    return [
        *touching("thumb", "index", (far - 0.2, far + 0.2)),
        *touching("thumb", "middle", (far - 0.2, far + 0.2)),
        *touching("index", "middle", (1.3, 2.2)),
    ]


def range_of(joint: str) -> Interval:
    """Least and largest flexion of a joint, degrees."""
    low, high = LIMITS[FINGER_JOINT_NAMES.index(joint), 0].rad2deg().tolist()
    return low, high


EVERY = (*ALONG, "thumb")
