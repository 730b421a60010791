import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qposer.body_pose.posed_skeleton import PosedSkeleton, neutral_pose
from qposer.control.constraints import Constraint, about, at_least, at_most
from qposer.control.measures import JointAngle

STANDS = PosedSkeleton.of(neutral_pose())


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_residuals_are_distances_to_an_interval_with_signs(measured, low, width):
    high = low + width
    constraint = Constraint("", lambda figure: torch.tensor(measured), low, high, "cm", ())
    inside = min(max(measured, low), high)
    assert float(constraint.residual(STANDS)) == pytest.approx(measured - inside, abs=1e-3)
    assert float(constraint.gap(STANDS)) == pytest.approx(abs(measured - inside), abs=1e-3)


@pytest.mark.parametrize(("unit", "tolerance"), [("degrees", 10.0), ("cm", 5.0)])
def test_satisfied_within_ten_degrees_or_five_centimetres(unit, tolerance):
    for off, expected in ((-0.1, True), (0.1, False)):
        measured = torch.tensor([20.0 + tolerance + off, 10.0 - tolerance - off])
        constraint = Constraint("", lambda figure, measured=measured: measured, 10.0, 20.0, unit, ())
        assert constraint.satisfied(STANDS).tolist() == [expected, expected]


def test_bounds_are_open_on_one_side():
    knee = JointAngle("left_knee_flexion")
    for bound, low, high in ((at_most, -math.inf, 3.0), (at_least, 3.0, math.inf)):
        constraint = bound("the knee", knee, 3.0, "degrees", ("left_knee",))
        assert (constraint.low, constraint.high) == (low, high)
        assert torch.isfinite(constraint.residual(STANDS))
    given = about("the knee", knee, 3.0, "degrees", ("left_knee",), 2.0)
    assert (given.low, given.high, given.text, given.unit) == (1.0, 5.0, "the knee", "degrees")


def test_contradictions_are_of_the_same_measure_with_nothing_in_common():
    raised = at_least("raised", JointAngle("left_shoulder_elevation"), 60.0, "degrees", ())
    lowered = at_most("lowered", JointAngle("left_shoulder_elevation"), 22.0, "degrees", ())
    assert raised.contradicts(lowered)
    assert lowered.contradicts(raised)
    assert not raised.contradicts(raised)
    assert not raised.contradicts(replace(lowered, high=60.0))
    assert not raised.contradicts(replace(lowered, measure=JointAngle("right_shoulder_elevation")))
