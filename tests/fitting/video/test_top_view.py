"""Paths from above."""

import dataclasses
import itertools

import cv2
import numpy as np
import pytest

from fitting.video.ground import Ground
from fitting.video.top_view import TopView, level_axes

SIDE = 200
DOWN = Ground((0.0, 0.3, -1.0), 4.0)
"""Below a camera on a ceiling."""


@pytest.fixture
def walk(make_clip):
    """Makes a clip of somebody who walks from one point on the ground to another (x, and z ahead)."""

    def make(begin, end, ground=None, frames=9):
        clip = make_clip(frames=frames)
        down, height = ground or Ground((0.0, -1.0, 0.0), 1.5), 1.0
        world = np.linspace([begin[0], height, -begin[1]], [end[0], height, -end[1]], frames)
        pelvis = (world - [0.0, down.camera_height, 0.0]) @ down.rotation
        joints = clip.joints - clip.joints[:, :1] + pelvis[:, None]
        plane = None if ground is None else np.array([*ground.up, ground.camera_height])
        return dataclasses.replace(clip, joints=joints.astype(np.float32), ground=plane)

    return make


def place(picture):
    """Centre of what is painted in strong colours, in parts of the picture."""
    strong = (np.ptp(picture.astype(int), axis=-1) > 25).astype(np.uint8)
    strong = cv2.erode(strong, np.ones((3, 3), np.uint8))
    return np.argwhere(strong).mean(0)[::-1] / SIDE


@pytest.mark.parametrize("ground", [None, Ground((0.1, -1.0, -0.2), 1.2), DOWN], ids=["unknown", "tilted", "down"])
def test_away_is_up_and_right_is_right(walk, ground):
    view = TopView([walk((0.0, 2.0), (2.0, 6.0), ground)], SIDE)
    pictures = [view.draw(number) for number in range(20)]
    assert place(pictures[5]) == pytest.approx([0.3, 0.9], abs=0.02)  # a square of 5 m around a path of 2 m by 4 m
    assert np.array_equal(pictures[4], pictures[0])
    last = pictures[13].astype(int) - pictures[12]
    assert np.argwhere(np.abs(last).sum(-1) > 100).mean(0)[::-1] / SIDE == pytest.approx([0.68, 0.14], abs=0.04)


def test_everybody_is_shown_at_the_same_time(walk):
    """Two people pass each other; the one farther away is the second, and begins four frames later."""
    one, other = walk((0.0, 3.0), (3.0, 3.0)), walk((3.0, 5.0), (0.0, 5.0))
    view = TopView([one, dataclasses.replace(other, frames=other.frames + 4)], SIDE)
    pictures = [view.draw(number).astype(int) for number in range(20)]
    changed = [np.argwhere(np.abs(b - a).sum(-1) > 60)[:, 0] / SIDE for a, b in itertools.pairwise(pictures)]
    assert [bool(len(rows) and rows.max() > 0.6) for rows in changed] == [4 <= number <= 13 for number in range(19)]
    assert [bool(len(rows) and rows.min() < 0.4) for rows in changed] == [8 <= number <= 17 for number in range(19)]


def test_the_axes_are_those_of_whoever_has_a_ground(walk):
    without, with_ground = walk((0, 3), (1, 3)), walk((0, 3), (1, 3), DOWN)
    assert level_axes([without]) is None
    axes = level_axes([without, with_ground])
    assert axes @ np.array(DOWN.up) == pytest.approx([0, -1, 0])
    unknown, known = (
        TopView([one], SIDE).draw(0) for one in (without, dataclasses.replace(without, ground=np.array([0, -1, 0, 1])))
    )
    assert not np.array_equal(unknown[:15], known[:15])  # the caption


def test_somebody_who_stands_still(walk):
    picture = TopView([walk((0.0, 3.0), (0.0, 3.0))], SIDE).draw(5)
    assert place(picture) == pytest.approx([0.5, 0.5], abs=0.02)
