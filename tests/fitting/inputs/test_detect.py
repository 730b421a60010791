import cv2
import numpy as np
import pytest

from fitting.inputs import detect as detection
from fitting.inputs.detect import Detector, detect, smallest_found
from fitting.inputs.detections import paint_over, turned_back
from fitting.inputs.images import read_image
from fitting.inputs.keypoints import FORMATS, Keypoints
from qposer.io.assets import asset

NOSE, LEFT_SHOULDER, RIGHT_ANKLE, LEFT_HIP = FORMATS["mediapipe"].indices(
    "nose", "left_shoulder", "right_ankle", "left_hip"
)

LEGS = slice(25, 33)


@pytest.fixture(scope="module")
def walk():
    return read_image(asset("walk_side.jpg")).rgb


def test_two_people_largest_first(walk):
    people = detect(walk, max_people=4)
    assert people.format == "mediapipe"
    assert len(people) == 2
    assert people.world.shape == (2, 33, 3)
    woman, man = people.xy
    assert woman[NOSE] == pytest.approx([1242, 568], abs=12)
    assert woman[RIGHT_ANKLE] == pytest.approx([1315, 922], abs=15)
    assert man[NOSE] == pytest.approx([630, 128], abs=15)
    assert people.confidence.mean() > 0.9


def test_positions_in_metres_are_turned_like_the_picture(walk):
    """The projections of world bones and the bones in the photo have the same directions, also of a leaning person."""
    crop = walk[500:, 1050:1500]
    turn = cv2.getRotationMatrix2D((225, 240), 35, 1.0)
    person = detect(cv2.warpAffine(crop, turn, (450, 494)))
    for a, b in ((LEFT_SHOULDER, LEFT_HIP), (NOSE, LEFT_HIP)):
        photo = person.xy[0, b] - person.xy[0, a]
        metres = (person.world[0, b] - person.world[0, a])[:2]
        cosine = photo @ metres / np.linalg.norm(photo) / np.linalg.norm(metres)
        assert np.degrees(np.arccos(cosine)) < 10


def leaning(person, above, below):
    """Degrees by which a part of a person leans towards the camera, from and to the middle of both sides."""
    upper, lower = (
        person.world[0, list(FORMATS["mediapipe"].indices(f"left_{kind}", f"right_{kind}"))].mean(0)
        for kind in (above, below)
    )
    _, y, z = lower - upper
    return np.degrees(np.arctan2(z, y))


def test_people_who_stand_do_not_lean_towards_the_camera(walk):
    """Uncorrected, MediaPipe's shins lean by 12 and 23 degrees, and necks by 44 and 53."""
    people = detect(walk, max_people=2)
    woman, man = people[0], people[1]
    assert abs(leaning(woman, "knee", "ankle")) < 10
    assert abs(leaning(man, "knee", "ankle")) < 10
    assert 20 < (leaning(woman, "ear", "shoulder") + leaning(man, "ear", "shoulder")) / 2 < 40


def test_a_huge_photo_is_detected_in_original_pixels(walk):
    small = detect(walk)
    large = detect(cv2.resize(walk, None, fx=3, fy=3))
    height = np.ptp(small.xy[0, :, 1])
    assert np.abs(large.xy[0] / 3 - small.xy[0]).mean() < 0.02 * height


def test_legs_outside_the_photo_have_low_confidence():
    person = detect(read_image(asset("upper_body.png")).rgb)
    assert person.confidence[0, NOSE] > 0.9
    assert person.confidence[0, LEFT_SHOULDER] > 0.9
    assert person.confidence[0, LEGS].max() < 0.1


@pytest.mark.parametrize(("width", "height", "smallest"), [(320, 240, 36), (2400, 1200, 160)])
def test_nobody(width, height, smallest):
    reported = (
        f"no person .* {width} x {height} pixels, in which people below about {smallest} pixels are too small: crop"
    )
    with pytest.raises(ValueError, match=reported):
        detect(np.full((height, width, 3), 128, np.uint8))


@pytest.mark.parametrize(("factor", "found"), [(1.3, True), (0.5, False)])
def test_people_are_found_from_about_the_size_on_that_is_reported(walk, factor, found):
    woman = walk[500:, 1100:1410]  # 374 pixels tall
    scale = factor * smallest_found(800, 600) / 374
    small = cv2.resize(woman, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    photo = np.full((600, 800, 3), 128, np.uint8)
    photo[-len(small) :, : small.shape[1]] = small
    with Detector() as detector:
        assert (detector.search(photo) is not None) is found


@pytest.mark.parametrize("photo", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((8, 8, 4), np.uint8)])
def test_files_that_are_not_photos(photo):
    with pytest.raises(ValueError, match="uint8"):
        detect(photo)


def test_mediapipe_is_silent(walk, capfd):
    detect(walk)
    assert capfd.readouterr().err == ""


def person_at(x, y, size=100.0):
    """All 33 keypoints on an upright stick figure, all seen."""
    rng = np.random.default_rng(0)
    xy = np.array([x, y]) + size * np.column_stack([rng.uniform(-0.2, 0.2, 33), np.linspace(0, 1, 33)])
    return np.column_stack([xy, np.ones(33), np.zeros((33, 3))])


def test_overpainted_people_are_not_detected_again(walk):
    with Detector() as detector:
        first = detector.search(walk)
        people = [np.column_stack([first.xy[0], first.confidence[0], first.world[0]])]
        rest = paint_over(walk, people)
        again = detector.search(rest)
    assert (rest != walk).any(axis=-1).mean() < 0.2
    assert again is None or np.median(np.linalg.norm(again.xy[0] - first.xy[0], axis=-1)) > 50


@pytest.mark.parametrize(("again", "found"), [(0, 0), (1, 0), (2, 1), (4, 1)])
def test_people_detected_in_a_tile_must_be_detected_in_a_close_up(monkeypatch, again, found):
    person, looks = person_at(100, 50), iter(range(100))

    def landmarks(*_):
        return [person + 1.0] if next(looks) < again else [person_at(300, 50)]

    monkeypatch.setattr(detection, "_landmarks", landmarks)
    people = []
    detection._add(people, [person], None, np.zeros((300, 400, 3), np.uint8))
    assert len(people) == found


@pytest.mark.parametrize("name", ["walk_side.jpg", "upper_body.png"])
def test_clear_people_are_not_ambiguous(name):
    assert not detect(read_image(asset(name)).rgb, max_people=2).ambiguous.any()


def test_keypoints_without_a_person_are_ambiguous(walk):
    person = person_at(1500, 100, 300.0)
    there = np.stack([person[:, :2], person[:, :2]])
    with Detector() as detector:
        found = detector.ambiguous(walk, Keypoints(there, np.full((2, 33), [[0.8], [1.0]]), "mediapipe"))
    assert found.tolist() == [True, False]


def test_ambiguous_people_are_marked(walk, monkeypatch):
    monkeypatch.setattr(detection, "_CLEAR", 1.0)
    monkeypatch.setattr(detection, "is_ambiguous", lambda person, views: len(views) == 8 and person[NOSE, 0] > 1000)
    assert detect(walk, max_people=2).ambiguous.tolist() == [True, False]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_people_found_in_a_turned_photo_are_turned_back(walk, quarters):
    person = detect(walk)
    photo = np.ascontiguousarray(np.rot90(walk, -quarters))
    with Detector() as detector:
        found = detector.search_turned(photo)
    assert found is not None
    upright = turned_back(np.column_stack([found.xy[0], found.confidence[0], found.world[0]]), 4 - quarters, walk)
    size = np.ptp(person.xy[0], axis=0).max()
    assert np.linalg.norm(upright[:, :2] - person.xy[0], axis=-1).mean() < 0.01 * size
    assert np.linalg.norm(upright[:, 3:] - person.world[0], axis=-1).mean() < 0.03


def test_photos_are_rotated_only_after_a_failed_detection(walk, monkeypatch):
    monkeypatch.setattr(Detector, "ambiguous", lambda *_: np.array([False]))
    asked = []

    def turned(_, rgb, max_people):
        asked.append(max_people)
        return Keypoints(np.ones((1, 33, 2)), np.ones((1, 33)), "mediapipe")

    monkeypatch.setattr(Detector, "search_turned", turned)
    detect(walk)
    assert asked == []
    monkeypatch.setattr(Detector, "search", lambda *_: None)
    assert len(detect(walk, 3)) == 1
    assert asked == [3]
