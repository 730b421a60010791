import numpy as np
import pytest

from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.video.appearance import colour_distance, person_scale, torso_colours

TORSO = list(FORMATS["mediapipe"].torso)


def person(seen=True, world=None):
    xy = np.random.default_rng(0).uniform(20, 180, (1, 33, 2))
    xy[0, TORSO] = [(120, 40), (80, 40), (115, 100), (85, 100)]
    confidence = np.ones((1, 33))
    confidence[:, TORSO[0]] = seen
    return Keypoints(xy, confidence, "mediapipe", world)


def picture(colour, background=(255, 255, 255)):
    rgb = np.tile(np.array(background, np.uint8), (200, 200, 1))
    rgb[35:105, 75:125] = colour
    return rgb


def test_the_torso_counts_and_not_the_background():
    red = torso_colours(picture((200, 30, 30)), person())
    assert colour_distance(red, torso_colours(picture((200, 30, 30), (0, 90, 0)), person()))[0] < 0.1
    assert colour_distance(red, torso_colours(picture((30, 30, 200)), person()))[0] > 0.9
    assert colour_distance(red, torso_colours(picture((170, 26, 26)), person()))[0] < 0.3  # in the shade
    assert red.sum() == pytest.approx(1.0)


def test_greys_differ_by_brightness():
    black, white = (torso_colours(picture((grey,) * 3), person()) for grey in (10, 240))
    assert colour_distance(black, white)[0] > 0.9


def test_an_unseen_torso_has_no_appearance():
    unknown = torso_colours(picture((200, 30, 30)), person(seen=False))
    assert not unknown.any()
    assert colour_distance(unknown, torso_colours(picture((30, 30, 200)), person()))[0] == 0


def test_size_does_not_depend_on_the_pose():
    world = np.random.default_rng(1).normal(size=(1, 33, 3))
    crouched = world * (1.0, 0.3, 1.0)
    for pose in (world, crouched):
        people = Keypoints(150.0 * pose[..., :2] + 400, np.ones((1, 33)), "mediapipe", pose)
        assert person_scale(people) == pytest.approx([150.0], rel=1e-3)
