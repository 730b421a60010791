import numpy as np
import pytest

from fitting.inputs.keypoints import FORMATS, Keypoints

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


def test_indices_that_everybody_knows():
    assert FORMATS["mediapipe"].indices("left_shoulder", "right_foot_index") == (11, 32)
    assert FORMATS["openpose"].indices("mid_hip", "left_big_toe", "right_heel") == (8, 19, 24)
    assert FORMATS["coco"].indices("left_shoulder", "right_ankle") == (5, 16)


def test_people_are_chosen_and_ordered_by_size():
    xy, confidence = random_people("coco", people=3)
    keypoints = Keypoints(xy, confidence, "coco", world=np.zeros((3, 17, 3)))
    assert len(keypoints) == 3
    assert len(keypoints[1]) == len(keypoints[1:2]) == 1
    assert np.array_equal(keypoints[1].xy[0], keypoints.xy[1])
    assert keypoints[1].world.shape == (1, 17, 3)
    assert np.array_equal(keypoints.largest_first().xy, keypoints.xy[::-1])


def test_boxes_are_of_the_seen_keypoints():
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
    with pytest.raises(ValueError, match=r"left_wrist of person 0 .* huge but confidence"):
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
    with pytest.raises(ValueError, match=rf"person 1 has {seen} keypoints .*\({found}\), and 4 are needed"):
        Keypoints(xy, confidence, "coco")


@pytest.mark.parametrize("value", [-0.1, np.nan])
def test_impossible_confidence(value):
    xy, confidence = random_people("coco")
    confidence[0, 0] = value
    with pytest.raises(ValueError, match="between 0 and 1"):
        Keypoints(xy, confidence, "coco")


def test_wrong_shapes_formats_and_nobody():
    xy, confidence = random_people("coco")
    with pytest.raises(ValueError, match=r"need xy \(people, 25, 2\)"):
        Keypoints(xy, confidence, "openpose")
    with pytest.raises(ValueError, match="no keypoint format 'halpe'"):
        Keypoints(xy, confidence, "halpe")
    with pytest.raises(ValueError, match="of any person"):
        Keypoints(xy[:0], confidence[:0], "coco")
    with pytest.raises(ValueError, match=r"noise_floor is a part of the person's height, not -0\.1"):
        Keypoints(xy, confidence, "coco", noise_floor=-0.1)
    with pytest.raises(ValueError, match="world"):
        Keypoints(xy, confidence, "coco", world=np.zeros((2, 16, 3)))
