import sys

import numpy as np
import pytest

from benchmarks.video.times import make_long, measured
from fitting.video.frames import open_video, writing_video


def test_a_long_video_has_no_cuts(tmp_path):
    with writing_video(tmp_path / "short.mp4", 5.0, (64, 48)) as writer:
        for step in range(4):
            writer.write(np.full((48, 64, 3), 60 * step, np.uint8))
    assert make_long(tmp_path / "short.mp4", tmp_path / "long.mp4", 25.0, 10) == 10
    long = open_video(tmp_path / "long.mp4")
    shades = [round(frame.mean() / 60) for frame in long.frames()]
    assert (long.fps, shades) == (25.0, [0, 1, 2, 3, 2, 1, 0, 1, 2, 3])


def test_memory_is_that_of_the_process():
    small, large = (
        measured([sys.executable, "-c", f"print(len(bytes([1]) * {size}))"]) for size in (100_000_000, 300_000_000)
    )
    assert (small.output, large.output) == ("100000000\n", "300000000\n")
    assert large.megabytes - small.megabytes == pytest.approx(200_000_000 / 2**20, abs=2)


def test_time_of_the_processor_is_that_of_the_process():
    busy, idle = "import time\nwhile time.process_time() < 1: pass", ""
    busy, idle = (measured([sys.executable, "-c", program]) for program in (busy, idle))
    assert busy.processor >= 1
    assert idle.processor < 1


def test_a_process_that_fails_is_an_error():
    with pytest.raises(ChildProcessError, match="failed"):
        measured([sys.executable, "-c", "raise SystemExit(3)"])
