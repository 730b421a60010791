"""Courses with more and fewer steps."""

from benchmarks.optimisers import FACTORS, scaled
from fitting.stages import ADAMS_COURSE, COURSE


def test_courses_are_scaled_in_every_stage_and_in_nothing_else():
    half = scaled(COURSE, 0.5)
    assert [stage.steps for stage in half.stages] == [3, 4, 4, 2]
    assert [stage.moves for stage in half.fine] == [stage.moves for stage in COURSE.fine]
    assert [stage.noise for stage in half.fine] == [stage.noise for stage in COURSE.fine]
    assert half.doubt == COURSE.doubt
    assert scaled(COURSE, 1.0) == COURSE


def test_every_stage_keeps_a_step():
    least = min(min(factors) for factors in FACTORS.values())
    for course in (COURSE, ADAMS_COURSE):
        assert all(stage.steps >= 1 for stage in scaled(course, least).stages)
