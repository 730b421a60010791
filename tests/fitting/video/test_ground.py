import math

import numpy as np
import pytest

from fitting.video.ground import Evidence, Ground, estimate_up, ground_below

FRAMES, STEP = 120, 10


def tilted(pitch, roll=0.0):
    """Up in the axes of a camera that looks down by an angle, and is rolled by another."""
    up = np.array([0.0, -math.cos(pitch), -math.sin(pitch)])
    turn = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return turn @ up


def evidence(up, height=1.5, lean=0.0, spread=1.0, noise=0.02, seed=0, scale=1.0):
    """Feet on a plane below a camera, elsewhere after each step, of somebody who leans to the camera."""
    rng = np.random.default_rng(seed)
    ground = Ground(tuple(up), height)
    places = np.repeat(spread * rng.uniform(-1, 1, (2, FRAMES // STEP, 4)), STEP, axis=1)
    flat = np.stack([places[0], np.zeros((FRAMES, 4)), -4 + places[1]], -1)
    soles = np.array([0.03, 0.02, 0.03, 0.02])
    flat[..., 1] = soles + noise * rng.normal(size=(FRAMES, 4))
    points = scale * (flat - [0, height, 0]) @ ground.rotation
    upright = np.array([0.0, math.cos(lean), math.sin(lean)]) @ ground.rotation + 0.05 * rng.normal(size=(FRAMES, 3))
    upright *= 1.5 * scale / np.linalg.norm(upright, axis=1, keepdims=True)
    return Evidence(points, scale * soles, upright, np.ones((FRAMES, 4)), 30.0)


def angle(a, b):
    return math.degrees(math.acos(min(1.0, float(np.dot(a, b)))))


STANDS = np.ones((FRAMES, 4))
STANDS[::STEP] = 0.0


@pytest.mark.parametrize("pitch", [-0.1, 0.0, 0.3, 0.8])
def test_the_ground_below_a_walking_person_is_estimated(pitch):
    up = tilted(pitch)
    seen = evidence(up, lean=math.radians(8))
    found = estimate_up([(seen, STANDS)])
    assert angle(found, up) < 1.0
    ground, reason = ground_below(seen, STANDS, found)
    assert ground.camera_height == pytest.approx(1.5, abs=0.05)
    assert reason == ""


def test_a_slightly_rolled_camera_is_supported():
    up = tilted(0.2, roll=0.1)
    assert angle(estimate_up([(evidence(up), STANDS)]), up) < 1.0


def test_standing_in_one_place_determines_only_the_vertical():
    up = tilted(0.3)
    assert angle(estimate_up([(evidence(up, spread=0.02), STANDS)]), up) < 2.0


def test_feet_that_stay_in_one_place_do_not_outweigh_an_upright_person():
    """Both heels are found 4 cm too high in every frame, as if the ground were tilted by 9 degrees."""
    up = tilted(0.0)
    seen = evidence(up, spread=0.0)
    seen.points[:, ::2] += [0.0, -0.04, 0.125]
    seen.points[:, 1::2] -= [0.0, 0.0, 0.125]
    found = [angle(estimate_up([(seen, stands)]), up) for stands in (np.ones((FRAMES, 4)), STANDS)]
    assert found[0] < 5.0  # degrees
    assert found[1] > 7.0  # many steps to such a place


def test_squats_do_not_tell_the_vertical():
    up = tilted(0.1)
    seen, squat = evidence(up, spread=0.02), evidence(up, lean=0.5)
    low = np.arange(FRAMES) % 3 > 0
    seen.upright[low] = 0.7 * squat.upright[low]
    assert angle(seen.direction, up) < 2.0
    assert angle(estimate_up([(seen, STANDS)]), up) < 2.0


def test_a_camera_rotated_by_a_right_angle_is_supported():
    up = tilted(0.1, roll=math.pi / 2)
    assert angle(estimate_up([(evidence(up), STANDS)]), up) < 2.0


def test_people_of_other_sizes_share_the_direction_and_not_the_height():
    up = tilted(0.2)
    people = [evidence(up, lean=0.15, spread=0.3), evidence(up, scale=1.2, seed=1)]
    found = estimate_up([(one, STANDS) for one in people])
    assert angle(found, up) < 1.0
    heights = [ground_below(one, STANDS, found)[0].camera_height for one in people]
    assert heights == pytest.approx([1.5, 1.8], abs=0.07)


def test_feet_that_swing_do_not_count():
    up, stands = tilted(0.2), STANDS.copy()
    seen = evidence(up)
    stands[::2] = 0.0
    seen.points[::2] += 0.5 * up
    assert angle(estimate_up([(seen, stands)]), up) < 1.0
    assert ground_below(seen, stands, up)[0].camera_height == pytest.approx(1.5, abs=0.02)


def test_no_ground_without_standing_feet_or_on_stairs():
    up = tilted(0.2)
    seen = evidence(up)
    ground, reason = ground_below(seen, 0 * STANDS, up)
    assert ground is None
    assert "feet stand for only 0.0 s" in reason
    seen.points[: FRAMES // 2] += 0.4 * up
    ground, reason = ground_below(seen, STANDS, up)
    assert ground is None
    assert "cm from a plane" in reason


@pytest.mark.parametrize("up", [(0, -1, 0), (0.1, -0.8, -0.5), (0, 0, -1), (0, 0, 2)])
def test_world_axes(up):
    ground = Ground(up, 1.5)
    np.testing.assert_allclose(ground.rotation @ ground.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(ground.rotation) == pytest.approx(1)
    np.testing.assert_allclose(ground.rotation @ ground.up, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(ground.to_world(np.zeros(3)), [0, 1.5, 0])
    below = -1.5 * np.array(ground.up)
    np.testing.assert_allclose(ground.to_world(below), np.zeros(3), atol=1e-12)
    if ground.up[2] > -0.9 and ground.up[2] < 0.9:
        assert (ground.rotation @ [0, 0, 1])[2] < 0  # what is ahead of the camera has a negative z


@pytest.mark.parametrize(("up", "height"), [((0, 0, 0), 1.0), ((0, math.nan, 1), 1.0), ((0, -1, 0), math.inf)])
def test_no_grounds(up, height):
    with pytest.raises(ValueError, match=r"up must be a finite direction|a finite number of metres"):
        Ground(up, height)
