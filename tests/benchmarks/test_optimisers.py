"""Courses with more and fewer steps."""

from benchmarks.optimisers import FACTORS, scaled
from fitting.stages import ADAMS_COURSE, COURSE


def test_courses_are_scaled_in_every_stage_and_in_nothing_else():
    half = scaled(ADAMS_COURSE, 0.5)
    assert [stage.steps for stage in vars(half).values()] == [45, 38, 38, 20]
    assert half.fine.moves == ADAMS_COURSE.fine.moves
    assert half.fine.noise == ADAMS_COURSE.fine.noise
    assert scaled(COURSE, 1.0) == COURSE


def test_every_stage_keeps_a_step():
    least = min(min(factors) for factors in FACTORS.values())
    for course in (COURSE, ADAMS_COURSE):
        assert all(stage.steps >= 1 for stage in vars(scaled(course, least)).values())
