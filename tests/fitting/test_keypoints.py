import json

import numpy as np
import pytest

from fitting.keypoints import FORMATS, Keypoints, read_keypoints

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
    with pytest.raises(ValueError, match=r"inexactness is a part of the person's height, not -0\.1"):
        Keypoints(xy, confidence, "coco", inexactness=-0.1)
    with pytest.raises(ValueError, match="world"):
        Keypoints(xy, confidence, "coco", world=np.zeros((2, 16, 3)))


def rows(xy, confidence):
    return [person.ravel().tolist() for person in np.concatenate([xy, confidence[..., None]], axis=-1)]


def test_openpose_json(tmp_path):
    xy, confidence = random_people("openpose")
    people = [{"pose_keypoints_2d": row, "face_keypoints_2d": []} for row in rows(xy, confidence)]
    path = tmp_path / "photo_keypoints.json"
    path.write_text(json.dumps({"version": 1.3, "people": people}))
    keypoints = read_keypoints(path)
    assert keypoints.format == "openpose"
    assert keypoints.xy == pytest.approx(xy[::-1], rel=1e-5)  # the second person is the larger one
    assert keypoints.confidence == pytest.approx(confidence[::-1], rel=1e-5)


def test_hardly_seen_people_are_left_out(tmp_path):
    xy, confidence = random_people("openpose")
    confidence[1, 2:] = 0.0
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": row} for row in rows(xy, confidence)]}))
    assert read_keypoints(path).xy == pytest.approx(xy[:1], rel=1e-5)
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": row} for row in rows(xy, confidence)[1:]]}))
    with pytest.raises(ValueError, match=r"a\.json: person 0 has 2 keypoints"):
        read_keypoints(path)


def test_coco_annotations_with_flags(tmp_path):
    xy, _ = random_people("coco")
    flags = np.tile([2.0, 1.0, 0.0, 2.0, 2.0, 2.0, 2.0, 1.0], 3)[:17] * np.ones((2, 1))
    images = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}]
    annotations = [{"image_id": 7 + i, "keypoints": row} for i, row in enumerate(rows(xy, flags))]
    path = tmp_path / "coco.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    with pytest.raises(ValueError, match="covers 2 images, of ids 7, 8"):
        read_keypoints(path)
    with pytest.raises(ValueError, match=r"no person on the image 'c\.jpg'"):
        read_keypoints(path, "c.jpg")
    for image in ("b.jpg", 8, "8"):
        keypoints = read_keypoints(path, image)
        assert keypoints.xy == pytest.approx(xy[1:], rel=1e-5)
        assert keypoints.confidence[0, :4].tolist() == [1.0, 0.5, 0.0, 1.0]


def test_coco_results_with_confidences(tmp_path):
    xy, confidence = random_people("coco", people=1)
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image_id": 1, "category_id": 1, "keypoints": rows(xy, confidence)[0], "score": 0.9}]))
    assert read_keypoints(path).confidence == pytest.approx(confidence, rel=1e-5)


@pytest.mark.parametrize("world", [None, np.ones((2, 33, 3))])
def test_npz(tmp_path, world):
    xy, confidence = random_people("mediapipe")
    arrays = {"xy": xy, "confidence": confidence, "format": "mediapipe"} | ({} if world is None else {"world": world})
    np.savez(tmp_path / "a.npz", **arrays)
    keypoints = read_keypoints(tmp_path / "a.npz")
    assert keypoints.xy == pytest.approx(xy[::-1], rel=1e-5)
    assert (keypoints.world is None) == (world is None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "", "not a JSON file"),
        ("a.json", "{}", "neither OpenPose JSON"),
        ("a.json", "[1, 2]", "neither OpenPose JSON"),
        ("a.json", '{"people": []}', "holds no person"),
        ("a.json", "[]", "holds no person"),
        ("a.json", '{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', "must be 75 numbers .* found 3 numbers"),
        ("a.json", '{"people": [{}]}', "must be 75 numbers .* found none"),
        ("a.json", json.dumps([{"keypoints": ["x"] * 51}]), "numbers only"),
        ("a.npz", "not a zip", "npz archive of plain arrays"),
    ],
)
def test_files_that_hold_no_keypoints(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read_keypoints(tmp_path / name)


def test_npz_with_missing_or_pickled_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", xy=np.zeros((1, 17, 2)))
    with pytest.raises(ValueError, match="lacks confidence, format"):
        read_keypoints(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", xy=np.array([object()]))
    with pytest.raises(ValueError, match="npz archive of plain arrays"):
        read_keypoints(tmp_path / "b.npz")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no keypoint file"):
        read_keypoints(tmp_path / "none.json")


def test_results_without_a_table_of_images_belong_to_the_one_image(tmp_path):
    person = {"image_id": 7, "keypoints": [value for k in range(17) for value in (10.0 + k, 20.0 + k, 0.9)]}
    file = tmp_path / "results.json"
    file.write_text(json.dumps([person]))
    assert len(read_keypoints(file, "photo.jpg")) == 1
    file.write_text(json.dumps([person, person | {"image_id": 8}]))
    assert len(read_keypoints(file, "000000000007.jpg")) == 1
    file.write_text(json.dumps({"images": [{}, None], "annotations": [person, person | {"image_id": 8}]}))
    with pytest.raises(ValueError, match="no person on the image"):
        read_keypoints(file, "photo.jpg")


def test_a_damaged_archive_is_told(tmp_path):
    file = tmp_path / "keypoints.npz"
    np.savez_compressed(
        file, xy=np.random.default_rng(0).random((1, 33, 2)), confidence=np.ones((1, 33)), format="mediapipe"
    )
    content = bytearray(file.read_bytes())
    content[60:120] = b"\xff" * 60
    file.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="expected an npz archive"):
        read_keypoints(file)
