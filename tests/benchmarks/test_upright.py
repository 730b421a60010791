import dataclasses
import sys

import cv2
import numpy as np
import pytest
import tyro
from PIL import Image
from scipy.spatial.transform import Rotation

from benchmarks import upright
from benchmarks.upright import BENT, COLUMNS, UPRIGHT, Person, angles, person_at, read_photo, tables
from fitting.inputs.keypoints import Keypoints


def measured(result):
    return dict(zip(COLUMNS, angles(result), strict=True))


def facing(yaw, pitch=0.0):
    """Orientation of somebody who leans forward by ``pitch`` and is turned from the camera by ``yaw`` degrees."""
    turned = Rotation.from_euler("y", yaw, degrees=True) * Rotation.from_euler("x", pitch, degrees=True)
    return (Rotation.from_euler("x", 180, degrees=True) * turned).as_rotvec()


def test_knee_angles_match_the_pose(make_fit):
    straight, bent = measured(make_fit()), measured(make_fit(left_knee=40))
    assert bent["left knee"] - straight["left knee"] == pytest.approx(40, abs=8)
    assert bent["right knee"] == pytest.approx(straight["right knee"], abs=1e-3)
    assert straight["left knee"] < 10
    assert straight["2D error, %"] == pytest.approx(2)


@pytest.mark.parametrize("yaw", [0, 60, 90, 180])
def test_the_pelvis_pitches_forward_whichever_way_it_faces(make_fit, yaw):
    assert measured(make_fit(facing(yaw, 20)))["pelvis pitch"] == pytest.approx(20, abs=0.01)
    assert measured(make_fit(facing(yaw, -10)))["pelvis pitch"] == pytest.approx(-10, abs=0.01)


def test_only_people_facing_the_camera_lean_forward_towards_it(make_fit):
    for yaw, expected in ((0, 20), (180, -20), (90, 0)):
        found = measured(make_fit(facing(yaw, 20)))
        assert found["pelvis to camera"] == pytest.approx(expected, abs=0.01)


def test_trunk_thighs_and_shins_lean_each_for_itself(make_fit):
    straight = measured(make_fit())
    bent = measured(make_fit(left_hip=-30, right_hip=-30, left_knee=50, right_knee=50, spine1=15))
    change = {name: bent[name] - straight[name] for name in COLUMNS}
    assert change["pelvis to camera"] == pytest.approx(0, abs=1e-3)
    assert change["trunk to camera"] == pytest.approx(12, abs=4)
    assert change["thighs to camera"] == pytest.approx(-30, abs=1), "knees are in front of hips"
    assert change["shins to camera"] == pytest.approx(20, abs=1), "knees are in front of ankles"


def two_people():
    xy = np.random.default_rng(0).uniform(0, 1, (2, 33, 2)) * [[[100, 200]]] + [[[0, 0]], [[60, 0]]]
    return Keypoints(xy, np.ones((2, 33)), "mediapipe")


def test_the_person_is_the_one_at_the_point():
    people = two_people()
    for person, x in enumerate((45, 115)):
        np.testing.assert_array_equal(person_at(people, np.array([x, 100])).xy[0], people.xy[person])
    np.testing.assert_array_equal(person_at(people, np.array([70, 100])).xy[0], people.xy[0])
    with pytest.raises(ValueError, match=r"nobody was detected at \[300, 100\]"):
        person_at(people, np.array([300, 100]))


def test_frames_of_videos_are_photos(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "some.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, (64, 48))
    for grey in (50, 100, 200):
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()
    assert read_photo(tmp_path, Person("some.mp4", "", (0, 0), frame=2)).rgb.mean() == pytest.approx(200, abs=8)
    with pytest.raises(ValueError, match="no frame 3"):
        read_photo(tmp_path, Person("some.mp4", "", (0, 0), frame=3))


def test_means_are_over_people():
    people = (Person("a.jpg", "man", (0, 0)), Person("b.mp4", "woman", (0, 0), frame=7))
    found = np.stack([np.arange(8.0), -np.arange(8.0)])
    rows = {row[0]: row[1:] for row in tables(people, found, summary=True).rows}
    assert rows["a.jpg: man"][7] == "7.0"
    assert rows["b.mp4, frame 7: woman"][2] == "-2.0"
    assert rows["mean"][3] == "0.0 [-3.0, 3.0]"
    assert rows["mean absolute"][3] == "3.0 [3.0, 3.0]"
    assert rows["mean knee"][0] == "0.0 [-0.5, 0.5]"
    assert len(tables(people, found, summary=False).rows) == 2


def test_results_without_joints_are_refused(make_fit):
    with pytest.raises(ValueError, match="no joints"):
        angles(dataclasses.replace(make_fit(), joints=None))


def test_without_photos_the_benchmark_is_skipped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["upright", "--photos", str(tmp_path / "none")])
    tyro.cli(upright.main)
    assert "skipped" in capsys.readouterr().out


def test_all_people_are_measured_and_drawn(tmp_path, monkeypatch, make_fit):
    class Fits:
        def fit_photo(self, photo, keypoints):
            return [make_fit(left_knee=30)]

    people = {name: (Person(f"{name}.png", name, (0.5, 0.5)),) for name in ("UPRIGHT", "BENT")}
    for name, chosen in people.items():
        monkeypatch.setattr(upright, name, chosen)
        Image.new("RGB", (200, 240)).save(tmp_path / f"{name}.png")
    monkeypatch.setattr(upright, "Fitter", Fits)
    monkeypatch.setattr(upright, "fit_tile", lambda photo, result: photo.rgb)
    monkeypatch.setattr(upright, "detect", lambda rgb, people: make_fit().keypoints)
    upright.main(tmp_path, tmp_path / "out", tmp_path / "pictures")
    text = (tmp_path / "out" / "upright.md").read_text()
    assert "| UPRIGHT.png: UPRIGHT |" in text
    assert text.index("## Bent") < text.index("| BENT.png: BENT |")
    assert sorted(file.name for file in (tmp_path / "pictures").iterdir()) == ["bent.png", "upright.png"]


def test_people_are_named_once():
    names = [(person.file, person.name, person.frame) for person in (*UPRIGHT, *BENT)]
    assert len(set(names)) == len(names)
    assert all(0 < part < 1 for person in (*UPRIGHT, *BENT) for part in person.at)
