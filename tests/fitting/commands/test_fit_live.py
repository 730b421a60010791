import socket

import numpy as np
import pytest

from fitting.inputs.images import read_image
from fitting.video import latest_frames
from fitting.video.clip_result import read_clip
from fitting.video.frames import writing_video
from qposer.body_pose.poses import read_poses
from qposer.io.assets import asset

WIDTH, HEIGHT = 320, 400


@pytest.fixture
def walk(tmp_path, monkeypatch):
    """Three frames of the shipped photo; each waits for the one before, so that none is dropped."""
    rgb = read_image(asset("walk_side.jpg")).rgb
    with writing_video(tmp_path / "walk.mp4", 25.0, (WIDTH, HEIGHT)) as writer:
        for k in range(3):
            writer.write(rgb[540:940, 1080 + 5 * k : 1400 + 5 * k])
    monkeypatch.setattr(latest_frames, "LatestFrames", OneByOne)
    return tmp_path / "walk.mp4"


class OneByOne:
    """Frames that come as soon as they are wanted, with another after an interrupt if there is one."""

    interrupt_at = None

    def __init__(self, frames):
        self._frames = frames

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def __iter__(self):
        for number, rgb in enumerate(self._frames):
            if number == self.interrupt_at:
                raise KeyboardInterrupt
            yield latest_frames.LiveFrame(number, float(number), rgb)


def test_a_body_for_each_frame(run, walk, tmp_path):
    printed = run("fit_live", walk, "--port", "0", "--out", tmp_path / "out")
    assert printed.startswith("http://127.0.0.1:")
    assert "\n3 frames, " in printed
    assert "latency" in printed
    result = read_clip(tmp_path / "out" / "fit.npz")
    assert (result.frames.tolist(), result.fps) == ([0, 1, 2], 25.0)
    assert np.diff(result.keypoints_xy[:, 0, 0]) == pytest.approx([-5, -5], abs=3)
    assert result.reprojection_error_percent < 5
    assert read_poses(tmp_path / "out" / "motion.npz").shape == (3, 21, 3)


def test_ctrl_c_ends_it_and_writes_what_there_is(run, walk, tmp_path, monkeypatch):
    monkeypatch.setattr(OneByOne, "interrupt_at", 2)
    printed = run("fit_live", walk, "--no-page", "--out", tmp_path / "out")
    assert printed.startswith("stopped\n2 frames, ")
    assert read_clip(tmp_path / "out" / "fit.npz").frames.tolist() == [0, 1]


def test_wrong_input(refused, walk, tmp_path):
    assert "camera 99 cannot be opened" in refused("fit_live", "99", "--no-page")
    assert "there is no video" in refused("fit_live", tmp_path / "none.mp4", "--no-page")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot listen at" in refused("fit_live", walk, "--port", taken.getsockname()[1])
