import json

import cv2
import numpy as np
import pytest

from fitting.inputs.calibration_files import read_cameras

K = np.array([[1600.0, 0, 540.5], [0, 1601.0, 960.25], [0, 0, 1]])
RODRIGUES = np.array([1.2, -0.7, 0.4])
R = cv2.Rodrigues(RODRIGUES)[0]
T = np.array([0.5, -0.25, 3.0])
LENS = [-0.01, 0.02, 0.001, -0.002]


def pose2sim():
    rows = [list(map(float, row)) for row in K]
    return f"""
[first]
name = "cam01"
size = [1080.0, 1920.0]
matrix = {rows}
distortions = {LENS}
rotation = {RODRIGUES.tolist()}
translation = {T.tolist()}
fisheye = false

[cam02]
size = [1080.0, 1920.0]
matrix = {rows}
distortions = {LENS}
rotation = {RODRIGUES.tolist()}
translation = {T.tolist()}
fisheye = false

[metadata]
adjusted = false
error = 0.0
"""


def qualisys(active="1", left=0, **changes):
    """The same camera in millimetres and 64ths of pixels, looking along -z with y up."""
    axes = np.diag([1.0, -1, -1]) @ R
    entries = {f"r{i + 1}{j + 1}": axes[i, j] for i in range(3) for j in range(3)}
    place = dict(zip("xyz", -1000 * R.T @ T, strict=True))
    lens = {
        **{"focalLengthU": 64 * K[0, 0], "focalLengthV": 64 * K[1, 1]},
        **{"centerPointU": 64 * (K[0, 2] + left), "centerPointV": 64 * K[1, 2]},
        **{"radialDistortion1": 64 * LENS[0], "radialDistortion2": 64 * LENS[1], "radialDistortion3": 0.0},
        **{"tangentalDistortion1": 64 * LENS[2], "tangentalDistortion2": 64 * LENS[3]},
    } | changes

    def attributes(values):
        return " ".join(f'{name}="{value}"' for name, value in values.items() if value is not None)

    cameras = "".join(
        f'<camera active="{state}" serial="{name}">'
        f'<fov_video bottom="1919" left="{left}" right="{left + 1079}" top="0"/>'
        f"<transform {attributes(entries | place)}/><intrinsic {attributes(lens)}/></camera>"
        for name, state in (("cam01", "1"), ("cam02", active))
    )
    return f"<?xml version='1.0' encoding='ASCII'?>\n<calibration><cameras>{cameras}</cameras></calibration>"


def easymocap(folder, rotations=("R", "Rot")):
    intrinsics, extrinsics = (
        cv2.FileStorage(str(folder / name), cv2.FILE_STORAGE_WRITE) for name in ("intri.yml", "extri.yml")
    )
    for file in (intrinsics, extrinsics):
        file.startWriteStruct("names", cv2.FileNode_SEQ)
        for name in ("cam01", "cam02"):
            file.write("", name)
        file.endWriteStruct()
    for name in ("cam01", "cam02"):
        intrinsics.write(f"K_{name}", K)
        intrinsics.write(f"dist_{name}", np.array(LENS)[None])
        intrinsics.write(f"H_{name}", 1920)
        intrinsics.write(f"W_{name}", 1080)
        if "R" in rotations:
            extrinsics.write(f"R_{name}", RODRIGUES[:, None])
        if "Rot" in rotations:
            extrinsics.write(f"Rot_{name}", R)
        extrinsics.write(f"T_{name}", T[:, None])
    intrinsics.release()
    extrinsics.release()


def opencv_json(**changes):
    one = {"K": K.tolist(), "dist": LENS, "R": R.tolist(), "t": T.tolist(), "size": [1080, 1920]} | changes
    return {name: {key: value for key, value in one.items() if value is not None} for name in ("cam01", "cam02")}


def check(cameras, up="z", size=(1080, 1920)):
    assert [camera.name for camera in cameras] == ["cam01", "cam02"]
    for camera in cameras:
        np.testing.assert_allclose(camera.intrinsics, K, atol=1e-9)
        np.testing.assert_allclose(camera.rotation, R, atol=1e-9)
        np.testing.assert_allclose(camera.translation, T, atol=1e-9)
        np.testing.assert_allclose(camera.distortion[:4], LENS, atol=1e-12)
        assert not camera.distortion[4:].any()
        assert camera.size == size
        assert camera.up == up


def test_pose2sim(tmp_path):
    (tmp_path / "Calib.toml").write_text(pose2sim())
    check(read_cameras(tmp_path / "Calib.toml"))


@pytest.mark.parametrize("left", [0, 40])
def test_qualisys(tmp_path, left):
    (tmp_path / "some.qca.txt").write_text(qualisys(left=left))
    check(read_cameras(tmp_path / "some.qca.txt"))


def test_inactive_cameras_of_qualisys_are_left_out(tmp_path):
    (tmp_path / "some.qca.txt").write_text(qualisys(active="0"))
    assert [camera.name for camera in read_cameras(tmp_path / "some.qca.txt")] == ["cam01"]


@pytest.mark.parametrize("rotations", [("R",), ("Rot",), ("R", "Rot")])
@pytest.mark.parametrize("given", [".", "intri.yml", "extri.yml"])
def test_easymocap(tmp_path, rotations, given):
    easymocap(tmp_path, rotations)
    check(read_cameras(tmp_path / given))


def test_json_by_names(tmp_path):
    (tmp_path / "cameras").write_text(json.dumps(opencv_json()))
    check(read_cameras(tmp_path / "cameras"), up=None)


def test_json_as_a_list_with_rodrigues_vectors_and_without_sizes(tmp_path):
    by_name = opencv_json(size=None, R=[[value] for value in RODRIGUES], t=[[value] for value in T])
    listed = {"cameras": [{"name": name} | camera for name, camera in by_name.items()]}
    (tmp_path / "cameras.json").write_text(json.dumps(listed))
    check(read_cameras(tmp_path / "cameras.json"), up=None, size=None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the calibration format is unknown"),
        ("some text", "the calibration format is unknown"),
        ("[metadata]\nerror = 0.0\n", "the calibration format is unknown"),
        ("{}", "contains no cameras"),
        ("[1, 2]", "contains no cameras"),
        (json.dumps(opencv_json(K=None)), "camera cam01 lacks K"),
        (json.dumps(opencv_json(R=[1, 2])), "R of camera cam01 must be a 3 x 3 matrix or a Rodrigues vector"),
        (json.dumps(opencv_json(t=["a", 1, 2])), "t of camera cam01 must be numbers"),
        (json.dumps(opencv_json(t=[1, 2])), "t of camera cam01 must be 3 numbers"),
        (json.dumps(opencv_json(R=np.ones((3, 3)).tolist())), "not a rotation matrix"),
        (json.dumps(opencv_json(size=[10.5, 3])), "whole numbers of pixels"),
        (json.dumps({"cameras": [{"name": "a"} | opencv_json()["cam01"]] * 2}), "several cameras have the name a"),
        (pose2sim().replace("fisheye = false", "fisheye = true", 1), "fisheye"),
        (pose2sim().replace("translation", "place", 1), "camera cam01 lacks translation"),
        ("<calibration/>", "no active camera"),
        ("<calibration>", "damaged"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><calibration/>", "document type"),
        (qualisys(focalLengthU=None), "camera cam01 lacks focalLengthU"),
        (qualisys(focalLengthU="wide"), "must be numbers"),
        ("%YAML:1.0\n---\nnames: [a]\n", "must be in one folder"),
    ],
)
def test_other_files_are_refused_in_one_sentence(tmp_path, content, message):
    (tmp_path / "file").write_text(content)
    with pytest.raises(ValueError, match=message) as refused:
        read_cameras(tmp_path / "file")
    assert str(refused.value).startswith(str(tmp_path))
    assert "\n" not in str(refused.value)


def test_incomplete_easymocap_files_are_rejected(tmp_path):
    easymocap(tmp_path)
    text = (tmp_path / "extri.yml").read_text()
    (tmp_path / "extri.yml").write_text(text.replace("T_cam02", "S_cam02"))
    with pytest.raises(ValueError, match=r"extri\.yml lacks T_cam02"):
        read_cameras(tmp_path)
    (tmp_path / "extri.yml").write_text("%YAML:1.0\n---\n  - {[")
    with pytest.raises(ValueError, match="YAML"):
        read_cameras(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no calibration file"):
        read_cameras(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="no calibration file"):
        read_cameras(tmp_path)
