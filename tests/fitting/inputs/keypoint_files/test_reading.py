import json

import numpy as np
import pytest

from fitting.inputs.keypoint_files import read_keypoints


def openpose(*people):
    return {"version": 1.3, "people": [{"pose_keypoints_2d": person} for person in people]}


@pytest.fixture
def two(figures):
    """The stick figure, and next to it one twice as large."""
    rows = figures.rows("body_25", shift=500)
    return figures.flat(figures.rows("body_25")), figures.flat([[2 * x, 2 * y, score] for x, y, score in rows])


def test_the_largest_person_comes_first(write, figures, two):
    keypoints = read_keypoints(write(openpose(*two)))
    assert keypoints.format == "openpose"
    assert len(keypoints) == 2
    assert figures.same(keypoints, person=1)
    assert keypoints.confidence == pytest.approx(0.9 * np.ones((2, 25)))


def test_people_without_keypoints_are_passed_over(write, figures, two):
    zeros = [0.0] * 75
    file = openpose(zeros, two[0], None, [], [0.0] * 9)
    file["people"] += [None, {}, {"pose_keypoints_2d": None, "face_keypoints_2d": []}]
    keypoints = read_keypoints(write(file))
    assert len(keypoints) == 1
    assert figures.same(keypoints)


def test_hardly_seen_people_are_left_out(write, two):
    hardly = [value if index < 6 else 0.0 for index, value in enumerate(two[1])]
    assert len(read_keypoints(write(openpose(two[0], hardly)))) == 1
    with pytest.raises(ValueError, match=r"keypoints\.json: person 0 has 2 keypoints"):
        read_keypoints(write(openpose(hardly)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(write, figures, two, encoding):
    assert figures.same(read_keypoints(write(json.dumps(openpose(two[0])).encode(encoding))))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "1e30", "-3.4e38", "-1e308"])
def test_invalid_coordinates_are_rejected(write, two, value):
    text = json.dumps(openpose(two[0])).replace("350.0", value, 1)
    with pytest.raises(ValueError, match=r"keypoints\.json: the left_shoulder of person 0 has NaN, inf"):
        read_keypoints(write(text))


def test_integers_without_end(write, two):
    text = json.dumps(openpose(two[0]))
    with pytest.raises(ValueError, match="only numbers"):
        read_keypoints(write(text.replace("350.0", "1" + 400 * "0", 1)))
    with pytest.raises(ValueError, match=r"not a JSON file \(Exceeds the limit"):
        read_keypoints(write(text.replace("350.0", 5000 * "9", 1)))


def test_coordinates_in_parts_of_the_size(write, two):
    parts = [value if index % 3 == 2 else value / 800 for index, value in enumerate(two[0])]
    with pytest.raises(ValueError, match=r"no coordinate is above 0\.77: give pixels, not fractions"):
        read_keypoints(write(openpose(parts)), image_size=(800, 800))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a JSON file"),
        ('{"people": [],}', "not a JSON file"),
        ("// a comment\n{}", "not a JSON file"),
        ("{}{}", "not a JSON file"),
        (b"\xff\xfe\x00", "not a JSON file"),
        ("[" * 100_000, "nested too deeply"),
        ("{}", "neither OpenPose JSON"),
        ("null", "neither OpenPose JSON"),
        ('"x"', "neither OpenPose JSON"),
        ("5", "neither OpenPose JSON"),
        ("[1, 2]", "neither OpenPose JSON"),
        ("[[[0.5, 0.4, 0.9], [0.5, 0.4, 0.9]]]", "neither OpenPose JSON"),
        ('{"people": []}', "contains no person"),
        ('{"people": null}', "people must be a list"),
        ("[]", "contains no person"),
        ('{"people": [{"pose_keypoints_2d": [10, 20, 1]}]}', r"no known layout has 1 keypoints"),
        ('{"people": [{"pose_keypoints_2d": [], "pose_keypoints_3d": [1, 2, 3, 1]}]}', "contains no person"),
        (json.dumps([{"keypoints": ["x"] * 51}]), "only numbers"),
    ],
)
def test_files_without_keypoints_are_rejected(write, content, message):
    with pytest.raises(ValueError, match=message) as error:
        read_keypoints(write(content))
    assert "\n" not in str(error.value)


def test_people_of_different_layouts(write, figures):
    file = openpose(figures.flat(figures.rows("coco")), figures.flat(figures.rows("body_25")))
    with pytest.raises(ValueError, match="different numbers of keypoints: 17, 25"):
        read_keypoints(write(file))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no keypoint file"):
        read_keypoints(tmp_path / "none.json")


# Archives


def archive(tmp_path, name="keypoints.npz", **changes):
    rng = np.random.default_rng(0)
    arrays = {"xy": rng.uniform(0, 100, (2, 33, 2)), "confidence": np.ones((2, 33)), "format": "mediapipe"}
    arrays["xy"][1] *= 2
    np.savez(tmp_path / name, **(arrays | changes))
    return tmp_path / name, arrays["xy"]


@pytest.mark.parametrize("world", [None, np.ones((2, 33, 3))])
def test_npz(tmp_path, world):
    path, xy = archive(tmp_path, **({} if world is None else {"world": world}))
    keypoints = read_keypoints(path)
    assert keypoints.format == "mediapipe"
    assert keypoints.xy == pytest.approx(xy[::-1], rel=1e-5)
    assert (keypoints.world is None) == (world is None)


def test_archives_are_recognised_by_their_contents(tmp_path):
    path, xy = archive(tmp_path)
    assert read_keypoints(path.rename(tmp_path / "keypoints.dat")).xy == pytest.approx(xy[::-1], rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confidence": np.ones((3, 33))}, r"confidence \(people, joints\).*not \(2, 33, 2\), \(3, 33\)$"),
        ({"confidence": np.ones(())}, r"not \(2, 33, 2\), \(\)$"),
        ({"xy": np.ones(())}, r"not \(\), \(2, 33\)$"),
        ({"world": np.ones((1, 33, 3))}, r"and \(1, 33, 3\)$"),
        ({"confidence": np.full((2, 33), "1")}, "confidence must hold real numbers"),
        ({"xy": np.ones((2, 33, 2), complex)}, "xy of keypoints must hold real numbers"),
        ({"xy": np.ones((2, 33, 3))}, r"need xy \(people, 33, 2\)"),
        ({"format": "halpe"}, "unknown keypoint format 'halpe'"),
        ({"xy": np.ones((0, 33, 2)), "confidence": np.ones((0, 33))}, "there are no keypoints"),
    ],
)
def test_archives_of_other_arrays(tmp_path, changes, message):
    path, _ = archive(tmp_path, **changes)
    with pytest.raises(ValueError, match=message):
        read_keypoints(path)


def test_archives_with_missing_or_pickled_arrays_or_damaged(tmp_path):
    np.savez(tmp_path / "a.npz", xy=np.zeros((1, 17, 2)))
    with pytest.raises(ValueError, match="lacks confidence, format"):
        read_keypoints(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", xy=np.array([object()]))
    with pytest.raises(ValueError, match="npz archive of plain arrays"):
        read_keypoints(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_text("not a zip")
    with pytest.raises(ValueError, match="npz archive of plain arrays"):
        read_keypoints(tmp_path / "c.npz")
    path = tmp_path / "d.npz"
    np.savez_compressed(path, xy=np.random.default_rng(0).random((1, 33, 2)), confidence=np.ones((1, 33)), format="x")
    content = bytearray(path.read_bytes())
    content[60:120] = b"\xff" * 60
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="expected an npz archive"):
        read_keypoints(path)


def test_an_archive_is_of_one_image(tmp_path):
    path, _ = archive(tmp_path)
    with pytest.raises(ValueError, match="people of one image, not of 2"):
        read_keypoints(path, "a.jpg", folder=["a.jpg", "b.jpg"])
