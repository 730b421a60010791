import numpy as np
import pytest

from fitting.video.frame_times import timing


def test_even_frames_are_numbered_as_they_come():
    found = timing(np.arange(100) / 29.97, 29.97)
    assert found.fps == 29.97
    assert found.numbers.tolist() == list(range(100))


def test_a_rate_that_the_file_misstates_is_measured():
    found = timing(np.arange(600) / 30, 25.0)
    assert found.fps == pytest.approx(30.0)
    assert found.numbers.tolist() == list(range(600))


def test_uneven_frames_keep_their_times():
    seconds = np.concatenate([np.arange(12) / 60, 0.2 + np.arange(12) / 10])
    found = timing(seconds, 20.87)
    assert found.fps == pytest.approx(60.0, rel=1e-3)
    assert np.abs(found.numbers / found.fps - seconds).max() < 1e-3


def test_dropped_frames_leave_gaps():
    seconds = np.delete(np.arange(60) / 30, [7, 8, 20, 33, 34, 35, 50])
    found = timing(seconds, 26.5)
    assert found.fps == pytest.approx(30.0)
    assert np.abs(found.numbers / found.fps - seconds).max() < 1e-6


def test_a_little_jitter_changes_nothing():
    seconds = np.arange(200) / 30 + np.random.default_rng(0).uniform(-0.004, 0.004, 200)
    assert timing(seconds, 30.0).numbers.tolist() == list(range(200))


@pytest.mark.parametrize(
    "seconds", [np.zeros(10), np.array([0.0, 1.0, 0.5]), np.array([0.0, np.nan, 1.0]), np.array([0.0]), np.zeros(0)]
)
def test_invalid_times_are_ignored(seconds):
    found = timing(seconds, 24.0)
    assert found.fps == 24.0
    assert found.numbers.tolist() == list(range(len(seconds)))


def test_a_gap_of_days_makes_no_frames_of_days():
    seconds = np.concatenate([np.arange(10) / 30, 10**6 + np.arange(10) / 30])
    assert timing(seconds, 30.0).numbers[-1] < 1000
