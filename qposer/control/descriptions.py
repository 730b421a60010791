"""Describe the remarkable features of a pose in sentences that instructions understand.

Each rule (`qposer.control.description_rules`) has a sentence, conditions and a score of how remarkable it is.
Conditions are constraints (`qposer.control.constraints`), so each sentence can be checked, and
`qposer.control.instructions.instruct` can make it true again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.skeleton import BODY_PARTS
from qposer.control.constraints import Constraint
from qposer.control.description_rules import INF, RULES, STEP, Rule, named

MOST_REMARKABLE = 4.0
"""Upper limit of the score of an angle, so that it does not dominate hands and feet."""

_EQUAL = 9.0  # both sides are reported in one sentence if their numbers differ by at most this
_FINE, _FINE_STEP = 25.0, 5  # numbers below 25 are rounded to multiples of 5


@dataclass(frozen=True)
class Relation:
    """A sentence that is true for a pose.

    Attributes:
        text: the sentence.
        constraints: its meaning; each is satisfied up to rounding.
        remarkable: distance from the relaxed standing pose; below 1 it is hardly worth mentioning.
    """

    text: str
    constraints: tuple[Constraint, ...]
    remarkable: float

    def holds(self, skeleton: PosedSkeleton) -> Tensor:
        """Whether all of it is satisfied, within the tolerances of `qposer.control.constraints`."""
        return torch.stack([constraint.satisfied(skeleton) for constraint in self.constraints]).all(0)


def describe(pose: OrientedPose | Tensor, most: int | None = None) -> list[str]:
    """Describe how a pose differs from the relaxed standing pose, the most remarkable first.

    Args:
        pose: an oriented pose, or a body pose, axis-angle ``(21, 3)`` or matrices ``(21, 3, 3)``, with an upright
            pelvis.
        most: maximum number of sentences; default: all.

    Returns:
        Sentences in English.

    Raises:
        ValueError: the input is not a single body pose, or ``most`` is below 1.
    """
    if most is not None and most < 1:
        raise ValueError(f"most must be at least 1, not {most}")
    posture = pose if isinstance(pose, OrientedPose) else OrientedPose.upright(pose)
    if posture.body_pose.ndim != 3:
        raise ValueError(f"expected a single pose, not a batch of {tuple(posture.body_pose.shape[:-3])}")
    (found,) = relations(OrientedPose(*(part[None] for part in posture)))
    return [relation.text for relation in found[:most]]


def relations(postures: OrientedPose) -> list[list[Relation]]:
    """The sentences of `describe` with their constraints, for a batch of oriented poses (one batch dimension)."""
    skeleton = PosedSkeleton.of(postures)
    measured = {
        (rule, side): torch.stack([c.sign * c.measure(side)(skeleton) for c in rule.conditions], -1).tolist()
        for rule in RULES
        for side in _sides(rule)
    }
    found = []
    for index in range(len(postures.body_pose)):
        true: dict[tuple[str, str], tuple[float, Rule, float]] = {}
        for (rule, side), rows in measured.items():
            values = rows[index]
            if all(c.low <= value <= c.high for c, value in zip(rule.conditions, values, strict=True)):
                remarkable = _remarkable(rule, values[0])
                if remarkable > true.get((rule.topic, side), (0.0,))[0]:
                    true[rule.topic, side] = remarkable, rule, values[0]
        found.append(_combined(true))
    return found


def _sides(rule: Rule) -> tuple[str, ...]:
    return ("left", "right") if "{side}" in rule.one else ("",)


def _remarkable(rule: Rule, value: float) -> float:
    condition = rule.conditions[0]
    beyond = value - condition.low if condition.low > -INF else condition.high - value
    return min(rule.threshold + beyond / rule.scale, MOST_REMARKABLE)


def _combined(true: dict[tuple[str, str], tuple[float, Rule, float]]) -> list[Relation]:
    """Sentences, with both sides combined where they are similar."""
    combined = []
    off_the_ground = any(topic == "ground" for topic, _ in true)
    for (topic, side), (remarkable, rule, value) in true.items():
        _, twin, other = true.get((topic, "right" if side == "left" else "left"), (0.0, None, INF))
        alike = side and rule.both and twin is rule and (not rule.reports_number or abs(value - other) <= _EQUAL)
        alike = alike and not (rule.standing and off_the_ground)
        if alike and side == "right":
            continue
        sides = ("left", "right") if alike else (side,)
        number = _rounded(min((value + other) / 2 if alike else value, rule.conditions[0].most))
        text = (rule.both if alike else rule.one).format(
            side=side, other="right" if side == "left" else "left", n=number
        )
        constraints = tuple(c for each in sides for c in _constraints(rule, each, text, number))
        combined.append(Relation(text, constraints, remarkable + 0.1 * bool(alike)))
    return sorted(combined, key=lambda relation: -relation.remarkable)


def _constraints(rule: Rule, side: str, text: str, number: int) -> Iterator[Constraint]:
    joints = BODY_PARTS[named(rule.part, side)]
    for place, condition in enumerate(rule.conditions):
        low, high = condition.low - condition.slack, condition.high + condition.slack
        low, high = (number, number) if rule.reports_number and place == 0 else (low, high)
        low, high = (low, high) if condition.sign > 0 else (-high, -low)
        yield Constraint(text, condition.measure(side), low, high, condition.unit, joints)


def _rounded(value: float) -> int:
    step = _FINE_STEP if value < _FINE else STEP
    return step * round(value / step)
