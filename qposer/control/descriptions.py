"""What is remarkable about a posture, in the sentences that instructions are made of.

Each rule has a sentence, what must be measured for it to be true, and how remarkable it is then. What is measured are
the constraints of `qposer.control.constraints`, so a sentence that is told is one that can be checked, and that
`qposer.control.instructions.instruct` makes true again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.skeleton import BODY_PARTS
from qposer.control.anatomy import ANGLES, Measure
from qposer.control.constraints import Constraint, Distance, Height, JointAngle, Lean, Offset, Unit

INF = math.inf

MOST_REMARKABLE = 4.0
"""However far an angle goes, so that none drowns what hands and feet do."""

_EQUAL = 9.0  # both sides are told in one sentence if their numbers are no further apart
_FINE, _FINE_STEP, _STEP = 25.0, 5, 10  # numbers are told in steps, in finer ones where they are small
_BEYOND = 8.0  # degrees beyond the anatomical range that are told as its end


@dataclass(frozen=True)
class Relation:
    """A sentence that is true of a posture.

    Attributes:
        text: the sentence.
        constraints: what it says; each holds, but for what was rounded.
        remarkable: how far this is from somebody who stands at ease; what is below 1 hardly needs to be said.
    """

    text: str
    constraints: tuple[Constraint, ...]
    remarkable: float

    def holds(self, figure: PosedSkeleton) -> Tensor:
        """Whether all of it is satisfied, within the tolerances of `qposer.control.constraints`."""
        return torch.stack([constraint.satisfied(figure) for constraint in self.constraints]).all(0)


@dataclass(frozen=True)
class _Condition:
    """Between which numbers a measure must be, times ``sign``; the measure is that of a side, or of none.

    Larger numbers than ``most`` are told as ``most``. Once told, a sentence stays true while the measure is no further
    out than ``slack``.
    """

    measure: Callable[[str], Measure]
    low: float
    high: float
    unit: Unit = "degrees"
    sign: int = 1
    most: float = INF
    slack: float = 0.0


@dataclass(frozen=True)
class _Rule:
    """A sentence and its conditions.

    Attributes:
        one: the sentence; {side}, {other} and {n} are filled in.
        both: the same, of both sides.
        part: of `qposer.body_pose.skeleton.BODY_PARTS`: what moves.
        conditions: all must hold.
        topic: of the rules of one topic, and one side, only the most remarkable that is true is told.
        scale: how far the first measure is beyond its limit for each 1 that it gets more remarkable.
        least: how remarkable it is in any case.
        standing: whether both sides are told in one sentence only of somebody with both feet on the ground.
        told: whether {n} is the first measure; or else the sentence says as much as its conditions do.
    """

    one: str
    both: str
    part: str
    conditions: tuple[_Condition, ...]
    topic: str
    least: float
    scale: float = INF
    told: bool = False
    standing: bool = False


def _named(text: str, side: str) -> str:
    """A name whose asterisk is the side, and whose tilde is the other one."""
    return text.replace("*", side).replace("~", "right" if side == "left" else "left")


def _most(name: str, sign: int) -> int:
    """How far people go, in steps that are told."""
    anatomy = ANGLES[_named(name, "left")]
    return _STEP * math.floor((anatomy.high if sign > 0 else -anatomy.low) / _STEP)


def _angle(name: str, low: float, high: float = INF, sign: int = 1) -> _Condition:
    """An angle of the body, not far beyond what instructions may ask for."""
    most = _most(name, sign)
    return _Condition(lambda side: JointAngle(_named(name, side)), low, min(high, most + _BEYOND), sign=sign, most=most)


def _apart(point: str, other: str, high: float, low: float = -INF) -> _Condition:
    return _Condition(lambda side: Distance(_named(point, side), _named(other, side)), low, high, "cm")


def _off(point: str, reference: str, direction: str, low: float, high: float = INF, frame: str = "world") -> _Condition:
    def measure(side: str) -> Measure:
        return Offset(_named(point, side), _named(reference, side), _named(direction, side), frame)

    return _Condition(measure, low, high, "cm")


def _beside(direction: str) -> _Condition:
    """That the upper arm hardly goes in a direction, or against it; up to about 45 degrees are no contradiction."""
    return replace(_off("*_elbow", "*_shoulder", direction, -12.0, 12.0, "spine3"), slack=7.0)


def _high(point: str, low: float, high: float = INF) -> _Condition:
    return _Condition(lambda side: Height(_named(point, side)), low, high, "cm")


def _leans(direction: str, low: float, high: float = INF) -> _Condition:
    return _Condition(lambda side: Lean(direction), low, high)


def _bends(
    name: str, joint: str, plural: str, said: str, part: str, low: float, scale: float, sign: int = 1, topic: str = ""
) -> _Rule:
    """A rule about one angle of a side, told in degrees."""
    condition = _angle(f"*_{name}", low, sign=sign)
    one, both = f"the {{side}} {joint} is {said}", f"both {plural} are {said}"
    return _Rule(one, both, part, (condition,), topic or f"{name}{sign}", 1.0, scale, told=True)


def _trunk(said: str, part: str, condition: _Condition, scale: float) -> _Rule:
    """A rule about what has no sides, told in degrees."""
    return _Rule(said, "", part, (condition,), said, 1.0, scale, told=True)


def _places() -> Iterator[_Rule]:
    """Where a hand is, the most exact first."""
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
        yield _where(place, (_apart("*_palm", point, near),), 3.0, both)
    for place, point, frame in (("face", "nose", "head"), ("chest", "chest", "spine3"), ("belly", "belly", "world")):
        before = (
            _off("*_palm", point, "forward", 4.0, 36.0, frame),
            _off("*_palm", point, "left", -18.0, 18.0, frame),
            _off("*_palm", point, "up", -13.0, 13.0, frame),
        )
        yield _where(f"in front of the {place}", before, 2.2)
    yield _where("above the head", (_off("*_palm", "crown", "up", 4.0),), 2.2)
    behind = _off("*_palm", "lower_back", "backward", -2.0), _off("*_palm", "lower_back", "left", -22.0, 22.0)
    yield _where("behind the back", behind, 2.2)
    for height, point in {"head": "forehead", "shoulder": "*_shoulder", "chest": "chest", "waist": "*_waist"}.items():
        held = _off("*_wrist", point, "up", -6.0, 6.0), _angle("*_elbow_flexion", 0.0 if height != "waist" else 35.0)
        yield _where(f"at {height} height", held, 1.1)


def _where(place: str, conditions: tuple[_Condition, ...], least: float, both: str | None = None) -> _Rule:
    """A rule about where a hand is."""
    both = f"both hands are {place}" if both is None else both
    return _Rule(f"the {{side}} hand is {place}", both, "*_arm", conditions, "hand", least)


_RULES = (
    replace(_bends("knee_flexion", "knee", "knees", "bent {n} degrees", "*_leg", 35.0, 25.0), standing=True),
    _bends("elbow_flexion", "elbow", "elbows", "bent {n} degrees", "*_arm", 40.0, 40.0),
    _bends("hip_flexion", "hip", "hips", "bent {n} degrees", "*_leg", 30.0, 25.0),
    _Rule(
        "the {side} leg is raised {n} degrees backward",
        "",
        "*_leg",
        (_angle("*_hip_flexion", 12.0, sign=-1), _high("*_toes", 8.0)),
        "leg",
        1.2,
        12.0,
        told=True,
    ),
    _Rule(
        "the {side} leg is raised {n} degrees to the side",
        "both legs are raised {n} degrees to the side",
        "*_leg",
        (_angle("*_hip_abduction", 15.0), _angle("*_knee_flexion", -INF, 35.0)),
        "leg",
        1.2,
        15.0,
        told=True,
    ),
    _Rule(
        "the {side} arm is raised {n} degrees forward",
        "both arms are raised {n} degrees forward",
        "*_arm",
        (_angle("*_shoulder_flexion", 35.0, 155.0), _beside("*")),
        "arm",
        1.3,
        35.0,
        told=True,
    ),
    _Rule(
        "the {side} arm is raised {n} degrees to the side",
        "both arms are raised {n} degrees to the side",
        "*_arm",
        (_angle("*_shoulder_abduction", 35.0, 155.0), _beside("forward")),
        "arm",
        1.3,
        35.0,
        told=True,
    ),
    _Rule(
        "the {side} arm is raised {n} degrees backward",
        "both arms are raised {n} degrees backward",
        "*_arm",
        (_angle("*_shoulder_flexion", 25.0, 70.0, sign=-1), _beside("*")),
        "arm",
        1.3,
        25.0,
        told=True,
    ),
    _bends("shoulder_elevation", "arm", "arms", "raised {n} degrees", "*_arm", 40.0, 35.0, topic="arm"),
    *_places(),
    _Rule("the hands are together", "", "arms", (_apart("left_palm", "right_palm", 14.0),), "hands", 2.4),
    _Rule(
        "the feet are together",
        "",
        "legs",
        (_apart("left_ankle", "right_ankle", 20.0), _off("left_ankle", "right_ankle", "forward", -8.0, 8.0)),
        "feet",
        1.2,
    ),
    _Rule(
        "the feet are {n} cm apart",
        "",
        "legs",
        (
            _apart("left_ankle", "right_ankle", INF, 38.0),
            _off("left_ankle", "right_ankle", "forward", -15.0, 15.0),
            *(_high(f"{side}_sole", -INF, 8.0) for side in ("left", "right")),
        ),
        "feet",
        1.2,
        15.0,
        told=True,
    ),
    _Rule(
        "the {side} foot is in front of the {other} foot",
        "",
        "legs",
        (_off("*_ankle", "~_ankle", "forward", 18.0), _high("*_sole", -INF, 10.0)),
        "feet",
        1.3,
        25.0,
    ),
    _Rule("the {side} foot is off the ground", "", "*_leg", (_high("*_sole", 12.0),), "ground", 1.4, 15.0),
    _trunk("the torso leans forward {n} degrees", "torso", _leans("forward", 9.0), 8.0),
    _trunk("the torso leans backward {n} degrees", "torso", _leans("backward", 9.0), 8.0),
    _trunk("the torso leans to the left {n} degrees", "torso", _leans("left", 7.0), 6.0),
    _trunk("the torso leans to the right {n} degrees", "torso", _leans("right", 7.0), 6.0),
    _trunk("the torso is turned to the left {n} degrees", "torso", _angle("trunk_turn", 12.0), 10.0),
    _trunk("the torso is turned to the right {n} degrees", "torso", _angle("trunk_turn", 12.0, sign=-1), 10.0),
    _trunk("the head is turned to the left {n} degrees", "head", _angle("head_turn", 15.0), 15.0),
    _trunk("the head is turned to the right {n} degrees", "head", _angle("head_turn", 15.0, sign=-1), 15.0),
    _trunk("the head is tilted to the left {n} degrees", "head", _angle("head_tilt", 12.0), 12.0),
    _trunk("the head is tilted to the right {n} degrees", "head", _angle("head_tilt", 12.0, sign=-1), 12.0),
    _trunk("the head is bent forward {n} degrees", "head", _angle("head_bend", 15.0), 15.0),
    _trunk("the head is bent backward {n} degrees", "head", _angle("head_bend", 15.0, sign=-1), 15.0),
)


def describe(pose: OrientedPose | Tensor, most: int | None = None) -> list[str]:
    """What is remarkable about a posture, against somebody who stands at ease; the most remarkable first.

    Args:
        pose: a posture, or a body pose, axis-angle ``(21, 3)`` or matrices ``(21, 3, 3)``, whose pelvis is upright.
        most: how many sentences at most; all if left out.

    Returns:
        Sentences in English.

    Raises:
        ValueError: it is no body pose, more than one, or ``most`` is below 1.
    """
    if most is not None and most < 1:
        raise ValueError(f"ask for 1 sentence at least, not {most}")
    posture = pose if isinstance(pose, OrientedPose) else OrientedPose.upright(pose)
    if posture.body_pose.ndim != 3:
        raise ValueError(f"one pose is described at a time, not {tuple(posture.body_pose.shape[:-3])}")
    (found,) = relations(OrientedPose(*(part[None] for part in posture)))
    return [relation.text for relation in found[:most]]


def relations(postures: OrientedPose) -> list[list[Relation]]:
    """What `describe` tells, with what it means, of each of some postures (one batch dimension)."""
    figure = PosedSkeleton.of(postures)
    measured = {
        (rule, side): torch.stack([c.sign * c.measure(side)(figure) for c in rule.conditions], -1).tolist()
        for rule in _RULES
        for side in _sides(rule)
    }
    found = []
    for index in range(len(postures.body_pose)):
        true: dict[tuple[str, str], tuple[float, _Rule, float]] = {}
        for (rule, side), rows in measured.items():
            values = rows[index]
            if all(c.low <= value <= c.high for c, value in zip(rule.conditions, values, strict=True)):
                remarkable = _remarkable(rule, values[0])
                if remarkable > true.get((rule.topic, side), (0.0,))[0]:
                    true[rule.topic, side] = remarkable, rule, values[0]
        found.append(_told(true))
    return found


def _sides(rule: _Rule) -> tuple[str, ...]:
    return ("left", "right") if "{side}" in rule.one else ("",)


def _remarkable(rule: _Rule, value: float) -> float:
    condition = rule.conditions[0]
    beyond = value - condition.low if condition.low > -INF else condition.high - value
    return min(rule.least + beyond / rule.scale, MOST_REMARKABLE)


def _told(true: dict[tuple[str, str], tuple[float, _Rule, float]]) -> list[Relation]:
    """Sentences, both sides in one where they are alike."""
    told = []
    off_the_ground = any(topic == "ground" for topic, _ in true)
    for (topic, side), (remarkable, rule, value) in true.items():
        _, twin, other = true.get((topic, "right" if side == "left" else "left"), (0.0, None, INF))
        alike = side and rule.both and twin is rule and (not rule.told or abs(value - other) <= _EQUAL)
        alike = alike and not (rule.standing and off_the_ground)
        if alike and side == "right":
            continue
        sides = ("left", "right") if alike else (side,)
        number = _rounded(min((value + other) / 2 if alike else value, rule.conditions[0].most))
        text = (rule.both if alike else rule.one).format(
            side=side, other="right" if side == "left" else "left", n=number
        )
        constraints = tuple(c for each in sides for c in _constraints(rule, each, text, number))
        told.append(Relation(text, constraints, remarkable + 0.1 * bool(alike)))
    return sorted(told, key=lambda relation: -relation.remarkable)


def _constraints(rule: _Rule, side: str, text: str, number: int) -> Iterator[Constraint]:
    joints = BODY_PARTS[_named(rule.part, side)]
    for place, condition in enumerate(rule.conditions):
        low, high = condition.low - condition.slack, condition.high + condition.slack
        low, high = (number, number) if rule.told and place == 0 else (low, high)
        low, high = (low, high) if condition.sign > 0 else (-high, -low)
        yield Constraint(text, condition.measure(side), low, high, condition.unit, joints)


def _rounded(value: float) -> int:
    step = _FINE_STEP if value < _FINE else _STEP
    return step * round(value / step)
