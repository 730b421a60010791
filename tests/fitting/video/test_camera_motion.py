import cv2
import numpy as np
import pytest

from fitting.video.camera_motion import LOOKS, background_shift, camera_moves, is_blank, is_cut, thumbnail

NOBODY = np.zeros((0, 4))


@pytest.fixture(scope="module")
def room():
    """A wide picture with structure at all scales."""
    rng = np.random.default_rng(0)
    layers = [cv2.resize(rng.uniform(0, 255, (n, 2 * n, 3)), (800, 400)) for n in (5, 20, 60)]
    return np.mean(layers, axis=0).astype(np.uint8)


def window(room, left, top=20):
    return room[top : top + 300, left : left + 400]


def test_background_motion_is_measured(room):
    still, moved = (thumbnail(window(room, left)) for left in (100, 112))
    shift = background_shift(still, moved, NOBODY)
    assert shift == pytest.approx([-12 / 500, 0], abs=0.003)
    assert (background_shift(still, still, NOBODY) == 0).all()


def test_people_are_not_background(room):
    """Half of the picture goes by, somebody's; what remains stands."""
    before, after = window(room, 100).copy(), window(room, 100).copy()
    after[:, :220] = window(room, 108)[:, :220]
    person = np.array([[0.0, 0.0, 0.6, 1.0]])
    assert np.abs(background_shift(thumbnail(before), thumbnail(after), person)).max() < 0.002


def test_a_uniform_background_gives_no_camera_motion():
    grey = thumbnail(np.full((300, 400, 3), 90, np.uint8))
    assert np.isnan(background_shift(grey, grey, NOBODY)).all()


@pytest.mark.parametrize(("speed", "moves"), [(0.0, False), (0.0008, False), (0.003, True)])
def test_slow_pans_add_up(speed, moves):
    shifts = np.tile([speed, 0.0], (round(6 * LOOKS), 1))
    assert camera_moves(shifts) is moves


def test_shaking_in_place_counts_as_static():
    assert camera_moves(0.004 * np.tile([[1.0, 0.0], [-1.0, 0.0]], (20, 1))) is False


def test_camera_motion_is_unknown_without_measurements():
    assert camera_moves(np.full((10, 2), np.nan)) is None
    assert camera_moves(np.zeros((0, 2))) is False


def test_cuts(room):
    rng = np.random.default_rng(1)
    other = cv2.resize(rng.uniform(0, 120, (6, 8, 3)), (400, 300)).astype(np.uint8)
    assert is_cut(thumbnail(window(room, 100)), thumbnail(other))
    assert not is_cut(thumbnail(window(room, 100)), thumbnail(window(room, 120)))
    brighter = np.minimum(window(room, 100).astype(int) + 40, 255).astype(np.uint8)
    assert not is_cut(thumbnail(window(room, 100)), thumbnail(brighter))


def test_blank_frames(room):
    assert is_blank(thumbnail(np.zeros((300, 400, 3), np.uint8)))
    assert not is_blank(thumbnail(window(room, 100)))
