import json
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import tyro
from scipy.spatial.transform import Rotation

from benchmarks import intervals
from benchmarks.multiview import __main__ as command
from benchmarks.multiview.bodies import JOINTS, KEYPOINTS, Bodies
from benchmarks.multiview.errors import Errors, swapped, table
from benchmarks.multiview.recording import View, read_recording
from fitting.body.body import Body
from fitting.inputs.keypoints import FORMATS
from fitting.video.clip_result import ClipResult
from fitting.video.frames import open_video
from qposer.body_pose.skeleton import JOINT_NAMES

PARAMETERS = ("global_orient", "body_pose", "betas", "transl")
SIZE = (200, 240)
NAMES = tuple(f"{side}_{joint}" for joint in ("shoulder", "hip", "knee") for side in ("left", "right"))
FOCAL = 300.0
TURN = Rotation.from_euler("y", 160, degrees=True).as_matrix()  # the second camera looks from behind
SHIFT = np.array([0.0, 0.0, 3.0]) - TURN @ [0.0, 0.0, 3.0]  # at the person, who is three metres before the first


@pytest.fixture
def recording(tmp_path, make_fit):
    """Two cameras, in front and behind, and three moments; the person does not move."""
    writer = cv2.VideoWriter(str(tmp_path / "front.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, SIZE)
    for grey in (40, 80, 120, 160):
        writer.write(np.full((SIZE[1], SIZE[0], 3), grey, np.uint8))
    writer.release()
    (tmp_path / "back.mp4").write_bytes((tmp_path / "front.mp4").read_bytes())
    joints = make_fit().joints[[JOINT_NAMES.index(name) for name in NAMES]]
    np.savez(tmp_path / "truth.npz", frame=np.array([0, 2, 3]), xyz=np.tile(joints, (3, 1, 1)), names=np.array(NAMES))
    intrinsics = [[FOCAL, 0, SIZE[0] / 2], [0, FOCAL, SIZE[1] / 2], [0, 0, 1]]
    cameras = {
        "front": {"K": intrinsics, "R": np.eye(3).tolist(), "t": [0, 0, 0]},
        "back": {"K": intrinsics, "R": TURN.tolist(), "t": SHIFT.tolist()},
    }
    (tmp_path / "cameras.json").write_text(json.dumps(cameras))
    return tmp_path


def test_the_truth_is_in_the_axes_of_each_camera(recording, make_fit):
    front, back = read_recording(recording).views
    joints = make_fit().joints[[JOINT_NAMES.index(name) for name in NAMES]]
    np.testing.assert_allclose(front.truth[1], joints, atol=1e-6)
    np.testing.assert_allclose(back.truth[1], joints @ TURN.T + SHIFT, atol=1e-6)
    middle = FOCAL * joints[:, :2] / joints[:, 2:] + [SIZE[0] / 2, SIZE[1] / 2]
    np.testing.assert_allclose(front.projected[0], middle, atol=1e-4)
    assert front.focal == FOCAL
    assert front.size == SIZE
    np.testing.assert_allclose(front.height, FOCAL * 1.7 / joints[:, 2].mean(), rtol=1e-6)


def test_pictures_are_those_of_the_moments(recording):
    shots = read_recording(recording)
    found = [picture.mean() for picture in shots.views[0].pictures(shots.frames)]
    assert found == pytest.approx([40, 120, 160], abs=8)
    with pytest.raises(ValueError, match="ends before frame 9"):
        shots.views[0].pictures(np.array([1, 9]))


def broken(arrays=None, cameras=None):
    def change(folder):
        if arrays is not None:
            np.savez(folder / "truth.npz", **arrays)
        if cameras is not None:
            (folder / "cameras.json").write_text(cameras)

    return change


@pytest.mark.parametrize(
    "change",
    [
        broken({"frame": np.arange(2)}),
        broken({"frame": np.arange(2), "xyz": np.zeros((2, 2, 3)), "names": np.array(["nose", "left_hip"])}),
        broken({"frame": np.arange(3), "xyz": np.zeros((2, 2, 3)), "names": np.array(["right_hip", "left_hip"])}),
        broken(cameras="{"),
        broken(cameras='{"front": {"K": [[1]], "R": [], "t": []}}'),
        broken(cameras="[1]"),
    ],
)
def test_invalid_recordings_are_rejected(recording, change):
    change(recording)
    with pytest.raises(ValueError, match="expected"):
        read_recording(recording)


def test_missing_files_are_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cameras\.json"):
        read_recording(tmp_path)


def made_view(recording, moments=2):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(moments, len(NAMES), 3)) * 0.3 + [0, 0, 3]
    return View("some", open_video(recording / "front.mp4"), np.diag([100.0, 100.0, 1.0]), truth)


def test_errors_are_relative_to_mid_hips_and_aligned(recording):
    view, errors = made_view(recording), Errors()
    moved = view.truth + np.array([0.3, 0, 1])
    turned = view.truth @ np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    xy = view.projected + np.array([3.0, 4.0])
    errors.add(view, NAMES, np.array([0, 1]), moved, xy)
    assert errors.mpjpe == pytest.approx([0, 0], abs=1e-6)
    assert errors.pa_mpjpe == pytest.approx([0, 0], abs=1e-3)
    assert errors.percent_2d == pytest.approx((100 * 5 / view.height).tolist())
    errors.add(view, NAMES, np.array([1]), turned[1:], xy[1:])
    assert errors.mpjpe[2] > 100
    assert errors.pa_mpjpe[2] == pytest.approx(0, abs=1e-3)
    assert errors.moment == [0, 1, 1]


def test_only_the_mid_hips_are_aligned(recording):
    view, errors = made_view(recording, 1), Errors()
    points = view.truth.copy()
    points[:, NAMES.index("left_hip")] += [0.06, 0, 0]
    errors.add(view, NAMES, np.array([0]), points, view.projected)
    # the hip is 30 mm off after alignment, and so is everything else
    assert errors.mpjpe == pytest.approx([30])


def test_swapped_sides_are_detected():
    truth = np.random.default_rng(0).normal(size=(2, len(NAMES), 2))
    xy = truth.copy()
    xy[1] = truth[1][[1, 0, 3, 2, 5, 4]]
    xy += 0.1
    assert swapped(xy, truth, NAMES).tolist() == [False, True]


def test_intervals_are_over_moments():
    errors = Errors([0, 0, 1, 1], [10.0, 10.0, 20.0, 20.0], [1.0] * 4, [2.0] * 4)
    assert table({"some": errors}).rows == [["some", "15.0 [10.0, 20.0]", "1.0 [1.0, 1.0]", "2.0 [2.0, 2.0]"]]


def test_keypoints_and_joints_of_fits_are_where_the_body_has_them(make_fit):
    fits = [make_fit(), make_fit(left_knee=40, focal=200.0)]
    bodies, body = Bodies.of_fits(fits), Body.open()
    points = bodies.points(body, NAMES)
    expected = np.stack([fit.joints[[JOINT_NAMES.index(name) for name in NAMES]] for fit in fits])
    np.testing.assert_allclose(points[JOINTS].numpy(), expected, atol=1e-5)
    xy = bodies.camera.project(points[KEYPOINTS]).numpy()
    chosen = [FORMATS["mediapipe"].names.index(name) for name in NAMES]
    np.testing.assert_allclose(xy, np.concatenate([fit.keypoints.xy for fit in fits])[:, chosen], atol=1e-2)


def as_clip(fits, frames):
    def stacked(name):
        return np.stack([getattr(fit, name) for fit in fits])

    length = len(fits)
    return ClipResult(
        frames=np.array(frames),
        detected=np.ones(length, bool),
        fps=5.0,
        global_orient=stacked("global_orient"),
        body_pose=stacked("body_pose"),
        betas=fits[0].betas,
        transl=stacked("transl"),
        codes=stacked("codes"),
        joints=stacked("joints"),
        pelvis=np.zeros(3),
        focal=fits[0].focal,
        centre=fits[0].centre,
        image_size=fits[0].image_size,
        keypoints_xy=np.zeros((length, 33, 2)),
        keypoints_confidence=np.zeros((length, 33)),
        keypoints_format="mediapipe",
        reprojection_error_px=np.zeros(length),
        person_height_px=np.ones(length),
        body="open",
        qposer_version="0",
    )


def test_bodies_of_a_clip_are_those_of_the_frames(make_fit):
    fits = [make_fit(left_knee=angle) for angle in (0, 20, 40)]
    bodies = Bodies.of_clip(as_clip(fits, [4, 5, 6]), np.array([4, 6]))
    for name, value in vars(Bodies.of_fits([fits[0], fits[2]])).items():
        if name != "camera":
            torch.testing.assert_close(getattr(bodies, name), value)
    assert bodies.camera.focal.tolist() == [FOCAL, FOCAL]
    assert bodies.camera.centre.tolist() == [[100, 120]] * 2


def test_every_view_is_fitted_and_reported(recording, monkeypatch, make_fit, tmp_path):
    right = make_fit()

    class Finds:
        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

        def search(self, picture):
            if picture.mean() < 60:  # the first moment
                return None
            world = np.zeros((1, 33, 3)) + np.arange(33)[:, None]
            return type(right.keypoints)(right.keypoints.xy, right.keypoints.confidence, "mediapipe", world)

    class Fits:
        body = Body.open()

        def fit_views(self, views, cameras):
            assert [camera.name for camera in cameras] == ["front", "back"]
            fit = make_fit()  # its camera's axes are the world's
            return [SimpleNamespace(**{name: getattr(fit, name) for name in PARAMETERS}, joints=fit.joints)]

        def fit_keypoints(self, keypoints, size, focal):
            assert size == SIZE
            return [make_fit(focal=focal or 2 * FOCAL)] * len(keypoints)

    monkeypatch.setattr(intervals, "DRAWS", 40)
    monkeypatch.setattr(command, "Detector", Finds)
    monkeypatch.setattr(command, "Fitter", Fits)
    monkeypatch.setattr(command, "fit_tile", lambda photo, result: photo.rgb)
    clips = {which: as_clip([make_fit()] * 3, [1, 2, 3]) for which in command.FOCALS}
    monkeypatch.setattr(command, "fitted_clips", lambda fitter, view: clips)
    command.main(recording, tmp_path / "out", tmp_path / "pictures", video=True)
    text = (tmp_path / "out" / "multiview.md").read_text()
    assert "Detected: 4 of 6 views; left and right of the whole body swapped in 2." in text, "those from behind"
    assert "3 moments of one person, recorded by 2 calibrated cameras" in text
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")][1:]
    focal = [
        f"| {start}{which} focal length, {kind}"
        for start in ("", "video, ")
        for which in command.FOCALS
        for kind in (KEYPOINTS, JOINTS)
    ]
    several = [
        f"| all views{mirror}, {kind}"
        for mirror in ("", ", front mirrored", ", back mirrored")
        for kind in (KEYPOINTS, JOINTS)
    ]
    assert sorted(rows) == sorted(["| detector", *focal, *several, "| ---"])
    (exact,) = (line for line in text.splitlines() if line.startswith("| all views, joints"))
    assert exact.count("0.0 [0.0, 0.0]") == 3, "in the axes of both cameras"
    assert len(list((tmp_path / "pictures").iterdir())) == 4


def test_without_the_recording_the_benchmark_is_skipped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["multiview", "--recording", str(tmp_path / "none")])
    tyro.cli(command.main)
    assert "skipped" in capsys.readouterr().out
