"""Detection of hands: assignment to arms, and a photo."""

from types import SimpleNamespace

import numpy as np
import pytest

from fitting.inputs.detect import detect
from fitting.inputs.hand_detector import HandDetector, pixels_per_metre
from fitting.inputs.images import read_image
from fitting.inputs.keypoints import FORMATS, Keypoints
from qposer.io.assets import asset

NAMES = FORMATS["mediapipe"].names
SIZE, SCALE = 400, 200.0


@pytest.fixture(scope="module")
def person():
    """Somebody whose wrists are at (100, 200) and (300, 200), a metre apart."""
    rng = np.random.default_rng(0)
    world = rng.uniform(-0.8, 0.8, (1, 33, 3))
    for side, x in (("left", -0.5), ("right", 0.5)):
        for point in ("wrist", "index", "pinky"):
            world[0, NAMES.index(f"{side}_{point}")] = (x, 0.0, 0.0)
    return Keypoints(world[..., :2] * SCALE + 200, np.ones((1, 33)), "mediapipe", world)


class FakeLandmarker:
    """Hands at given pixels of the picture, found in every crop that contains them."""

    def __init__(self, hands, monkeypatch):
        self.hands, self.crops = hands, []
        monkeypatch.setattr(HandDetector, "_in_crop", self.in_crop)

    def in_crop(self, rgb, left, top, side):
        from fitting.inputs.hand_detector import _Hand

        self.crops.append(side)
        inside = [xy for xy, *_ in self.hands if left <= xy[0] < left + side and top <= xy[1] < top + side]
        fan = np.stack([np.arange(21), np.zeros(21)], axis=-1)
        return [
            _Hand(np.array(xy) + fan, np.ones((21, 3)), score, side_) for xy, side_, score in self.hands if xy in inside
        ]


def found(person, hands, monkeypatch):
    fake = FakeLandmarker(hands, monkeypatch)
    detector = HandDetector()
    detector._landmarker = SimpleNamespace()
    return detector.detect(np.zeros((SIZE, SIZE, 3), np.uint8), person), fake


def test_hands_belong_to_the_nearest_arm_whatever_side_is_detected(person, monkeypatch):
    hands, _ = found(person, [((102, 200), 1, 0.9), ((298, 200), 1, 0.9)], monkeypatch)
    assert hands.found.tolist() == [[True, True]]
    assert hands.xy[0, 0, 0].tolist() == [102, 200]
    assert hands.world[0].any((1, 2)).tolist() == [False, True]  # a mirrored hand's depths are wrong


@pytest.fixture(scope="module")
def near(person):
    """The same person with wrists at (190, 200) and (210, 200)."""
    wrists = [NAMES.index(f"{side}_{point}") for side in ("left", "right") for point in ("wrist", "index", "pinky")]
    xy = person.xy.copy()
    xy[0, wrists] = [(190, 200)] * 3 + [(210, 200)] * 3
    return Keypoints(xy, person.confidence, "mediapipe", person.world)


def test_a_hand_in_two_crops_is_one(near, monkeypatch):
    hands, _ = found(near, [((208, 200), 1, 0.9)], monkeypatch)
    assert hands.found.tolist() == [[False, True]]


@pytest.mark.parametrize(("sides", "left"), [((0, 1), 196), ((1, 0), 204)])
def test_detected_sides_decide_between_wrists_that_are_near(near, monkeypatch, sides, left):
    hands, _ = found(near, [((196, 200), sides[0], 0.9), ((204, 200), sides[1], 0.9)], monkeypatch)
    assert hands.found.tolist() == [[True, True]]
    assert hands.xy[0, :, 0, 0].tolist() == [left, 400 - left]


def test_a_hand_far_from_the_wrist_is_somebody_elses(person, monkeypatch):
    hands, fake = found(person, [((130, 200), 0, 0.9)], monkeypatch)
    assert not hands.found.any()
    assert len(fake.crops) == 6  # all sizes are tried at both wrists


def test_tiny_hands_are_not_searched(person, monkeypatch):
    small = Keypoints(0.2 * person.xy, person.confidence, "mediapipe", person.world)
    hands, fake = found(small, [((20, 40), 0, 0.9)], monkeypatch)
    assert not hands.found.any()
    assert not fake.crops


def test_the_scale_is_that_of_the_keypoints(person):
    assert pixels_per_metre(person) == pytest.approx([SCALE], rel=0.01)


def test_hands_of_a_photo_are_at_the_ends_of_the_arms():
    people = detect(read_image(asset("walk_side.jpg")).rgb, hands=True)
    assert people.hands.found.all()
    for side, name in enumerate(("left_wrist", "right_wrist")):
        off = people.hands.xy[0, side, 0] - people.xy[0, NAMES.index(name)]
        assert np.linalg.norm(off) < 1e-3
