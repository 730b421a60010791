from dataclasses import replace

import numpy as np
import pytest

from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.keypoints import FORMATS, Keypoints, joined

COUNTS = {"mediapipe": 33, "openpose": 25, "coco": 17, "h36m": 17}
MIDDLE = {"nose", "neck", "mid_hip", "pelvis", "spine", "thorax", "head"}


def random_people(name, people=2, seed=0):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 100, (people, COUNTS[name], 2)) * np.arange(1, people + 1)[:, None, None]
    return xy, rng.uniform(0.2, 1.0, (people, COUNTS[name]))


@pytest.mark.parametrize("name", COUNTS)
def test_formats(name):
    spec = FORMATS[name]
    assert len(spec.names) == len(set(spec.names)) == COUNTS[name]
    assert [spec.names[joint] for joint in spec.torso] == ["left_shoulder", "right_shoulder", "left_hip", "right_hip"]
    for joint, other in enumerate(spec.mirror):
        assert spec.mirror[other] == joint
        assert (joint == other) == (spec.names[joint] in MIDDLE)
    joined = {joint for limb in spec.limbs for joint in limb}
    assert joined == set(range(COUNTS[name]))
    mirrored = {frozenset(spec.mirror[joint] for joint in limb) for limb in spec.limbs}
    assert mirrored == {frozenset(limb) for limb in spec.limbs}


LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
INDICES = {
    "mediapipe": {"left": (11, 13, 15, 23, 25, 27), "right": (12, 14, 16, 24, 26, 28)},
    "openpose": {"left": (5, 6, 7, 12, 13, 14), "right": (2, 3, 4, 9, 10, 11)},
    "coco": {"left": (5, 7, 9, 11, 13, 15), "right": (6, 8, 10, 12, 14, 16)},
    "h36m": {"left": (11, 12, 13, 4, 5, 6), "right": (14, 15, 16, 1, 2, 3)},
}
"""Index tables from the formats' documentation."""


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", COUNTS)
def test_limbs_have_the_standard_indices(name, side):
    assert FORMATS[name].indices(*(f"{side}_{joint}" for joint in LIMBS)) == INDICES[name][side]


def test_other_keypoints_have_the_standard_indices():
    hands = ("left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb")
    assert FORMATS["mediapipe"].indices(*hands) == (17, 18, 19, 20, 21, 22)
    feet = ("left_heel", "right_heel", "left_foot_index", "right_foot_index")
    assert FORMATS["mediapipe"].indices(*feet) == (29, 30, 31, 32)
    assert FORMATS["mediapipe"].indices("nose", "left_eye", "right_eye", "left_ear", "right_ear") == (0, 2, 5, 7, 8)
    assert FORMATS["openpose"].indices("nose", "neck", "mid_hip") == (0, 1, 8)
    assert FORMATS["openpose"].indices("right_eye", "left_eye", "right_ear", "left_ear") == (15, 16, 17, 18)
    assert FORMATS["openpose"].indices("left_big_toe", "left_small_toe", "left_heel") == (19, 20, 21)
    assert FORMATS["openpose"].indices("right_big_toe", "right_small_toe", "right_heel") == (22, 23, 24)
    assert FORMATS["coco"].indices("nose", "left_eye", "right_eye", "left_ear", "right_ear") == (0, 1, 2, 3, 4)


def test_people_are_chosen_and_ordered_by_size():
    xy, confidence = random_people("coco", people=3)
    keypoints = Keypoints(xy, confidence, "coco", world=np.zeros((3, 17, 3)))
    assert len(keypoints) == 3
    assert len(keypoints[1]) == len(keypoints[1:2]) == 1
    assert np.array_equal(keypoints[1].xy[0], keypoints.xy[1])
    assert keypoints[1].world.shape == (1, 17, 3)
    assert np.array_equal(keypoints.largest_first().xy, keypoints.xy[::-1])


def test_boxes_cover_the_visible_keypoints():
    xy, confidence = random_people("coco", people=1)
    xy[0, 0], confidence[0, 0] = (-500, 900), 0.05
    keypoints = Keypoints(xy, confidence, "coco")
    assert keypoints.boxes[0] == pytest.approx([*xy[0, 1:].min(0), *xy[0, 1:].max(0)], rel=1e-5)


def test_unseen_nan_becomes_zero_and_confidence_stops_at_one():
    xy, confidence = random_people("openpose")
    xy[0, 3], confidence[0, 3], confidence[1, 4] = np.nan, 0.0, 1.04
    keypoints = Keypoints(xy, confidence, "openpose")
    assert np.isfinite(keypoints.xy).all()
    assert keypoints.confidence.max() == 1.0


def test_seen_nan_names_person_and_joint():
    xy, confidence = random_people("openpose")
    xy[1, 4, 0] = np.nan
    with pytest.raises(ValueError, match=r"right_wrist of person 1 .* NaN"):
        Keypoints(xy, confidence, "openpose")


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e30, 3.4e38, -1e300])
def test_huge_coordinates_are_refused_where_seen_and_zero_elsewhere(value):
    xy, confidence = random_people("openpose")
    xy[0, 7, 1] = value
    with pytest.raises(ValueError, match=r"left_wrist of person 0 .* huge coordinates but confidence"):
        Keypoints(xy, confidence, "openpose")
    confidence[0, 7] = 0.0
    assert np.abs(Keypoints(xy, confidence, "openpose").xy).max() < 1000


@pytest.mark.parametrize("highest", [1.6, 100.0, 1e9, np.inf])
def test_confidences_on_another_scale_are_refused(highest):
    xy, confidence = random_people("coco")
    confidence[0, 3] = highest
    with pytest.raises(ValueError, match="between 0 and 1, not"):
        Keypoints(xy, confidence, "coco")


@pytest.mark.parametrize("name", ["xy", "confidence"])
@pytest.mark.parametrize("kind", [complex, str, "datetime64[D]", object])
def test_numbers_that_are_not_real_are_refused(name, kind):
    xy, confidence = random_people("coco")
    arrays = {"xy": xy, "confidence": confidence}
    arrays[name] = np.zeros(arrays[name].shape, dtype=kind)
    with pytest.raises(ValueError, match=f"{name} of keypoints must hold real numbers"):
        Keypoints(**arrays, format="coco")


@pytest.mark.parametrize(("seen", "found"), [(0, "none"), (3, "nose, left_eye, right_eye")])
def test_too_few_seen_keypoints(seen, found):
    xy, confidence = random_people("coco")
    confidence[1, seen:] = 0.0
    with pytest.raises(ValueError, match=rf"person 1 has {seen} keypoints .*\({found}\), but 4 are required"):
        Keypoints(xy, confidence, "coco")


@pytest.mark.parametrize("value", [-0.1, np.nan])
def test_impossible_confidence(value):
    xy, confidence = random_people("coco")
    confidence[0, 0] = value
    with pytest.raises(ValueError, match="between 0 and 1"):
        Keypoints(xy, confidence, "coco")


def test_wrong_shapes_and_formats_and_empty_keypoints_are_rejected():
    xy, confidence = random_people("coco")
    with pytest.raises(ValueError, match=r"need xy \(people, 25, 2\)"):
        Keypoints(xy, confidence, "openpose")
    with pytest.raises(ValueError, match="unknown keypoint format 'halpe'"):
        Keypoints(xy, confidence, "halpe")
    with pytest.raises(ValueError, match="there are no keypoints"):
        Keypoints(xy[:0], confidence[:0], "coco")
    with pytest.raises(
        ValueError, match=r"noise_floor must be a fraction of the person's height, at least 0, not -0\.1"
    ):
        Keypoints(xy, confidence, "coco", noise_floor=-0.1)
    with pytest.raises(ValueError, match="world"):
        Keypoints(xy, confidence, "coco", world=np.zeros((2, 16, 3)))


def test_people_keep_whether_they_are_ambiguous():
    keypoints = Keypoints(*random_people("coco", people=3), "coco", ambiguous=np.array([False, True, False]))
    assert keypoints[[1, 0]].ambiguous.tolist() == [True, False]
    assert keypoints[2].ambiguous.tolist() == [False]
    for wrong in ([True, False], [0, 1, 0], [[True]]):
        with pytest.raises(ValueError, match="ambiguous must be a truth value for each of 3 people"):
            replace(keypoints, ambiguous=np.array(wrong))


def test_exchanged_keypoints_swap_left_and_right_of_the_chosen_people():
    xy = np.random.default_rng(0).uniform(0, 100, (2, 17, 2)).astype(np.float32)
    people = Keypoints(xy, np.linspace(0.2, 1, 34).reshape(2, 17), "coco")
    exchanged = people.exchanged(np.array([False, True]))
    left, right = people.names.index("left_knee"), people.names.index("right_knee")
    assert (exchanged.xy[0] == people.xy[0]).all()
    assert (exchanged.xy[1, left] == people.xy[1, right]).all()
    assert exchanged.confidence[1, right] == people.confidence[1, left]
    assert (exchanged.exchanged(np.array([False, True])).xy == people.xy).all()


def test_exchanged_keypoints_take_their_hands_along():
    rng = np.random.default_rng(0)
    hands = HandKeypoints(rng.uniform(0, 100, (2, 2, 21, 2)), np.ones((2, 2, 21)), rng.normal(size=(2, 2, 21, 3)))
    people = Keypoints(rng.uniform(0, 100, (2, 17, 2)), np.ones((2, 17)), "coco", hands=hands)
    exchanged = people.exchanged(np.array([False, True])).hands
    for before, after in ((hands.xy, exchanged.xy), (hands.world, exchanged.world)):
        assert np.array_equal(after[0], before[0])
        assert np.array_equal(after[1], before[1, ::-1])


def test_keypoints_of_other_formats_are_not_joined():
    points = np.random.default_rng(0).uniform(0, 100, (1, 17, 2))
    parts = [Keypoints(points, np.ones((1, 17)), name) for name in ("coco", "h36m")]
    with pytest.raises(ValueError, match="several formats"):
        joined(parts)
