import numpy as np
import pytest

from fitting.inputs.keypoints import FORMATS
from fitting.video.contact import foot_points, lowest_around, standing_probability

FPS = 30.0


def walking(fps, noise=0.01):
    """A foot that stands for half a second, swings for half a second, and so on; and whether it stands."""
    seconds = np.arange(round(4 * fps)) / fps
    phase = seconds % 1.0
    swing = np.clip(phase - 0.5, 0, None) * 2
    x = np.floor(seconds) * 1.2 + 0.6 * (1 - np.cos(np.pi * swing))
    points = np.stack([x, np.zeros_like(x), 0.1 * np.sin(np.pi * swing)], -1)[:, None]
    points = points + noise * np.random.default_rng(0).normal(size=points.shape)
    return points, points[..., 2], phase < 0.5


@pytest.mark.parametrize("fps", [12.0, 30.0, 60.0])
def test_standing_and_swinging(fps):
    points, heights, stands = walking(fps)
    found = standing_probability(points, heights, np.ones(heights.shape), fps)[:, 0]
    assert ((found > 0.5) == stands).mean() > 0.85
    middle_of_swing = np.abs((np.arange(len(found)) / fps) % 1.0 - 0.75) < 0.08
    assert found[middle_of_swing].max() < 0.1


def test_a_foot_in_the_air_does_not_stand():
    still = np.zeros((30, 2, 3))
    heights = np.tile([0.0, 0.3], (30, 1))
    found = standing_probability(still, heights, np.ones(heights.shape), FPS)
    assert found[:, 0].min() > 0.9
    assert found[:, 1].max() < 0.1


def test_contact_of_unseen_frames_follows_from_their_neighbours():
    points, heights, _ = walking(FPS, noise=0.0)
    still, seen = np.zeros_like(points), np.ones(heights.shape)
    seen[50:54] = 0.0
    found = standing_probability(still, np.zeros_like(heights), seen, FPS)
    assert 0.8 < found[52, 0] < found[40, 0]
    seen[:3] = 0.0
    assert standing_probability(still, np.zeros_like(heights), seen, FPS)[0, 0] > 0.8
    seen[:] = 0.0
    assert standing_probability(still, np.zeros_like(heights), seen, FPS) == pytest.approx(0.5)


def test_a_single_frame_gives_no_contact():
    assert standing_probability(np.zeros((1, 4, 3)), np.zeros((1, 4)), np.ones((1, 4)), FPS) == pytest.approx(0.5)


def test_the_lowest_point_around_a_frame():
    heights = np.ones((90, 2))
    heights[40, 1] = 0.2
    lowest = lowest_around(heights, FPS)
    assert np.flatnonzero(lowest < 1).tolist() == list(range(25, 56))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_points_on_both_feet(format):
    names = foot_points(format)
    assert set(names) <= set(FORMATS[format].names)
    assert [name.startswith("left") for name in names] == [True] * (len(names) // 2) + [False] * (len(names) // 2)
