"""Hands of the walking woman of the shipped photo, in a video from a window that moves over her."""

import filecmp
import json

import numpy as np
import pytest

from fitting.inputs.detect import Detector
from fitting.inputs.hand_detector import HandDetector
from fitting.inputs.images import read_image
from fitting.video.clip_result import read_clip
from fitting.video.clip_run import ClipRun
from fitting.video.frames import open_video, writing_video
from qposer.data.bvh import read_bvh
from qposer.hands.smplh import SMPLH_PARENTS
from qposer.io.assets import asset
from qposer.io.npz import read_npz

FRAMES = 6
FILES = ("fit.npz", "motion.npz", "motion.bvh", "motion.glb", "view.html", "video.mp4")
EXPORTS = ("bvh", "glb", "html")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    walk = read_image(asset("walk_side.jpg")).rgb
    path = tmp_path_factory.mktemp("video") / "walk.mp4"
    with writing_video(path, 25.0, (360, 440)) as writer:
        for number in range(FRAMES):
            writer.write(np.ascontiguousarray(walk[530:970, 1060 + 3 * number : 1420 + 3 * number]))
    return open_video(path)


@pytest.fixture(scope="module", autouse=True)
def quick(shorten):
    with pytest.MonkeyPatch.context() as patched:
        shorten(patched)
        yield


@pytest.fixture(scope="module")
def finished(fitter, video, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "walk"
    return out, ClipRun(fitter, video, out, exports=EXPORTS).run()


@pytest.fixture
def searched(monkeypatch):
    """Names of the detectors, for each of their calls."""
    calls = []

    def watched(detector, name):
        method = getattr(detector, name)

        def call(self, *arguments):
            calls.append(detector.__name__)
            return method(self, *arguments)

        monkeypatch.setattr(detector, name, call)

    for detector, name in ((Detector, "near"), (Detector, "search"), (HandDetector, "detect")):
        watched(detector, name)
    return calls


def test_all_files_have_the_fingers(finished):
    out, result = finished
    assert result.hands.found.shape == (FRAMES, 2)
    assert result.hands.found.any()
    side = int(result.hands.found.any(0).argmax())
    assert np.abs((result.hands.left, result.hands.right)[side]).max() > 0.1
    assert np.array_equal(read_clip(out / "fit.npz").hands.both, result.hands.both)
    poses = read_npz(out / "motion.npz")["poses"]
    assert poses.shape == (FRAMES, 156)
    np.testing.assert_array_equal(poses[:, 66:], result.hands.both.reshape(FRAMES, 90))
    assert len(set(read_bvh(out / "motion.bvh").names)) >= len(SMPLH_PARENTS)
    assert f'"parents": {json.dumps(SMPLH_PARENTS)}' in (out / "view.html").read_text()
    assert b"left_thumb3" in (out / "motion.glb").read_bytes()


def test_the_drawn_body_has_the_fingers(fitter, video, finished, tmp_path):
    out, _ = finished
    ClipRun(fitter, video, tmp_path / "rigid", hands=False).run()
    pairs = zip(*(open_video(path / "video.mp4").frames() for path in (out, tmp_path / "rigid")), strict=True)
    assert all(np.abs(a.astype(int) - b).max() > 8 for a, b in pairs)


def test_the_same_video_gives_the_same_files(fitter, video, finished, tmp_path):
    out, _ = finished
    ClipRun(fitter, video, tmp_path / "walk", exports=EXPORTS).run()
    for name in FILES:
        assert filecmp.cmp(out / name, tmp_path / "walk" / name, shallow=False), name


def test_hands_are_added_to_a_finished_run_and_left_out_again(fitter, video, searched, finished, tmp_path):
    rigid = ClipRun(fitter, video, tmp_path / "out", hands=False).run()
    assert rigid.hands is None
    assert not {"left_hand_pose", "hands_found"} & set(read_npz(tmp_path / "out" / "fit.npz"))
    assert "HandDetector" not in searched
    searched.clear()
    steps = []
    result = ClipRun(fitter, video, tmp_path / "out").run(lambda what, _: steps.append(what))
    assert searched == ["HandDetector"] * FRAMES
    assert steps == ["detecting", "detecting hands", "fitting", "drawing"]
    assert np.array_equal(result.hands.both, finished[1].hands.both)
    searched.clear()
    again = ClipRun(fitter, video, tmp_path / "out", hands=False).run(lambda what, _: steps.append(what))
    assert not searched
    assert "detecting hands" not in steps[4:]
    assert again.hands is None
    assert np.array_equal(again.body_pose, rigid.body_pose)


def test_everybody_has_hands_in_memory(fitter, video, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (result,) = fitter.fit_people_in_video(video.path)
    assert np.array_equal(result.hands.found, finished[1].hands.found)
    assert fitter.fit_video(video.path, hands=False).hands is None
    assert not list(tmp_path.iterdir())
