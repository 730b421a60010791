"""Courses with more and fewer steps."""

from benchmarks.fitting import adam
from benchmarks.optimisers import FACTORS, scaled
from fitting.optimise.schedule import SCHEDULE


def test_schedules_are_scaled_only_in_the_steps_of_every_stage():
    half = scaled(SCHEDULE, 0.5)
    assert [stage.steps for stage in half.stages] == [3, 4, 4, 2]
    assert [stage.free for stage in half.fine] == [stage.free for stage in SCHEDULE.fine]
    assert [stage.noise for stage in half.fine] == [stage.noise for stage in SCHEDULE.fine]
    assert half.prior_scale == SCHEDULE.prior_scale
    assert scaled(SCHEDULE, 1.0) == SCHEDULE


def test_every_stage_keeps_a_step():
    least = min(min(factors) for factors in FACTORS.values())
    for course in (SCHEDULE, adam.SCHEDULE):
        assert all(stage.steps >= 1 for stage in scaled(course, least).stages)
