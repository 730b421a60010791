"""Rules for descriptions: sentences about a pose, and the measures that make them true."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from qposer.control.anatomy import ANGLES, Measure
from qposer.control.constraints import Unit
from qposer.control.measures import Distance, Facing, Height, JointAngle, Lean, Offset

INF = math.inf

STEP = 10
"""Numbers are rounded to multiples of this, small ones more finely."""

_BEYOND = 8.0  # degrees beyond the anatomical range that are reported as its end


@dataclass(frozen=True)
class Condition:
    """Interval for a measure times ``sign``; the measure may have a side.

    Numbers above ``most`` are reported as ``most``. A reported sentence stays true while the measure exceeds its limits
    by at most ``slack``.
    """

    measure: Callable[[str], Measure]
    low: float
    high: float
    unit: Unit = "degrees"
    sign: int = 1
    most: float = INF
    slack: float = 0.0


@dataclass(frozen=True)
class Rule:
    """A sentence and its conditions.

    Attributes:
        one: the sentence; {side}, {other} and {n} are filled in.
        both: the same for both sides.
        part: the part that moves, one of `qposer.body_pose.skeleton.BODY_PARTS`.
        conditions: all must hold.
        topic: among true rules with one topic and side, only the most remarkable is reported.
        scale: excess of the first measure over its limit per unit of remarkableness.
        threshold: minimum remarkableness.
        standing: whether both sides are reported in one sentence only if both feet are on the ground.
        reports_number: whether {n} is the first measure; otherwise the sentence states exactly its conditions.
    """

    one: str
    both: str
    part: str
    conditions: tuple[Condition, ...]
    topic: str
    threshold: float
    scale: float = INF
    reports_number: bool = False
    standing: bool = False


def named(text: str, side: str) -> str:
    """A name with the sides filled in.

    Args:
        text: the name; an asterisk is the side, a tilde the other one.
        side: ``left`` or ``right``.

    Returns:
        The name of a point, a joint, an angle or a part.
    """
    return text.replace("*", side).replace("~", "right" if side == "left" else "left")


def _range_end(name: str, sign: int) -> int:
    """End of the anatomical range, rounded to reported steps."""
    anatomy = ANGLES[named(name, "left")]
    return STEP * math.floor((anatomy.high if sign > 0 else -anatomy.low) / STEP)


def _angle(name: str, low: float, high: float = INF, sign: int = 1) -> Condition:
    """A joint angle, limited to slightly beyond the range of instructions."""
    most = _range_end(name, sign)
    return Condition(lambda side: JointAngle(named(name, side)), low, min(high, most + _BEYOND), sign=sign, most=most)


def _distance(point: str, other: str, high: float, low: float = -INF) -> Condition:
    return Condition(lambda side: Distance(named(point, side), named(other, side)), low, high, "cm")


def _offset(
    point: str, reference: str, direction: str, low: float, high: float = INF, frame: str = "world"
) -> Condition:
    def measure(side: str) -> Measure:
        return Offset(named(point, side), named(reference, side), named(direction, side), frame)

    return Condition(measure, low, high, "cm")


def _not_along(direction: str) -> Condition:
    """The upper arm points little along or against a direction; up to about 45 degrees is accepted."""
    return replace(_offset("*_elbow", "*_shoulder", direction, -12.0, 12.0, "spine3"), slack=7.0)


def _height(point: str, low: float, high: float = INF) -> Condition:
    return Condition(lambda side: Height(named(point, side)), low, high, "cm")


def _lean(direction: str, low: float, high: float = INF) -> Condition:
    return Condition(lambda side: Lean(direction), low, high)


def _bends(
    name: str, joint: str, plural: str, phrase: str, part: str, low: float, scale: float, sign: int = 1, topic: str = ""
) -> Rule:
    """A rule about one angle of a side, reported in degrees."""
    condition = _angle(f"*_{name}", low, sign=sign)
    one, both = f"the {{side}} {joint} is {phrase}", f"both {plural} are {phrase}"
    return Rule(one, both, part, (condition,), topic or f"{name}{sign}", 1.0, scale, reports_number=True)


def _trunk(phrase: str, part: str, condition: Condition, scale: float) -> Rule:
    """A rule about a part without sides, reported in degrees."""
    return Rule(phrase, "", part, (condition,), phrase, 1.0, scale, reports_number=True)


def _places() -> Iterator[Rule]:
    """Rules about the position of a hand, most specific first."""
    on = {
        "on the head": ("crown", 16.0),
        "on the face": ("nose", 13.0),
        "on the {side} ear": ("*_ear", 13.0),
        "on the chin": ("chin", 11.0),
        "behind the head": ("nape", 16.0),
        "on the chest": ("chest", 12.0),
        "on the belly": ("belly", 12.0),
        "on the {side} hip": ("*_waist", 13.0),
        "on the lower back": ("lower_back", 16.0),
        "on the {side} thigh": ("*_thigh", 12.0),
        "on the {side} knee": ("*_kneecap", 14.0),
        "on the {other} knee": ("~_kneecap", 14.0),
        "on the {other} shoulder": ("~_shoulder", 16.0),
        "on the {other} elbow": ("~_elbow", 13.0),
        "on the {other} forearm": ("~_forearm", 12.0),
    }
    plural = {"hip": "hips", "thigh": "thighs", "knee": "knees", "ear": "ears"}
    for place, (point, near) in on.items():
        both = "" if "{other}" in place else None
        if "{side}" in place:
            both = f"both hands are on the {plural[place.split()[-1]]}"
        yield _where(place, (_distance("*_palm", point, near),), 3.0, both)
    for place, point, frame in (("face", "nose", "head"), ("chest", "chest", "spine3"), ("belly", "belly", "world")):
        before = (
            _offset("*_palm", point, "forward", 4.0, 36.0, frame),
            _offset("*_palm", point, "left", -18.0, 18.0, frame),
            _offset("*_palm", point, "up", -13.0, 13.0, frame),
        )
        yield _where(f"in front of the {place}", before, 2.2)
    yield _where("above the head", (_offset("*_palm", "crown", "up", 4.0),), 2.2)
    behind = _offset("*_palm", "lower_back", "backward", -2.0), _offset("*_palm", "lower_back", "left", -22.0, 22.0)
    yield _where("behind the back", behind, 2.2)
    for height, point in {"head": "forehead", "shoulder": "*_shoulder", "chest": "chest", "waist": "*_waist"}.items():
        held = _offset("*_wrist", point, "up", -6.0, 6.0), _angle("*_elbow_flexion", 0.0 if height != "waist" else 35.0)
        yield _where(f"at {height} height", held, 1.1)


def _where(place: str, conditions: tuple[Condition, ...], threshold: float, both: str | None = None) -> Rule:
    """A rule about the position of a hand."""
    both = f"both hands are {place}" if both is None else both
    return Rule(f"the {{side}} hand is {place}", both, "*_arm", conditions, "hand", threshold)


def _palm(direction: str) -> Rule:
    """A rule about where a palm faces."""
    facing = Condition(lambda side: Facing(f"{side}_palm", direction), -INF, 25.0)
    one, both = f"the {{side}} palm is turned {direction}", f"both palms are turned {direction}"
    return Rule(one, both, "*_arm", (facing,), "palm", 1.0)


RULES = (
    replace(_bends("knee_flexion", "knee", "knees", "bent {n} degrees", "*_leg", 35.0, 25.0), standing=True),
    _bends("elbow_flexion", "elbow", "elbows", "bent {n} degrees", "*_arm", 40.0, 40.0),
    _bends("hip_flexion", "hip", "hips", "bent {n} degrees", "*_leg", 30.0, 25.0),
    Rule(
        "the {side} leg is raised {n} degrees backward",
        "",
        "*_leg",
        (_angle("*_hip_flexion", 12.0, sign=-1), _height("*_toes", 8.0)),
        "leg",
        1.2,
        12.0,
        reports_number=True,
    ),
    Rule(
        "the {side} leg is raised {n} degrees to the side",
        "both legs are raised {n} degrees to the side",
        "*_leg",
        (_angle("*_hip_abduction", 15.0), _angle("*_knee_flexion", -INF, 35.0)),
        "leg",
        1.2,
        15.0,
        reports_number=True,
    ),
    Rule(
        "the {side} arm is raised {n} degrees forward",
        "both arms are raised {n} degrees forward",
        "*_arm",
        (_angle("*_shoulder_flexion", 35.0, 155.0), _not_along("*")),
        "arm",
        1.3,
        35.0,
        reports_number=True,
    ),
    Rule(
        "the {side} arm is raised {n} degrees to the side",
        "both arms are raised {n} degrees to the side",
        "*_arm",
        (_angle("*_shoulder_abduction", 35.0, 155.0), _not_along("forward")),
        "arm",
        1.3,
        35.0,
        reports_number=True,
    ),
    Rule(
        "the {side} arm is raised {n} degrees backward",
        "both arms are raised {n} degrees backward",
        "*_arm",
        (_angle("*_shoulder_flexion", 25.0, 70.0, sign=-1), _not_along("*")),
        "arm",
        1.3,
        25.0,
        reports_number=True,
    ),
    _bends("shoulder_elevation", "arm", "arms", "raised {n} degrees", "*_arm", 40.0, 35.0, topic="arm"),
    *_places(),
    *(_palm(direction) for direction in ("up", "down", "forward", "backward")),
    Rule("the hands are together", "", "arms", (_distance("left_palm", "right_palm", 14.0),), "hands", 2.4),
    Rule(
        "the feet are together",
        "",
        "legs",
        (_distance("left_ankle", "right_ankle", 20.0), _offset("left_ankle", "right_ankle", "forward", -8.0, 8.0)),
        "feet",
        1.2,
    ),
    Rule(
        "the feet are {n} cm apart",
        "",
        "legs",
        (
            _distance("left_ankle", "right_ankle", INF, 38.0),
            _offset("left_ankle", "right_ankle", "forward", -15.0, 15.0),
            *(_height(f"{side}_sole", -INF, 8.0) for side in ("left", "right")),
        ),
        "feet",
        1.2,
        15.0,
        reports_number=True,
    ),
    Rule(
        "the {side} foot is in front of the {other} foot",
        "",
        "legs",
        (_offset("*_ankle", "~_ankle", "forward", 18.0), _height("*_sole", -INF, 10.0)),
        "feet",
        1.3,
        25.0,
    ),
    Rule("the {side} foot is off the ground", "", "*_leg", (_height("*_sole", 12.0),), "ground", 1.4, 15.0),
    _trunk("the torso leans forward {n} degrees", "torso", _lean("forward", 9.0), 8.0),
    _trunk("the torso leans backward {n} degrees", "torso", _lean("backward", 9.0), 8.0),
    _trunk("the torso leans to the left {n} degrees", "torso", _lean("left", 7.0), 6.0),
    _trunk("the torso leans to the right {n} degrees", "torso", _lean("right", 7.0), 6.0),
    _trunk("the torso is turned to the left {n} degrees", "torso", _angle("trunk_turn", 12.0), 10.0),
    _trunk("the torso is turned to the right {n} degrees", "torso", _angle("trunk_turn", 12.0, sign=-1), 10.0),
    _trunk("the head is turned to the left {n} degrees", "head", _angle("head_turn", 15.0), 15.0),
    _trunk("the head is turned to the right {n} degrees", "head", _angle("head_turn", 15.0, sign=-1), 15.0),
    _trunk("the head is tilted to the left {n} degrees", "head", _angle("head_tilt", 12.0), 12.0),
    _trunk("the head is tilted to the right {n} degrees", "head", _angle("head_tilt", 12.0, sign=-1), 12.0),
    _trunk("the head is bent forward {n} degrees", "head", _angle("head_bend", 15.0), 15.0),
    _trunk("the head is bent backward {n} degrees", "head", _angle("head_bend", 15.0, sign=-1), 15.0),
)
