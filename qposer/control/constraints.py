"""Constraints on a pose: intervals for measures of a posed skeleton, in degrees or centimetres.

The measures are those of `qposer.control.measures`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.posed_skeleton import PosedSkeleton
from qposer.control.anatomy import Measure

Unit = Literal["degrees", "cm"]

TOLERANCE: dict[Unit, float] = {"degrees": 10.0, "cm": 5.0}
"""Violation up to which a constraint counts as satisfied."""


EXACTNESS: dict[Unit, float] = {"degrees": 2.0, "cm": 1.0}
"""A constraint violated by this amount costs as much as any other term at its unit."""


@dataclass(frozen=True)
class Constraint:
    """A measure that must be from ``low`` to ``high``.

    Attributes:
        text: the constraint in words.
        joints: body joints that may move for it.
    """

    text: str
    measure: Measure
    low: float
    high: float
    unit: Unit
    joints: tuple[str, ...]

    def residual(self, skeleton: PosedSkeleton) -> Float[Tensor, " *batch"]:
        """Signed violation in the constraint's unit: negative if too small, positive if too large."""
        value = self.measure(skeleton)
        return (value - self.high).clamp(min=0) - (self.low - value).clamp(min=0)

    def gap(self, skeleton: PosedSkeleton) -> Float[Tensor, " *batch"]:
        """Violation in its unit; zero if satisfied."""
        return self.residual(skeleton).abs()

    def satisfied(self, skeleton: PosedSkeleton) -> Tensor:
        """Whether it is satisfied within 10 degrees or 5 cm."""
        return self.gap(skeleton) <= TOLERANCE[self.unit]

    def contradicts(self, other: Constraint) -> bool:
        """Whether both constrain the same measure to disjoint intervals."""
        return self.measure == other.measure and (self.low > other.high or other.low > self.high)


def at_most(text: str, measure: Measure, high: float, unit: Unit, joints: tuple[str, ...]) -> Constraint:
    """A measure with an upper bound.

    Args:
        text: the constraint in words.
        measure: function of a posed skeleton.
        high: the bound, in the unit.
        unit: unit of the measure, ``degrees`` or ``cm``.
        joints: body joints that may move for it.

    Returns:
        The constraint.
    """
    return Constraint(text, measure, -math.inf, high, unit, joints)


def at_least(text: str, measure: Measure, low: float, unit: Unit, joints: tuple[str, ...]) -> Constraint:
    """A measure with a lower bound.

    Args:
        text: the constraint in words.
        measure: function of a posed skeleton.
        low: the bound, in the unit.
        unit: unit of the measure, ``degrees`` or ``cm``.
        joints: body joints that may move for it.

    Returns:
        The constraint.
    """
    return Constraint(text, measure, low, math.inf, unit, joints)


def about(
    text: str, measure: Measure, value: float, unit: Unit, joints: tuple[str, ...], slack: float = 0.0
) -> Constraint:
    """A measure with a target value and tolerance ``slack``.

    Args:
        text: the constraint in words.
        measure: function of a posed skeleton.
        value: the target, in the unit.
        unit: unit of the measure, ``degrees`` or ``cm``.
        joints: body joints that may move for it.
        slack: allowed deviation, in the unit.

    Returns:
        The constraint.
    """
    return Constraint(text, measure, value - slack, value + slack, unit, joints)
