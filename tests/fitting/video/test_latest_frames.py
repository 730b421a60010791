"""Frames that wait, and frames that are dropped."""

import threading

import numpy as np
import pytest

from fitting.video import latest_frames
from fitting.video.frames import open_video, writing_video
from fitting.video.latest_frames import LatestFrames, camera_frames, paced
from fitting.video.live_report import LiveReport


def picture(number):
    return np.full((8, 8, 3), number, np.uint8)


def test_only_the_newest_frame_waits():
    read, go_on = threading.Event(), threading.Event()

    def source():
        for number in range(5):
            yield picture(number)
        read.set()
        go_on.wait()
        yield picture(5)

    with LatestFrames(source()) as latest:
        read.wait()
        frames = iter(latest)
        first = next(frames)
        go_on.set()
        rest = list(frames)
    assert (first.number, first.rgb[0, 0, 0]) == (4, 4)
    assert [frame.number for frame in rest] == [5]
    assert rest[0].seconds >= first.seconds


def test_errors_of_the_source_come_out():
    def source():
        yield picture(0)
        raise ValueError("the frames differ in size")

    with LatestFrames(source()) as latest, pytest.raises(ValueError, match="differ in size"):
        list(latest)


def test_frames_of_a_file_are_due_at_their_times(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(latest_frames.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(latest_frames.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    with writing_video(tmp_path / "short.mp4", 10.0, (16, 16)) as writer:
        for number in range(4):
            writer.write(np.full((16, 16, 3), number, np.uint8))
    times = [clock[0] for _ in paced(open_video(tmp_path / "short.mp4"))]
    assert times == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=1e-3)


def test_a_camera_that_is_not_there():
    with pytest.raises(ValueError, match="camera 99 cannot be opened"):
        next(camera_frames(99))


def test_rate_and_latency():
    report = LiveReport()
    assert (report.line, report.source_fps) == ("no frames", None)
    for number, (came, shown) in enumerate([(1.0, 1.1), (1.5, 1.6), (2.0, 2.3)]):
        report.add(latest_frames.LiveFrame(2 * number, came, picture(0)), shown, found=number != 1)
    assert report.source_fps == pytest.approx(4.0)
    assert report.line == (
        "3 frames, 2.3 a second, 1 without a person, 2 dropped; latency 100 ms (median), 280 ms (95th percentile)"
    )
