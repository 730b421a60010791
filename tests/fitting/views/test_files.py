from pathlib import Path

import numpy as np
import pytest

from fitting.inputs.calibration import CalibratedCamera
from fitting.views.files import are_videos, cameras_of_files


def cameras(*names):
    return [CalibratedCamera(name, np.eye(3), np.eye(3), np.zeros(3), np.zeros(0)) for name in names]


@pytest.mark.parametrize(
    ("files", "names", "expected"),
    [
        (["cam02.mp4", "cam01.mp4"], ["cam01", "cam02"], ["cam02", "cam01"]),
        (["b/shot_Cam10-7.png", "cam1.png"], ["cam1", "cam10"], ["cam10", "cam1"]),
        (["cam01.json", "cam02.json"], ["int_cam01_img", "int_cam02_img"], ["int_cam01_img", "int_cam02_img"]),
        (["images/02/000000.jpg", "images/01/000000.jpg"], ["01", "02"], ["02", "01"]),
        (["left.png", "right.png"], ["1", "2"], ["1", "2"]),
    ],
)
def test_names_select_the_camera_otherwise_the_order(files, names, expected):
    found = cameras_of_files([Path(file) for file in files], cameras(*names))
    assert [camera.name for camera in found] == expected


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["cam01_a.png", "cam01_b.png"], "are both of camera cam01"),
        (["cam01.png", "other.png"], "belongs to no camera"),
        (["one.png", "two.png"], "contain no camera's name"),
        (["cam01_cam02.png", "cam02.png"], "may belong to camera cam01 or cam02"),
    ],
)
def test_files_that_fit_no_calibration(files, message):
    with pytest.raises(ValueError, match=message):
        cameras_of_files([Path(file) for file in files], cameras("cam01", "cam02", "cam03"))


def test_videos_are_distinguished_from_pictures(tmp_path):
    for name in ("a.mp4", "b.mp4", "c.png", "d.json"):
        (tmp_path / name).touch()
    assert are_videos([tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path])
    assert not are_videos([tmp_path / "c.png", tmp_path / "d.json"])
    with pytest.raises(ValueError, match="views of one kind"):
        are_videos([tmp_path / "a.mp4", tmp_path / "c.png"])
    with pytest.raises(FileNotFoundError, match="no view"):
        are_videos([tmp_path / "absent.mp4"])
