import json

import numpy as np
import pytest
import torch
from PIL import Image

from fitting.body.body import Body
from qposer.io.npz import read_npz

pytestmark = pytest.mark.usefixtures("quick")

SIZE = (600, 800)


@pytest.fixture
def scene(tmp_path):
    """A calibration of three cameras around the open body, and what each sees, as keypoint files."""
    landmarks = Body.open().landmarks(torch.tensor([[torch.pi / 2, 0.0, 0.0]]), torch.zeros(1, 21, 3))[0].numpy()
    calibration = {}
    for name, degrees in {"cam1": 0, "cam2": 80, "cam3": 200}.items():
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        rotation, translation = np.array([[c, s, 0], [0, 0, -1], [-s, c, 0]]), np.array([0.0, 0.0, 4.0])
        intrinsics = [[900, 0, 300], [0, 900, 400], [0, 0, 1]]
        calibration[name] = {"K": intrinsics, "R": rotation.tolist(), "t": translation.tolist(), "size": SIZE}
        seen = landmarks @ rotation.T + translation
        xy = 900 * seen[:, :2] / seen[:, 2:] + [300, 400]
        np.savez(tmp_path / f"{name}.npz", xy=xy[None], confidence=np.ones((1, 33)), format="mediapipe")
    (tmp_path / "cameras.json").write_text(json.dumps(calibration))
    return tmp_path


def views(scene, *names):
    return [scene / f"{name}.npz" for name in names or ("cam1", "cam2", "cam3")]


def test_keypoint_files_give_a_body_in_world_axes(run, scene):
    reported = run("fit_views", scene / "cameras.json", *views(scene), "--out", scene / "out")
    folder = scene / "out" / "person0"
    assert f"{folder}: seen by cam1, cam2, cam3, 2D error" in reported
    assert "world with z up" in reported
    assert "warning" not in reported
    fit = read_npz(folder / "fit.npz")
    assert fit["cameras"].tolist() == ["cam1", "cam2", "cam3"]
    assert fit["joints"][15, 2] - fit["joints"][7, 2] > 1.2, "the head is above the ankle"
    assert json.loads((folder / "fit.json").read_text())["warnings"] == []
    markers = (folder / "markers.trc").read_text().splitlines()[5].split("\t")
    np.testing.assert_allclose(
        [float(cell) for cell in markers[2:5]], fit["joints"][0][[0, 2, 1]] * [1, 1, -1], atol=1e-5
    )
    names = {path.name for path in folder.iterdir()}
    assert names == {"fit.npz", "fit.json", "mesh.obj", "markers.trc", "front.png", "side.png"}


@pytest.fixture
def detected(scene, monkeypatch):
    """Detectors that find the keypoints of the first two views; the people whose hands are searched."""
    from fitting.inputs.detect import Detector
    from fitting.inputs.hand_keypoints import HandKeypoints
    from fitting.inputs.keypoint_files import read_keypoints

    found, searched = iter([read_keypoints(path) for path in views(scene)[:2]] + [None]), []

    class Hands:
        def detect(self, picture, people):
            searched.append(people)
            return HandKeypoints.unseen(len(people))

    monkeypatch.setattr(Detector, "__enter__", lambda self: self)
    monkeypatch.setattr(Detector, "__exit__", lambda self, *exception: None)
    monkeypatch.setattr(Detector, "search", lambda self, picture, people: next(found))
    monkeypatch.setattr(Detector, "hands", Hands())
    return searched


@pytest.mark.parametrize("hands", [True, False])
def test_pictures_get_overlays_and_rejected_views_are_named(run, scene, detected, hands):
    for name in ("cam1", "cam2", "cam3"):
        Image.new("RGB", SIZE, "white").save(scene / f"{name}.png")
    pictures = [scene / f"{name}.png" for name in ("cam1", "cam2", "cam3")]
    options = ("--out", scene / "out", "--hands" if hands else "--no-hands")
    reported = run("fit_views", scene / "cameras.json", *pictures, *options)
    assert "nobody was found in view cam3" in reported
    assert len(detected) == (2 if hands else 0)
    fit = read_npz(scene / "out" / "person0" / "fit.npz")
    assert ("hands_found" in fit) == hands
    for name in ("cam1", "cam2", "cam3"):
        drawn = np.asarray(Image.open(scene / "out" / "person0" / f"overlay_{name}.png"))
        assert drawn.shape == (SIZE[1], SIZE[0], 3)
        assert (drawn[300:500, 250:350] < 255).any()
        assert (drawn[:20] == 255).all()


def test_wrong_input_is_reported_in_one_line(refused, scene):
    cameras, out = scene / "cameras.json", ("--out", scene / "out")
    assert "no calibration file" in refused("fit_views", scene / "absent.toml", *views(scene), *out)
    assert "at least two cameras" in refused("fit_views", cameras, *views(scene, "cam1"), *out)
    assert "no view" in refused("fit_views", cameras, scene / "cam1.npz", scene / "cam2_absent.npz", *out)
    (scene / "cam1_again.npz").write_bytes((scene / "cam1.npz").read_bytes())
    assert "both of camera cam1" in refused("fit_views", cameras, *views(scene, "cam1", "cam1_again"), *out)
    assert "offsets are only for videos" in refused(
        "fit_views", cameras, *views(scene), "--offsets", "0", "1", "2", *out
    )
    for name in ("cam1", "cam2"):
        Image.new("RGB", (300, 400)).save(scene / f"{name}.png")
    reported = refused("fit_views", cameras, scene / "cam1.png", scene / "cam2.png", *out)
    assert "300 x 400 pixels, but the calibration of camera cam1 is for 600 x 800" in reported
    (scene / "file").touch()
    assert "give a folder as --out" in refused("fit_views", cameras, *views(scene), "--out", scene / "file")
    assert not (scene / "out").exists()


@pytest.mark.parametrize("hands", [True, False])
def test_videos_give_a_motion(run, scene, monkeypatch, hands):
    import cv2

    from fitting.inputs.hand_keypoints import HandKeypoints
    from fitting.inputs.keypoint_files import read_keypoints
    from fitting.video.frame_times import Timing
    from fitting.video.tracked_keypoints import TrackedKeypoints
    from fitting.views import clip

    for name in ("cam1", "cam2", "cam3"):
        writer = cv2.VideoWriter(str(scene / f"{name}.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, SIZE)
        for _ in range(3):
            writer.write(np.full((SIZE[1], SIZE[0], 3), 200, np.uint8))
        writer.release()

    def follow(video, person, work, on_step):
        seen = read_keypoints(video.path.with_suffix(".npz"))[[0, 0, 0]]
        return TrackedKeypoints(seen, np.arange(3), video.fps), Timing(video.fps, np.arange(3))

    def with_unseen_hands(people, *_):
        return [one.with_keypoints(hands=HandKeypoints.unseen(3)) for one in people]

    monkeypatch.setattr(clip, "follow_person", follow)
    monkeypatch.setattr(clip, "with_hands", with_unseen_hands)
    videos = [scene / f"{name}.mp4" for name in ("cam1", "cam2", "cam3")]
    options = ("--out", scene / "out", "--hands" if hands else "--no-hands")
    reported = run("fit_views", scene / "cameras.json", *videos, *options)
    folder = scene / "out" / "person0"
    assert "3 frames, 2D error" in reported
    assert "offsets in frames: cam1 +0, cam2 +0, cam3 +0" in reported
    motion = read_npz(folder / "motion.npz")
    assert motion["poses"].shape == (3, 156)
    assert float(motion["mocap_framerate"]) == 10
    assert len((folder / "markers.trc").read_text().splitlines()) == 8
    assert (folder / "overlay_cam3.png").is_file()
    fit = read_npz(folder / "fit.npz")
    assert ("hands_found" in fit) == hands
    assert fit["joints"][:, 15, 2].min() - fit["joints"][:, 7, 2].max() > 1.2
