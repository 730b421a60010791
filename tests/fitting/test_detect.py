import cv2
import numpy as np
import pytest

from fitting.detect import detect
from fitting.images import read_image
from fitting.keypoints import FORMATS
from qposer.assets import asset

NOSE, LEFT_SHOULDER, RIGHT_ANKLE, LEFT_HIP = FORMATS["mediapipe"].indices(
    "nose", "left_shoulder", "right_ankle", "left_hip"
)


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
    """The projections of world bones and the bones on the photo have the same directions, also of a leaning person."""
    crop = walk[500:, 1050:1500]
    turn = cv2.getRotationMatrix2D((225, 240), 35, 1.0)
    person = detect(cv2.warpAffine(crop, turn, (450, 494)))
    for a, b in ((LEFT_SHOULDER, LEFT_HIP), (NOSE, LEFT_HIP)):
        photo = person.xy[0, b] - person.xy[0, a]
        metres = (person.world[0, b] - person.world[0, a])[:2]
        cosine = photo @ metres / np.linalg.norm(photo) / np.linalg.norm(metres)
        assert np.degrees(np.arccos(cosine)) < 10


def test_a_huge_photo_is_detected_in_its_own_pixels(walk):
    small = detect(walk)
    large = detect(cv2.resize(walk, None, fx=3, fy=3))
    height = np.ptp(small.xy[0, :, 1])
    assert np.abs(large.xy[0] / 3 - small.xy[0]).mean() < 0.02 * height


def test_hidden_hips_have_low_confidence():
    person = detect(read_image(asset("upper_body.png")).rgb)
    assert person.confidence[0, NOSE] > 0.9
    assert person.confidence[0, LEFT_SHOULDER] > 0.9
    assert person.confidence[0, 23:].max() < 0.1


def test_nobody():
    with pytest.raises(ValueError, match="no person was found on the photo of 320 x 240 pixels"):
        detect(np.full((240, 320, 3), 128, np.uint8))


@pytest.mark.parametrize("photo", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((8, 8, 4), np.uint8)])
def test_what_is_no_photo(photo):
    with pytest.raises(ValueError, match="uint8"):
        detect(photo)


def test_mediapipe_is_silent(walk, capfd):
    detect(walk)
    assert capfd.readouterr().err == ""
