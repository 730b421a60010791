"""Videos made of the shipped photo: a window that moves over the walking woman, and sometimes over nothing."""

import dataclasses

import numpy as np
import pytest

from fitting import clip_run, stages
from fitting.clip_result import read_clip
from fitting.clip_run import ClipRun
from fitting.detect import Detector
from fitting.fit import Fitter
from fitting.images import read_image
from fitting.solver import Stage
from fitting.video import open_video, writing_video
from qposer.assets import asset
from qposer.poses import read_poses

FRAMES, BLACK = 10, (4, 5)
WIDTH, HEIGHT = 320, 400
FILES = {"fit.npz", "motion.npz", "video.mp4"}


@pytest.fixture(scope="module")
def fitter():
    return Fitter()


@pytest.fixture(scope="module")
def walk():
    return read_image(asset("walk_side.jpg")).rgb


def write(path, frames):
    with writing_video(path, 25.0, (WIDTH, HEIGHT)) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def video(walk, tmp_path_factory):
    frames = [walk[540:940, 1080 + 5 * k : 1400 + 5 * k] * (k not in BLACK) for k in range(FRAMES)]
    return write(tmp_path_factory.mktemp("videos") / "walk.mp4", frames)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Stages of two steps, blocks of four frames, and the whole frame searched as soon as the person is lost."""
    for name, value in list(vars(stages).items()):
        if isinstance(value, Stage):
            monkeypatch.setattr(stages, name, dataclasses.replace(value, steps=2))
    monkeypatch.setattr(clip_run, "BLOCK", 4)
    monkeypatch.setattr(clip_run, "SEARCH_EVERY", 2)


@pytest.fixture
def run(fitter, video, tmp_path):
    def run(**options):
        return ClipRun(fitter, open_video(options.pop("video", video)), tmp_path / "out", **options).run()

    return run


@pytest.fixture
def looks(monkeypatch):
    """The frames that a detector was shown."""
    looks = []

    def counted(method):
        def count(detector, rgb, *arguments):
            looks.append(rgb.mean())
            return method(detector, rgb, *arguments)

        return count

    for name in ("near", "search"):
        monkeypatch.setattr(Detector, name, counted(getattr(Detector, name)))
    return looks


def test_files_of_a_video(run, tmp_path):
    result = run()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*FILES, ".work"}
    assert result.frames.tolist() == list(range(FRAMES))
    assert (~result.detected).nonzero()[0].tolist() == list(BLACK)
    assert np.array_equal(read_clip(tmp_path / "out" / "fit.npz").joints, result.joints)
    assert read_poses(tmp_path / "out" / "motion.npz").shape == (FRAMES, 21, 3)
    drawn = open_video(tmp_path / "out" / "video.mp4")
    assert (drawn.height, drawn.width, drawn.fps) == (HEIGHT, WIDTH + HEIGHT, 25.0)
    frames, shown = list(drawn.frames()), np.array(range(FRAMES))
    assert len(frames) == FRAMES
    on_the_side = np.array([(frame[:, WIDTH:] < 200).mean() for frame in frames])
    assert (on_the_side > 0.03).all()
    assert all(frames[black].max() > 200 for black in BLACK), shown


def test_keypoints_move_with_the_window(run):
    result = run()
    seen = result.keypoints_confidence > 0.5
    nose = result.keypoints_xy[:, 0, 0]
    assert seen[result.detected, 0].all()
    assert np.diff(nose[:4]) == pytest.approx([-5, -5, -5], abs=3)


def test_nothing_is_done_twice(run, looks, tmp_path):
    first = run()
    assert looks
    looks.clear()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*") if path.suffix != ".npz"}
    second = run()
    assert not looks
    assert np.array_equal(first.joints, second.joints)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_stopped_run_goes_on(run, looks, tmp_path, monkeypatch):
    expected = run(smoothness=0.5)
    for path in (tmp_path / "out").rglob("*.*"):
        if path.is_file():
            path.unlink()
    everything, write = len(looks), ClipRun._write

    def stop(self, name, asked, arrays):
        if name == "detected-000008":
            raise KeyboardInterrupt
        write(self, name, asked, arrays)

    monkeypatch.setattr(ClipRun, "_write", stop)
    with pytest.raises(KeyboardInterrupt):
        run(smoothness=0.5)
    monkeypatch.setattr(ClipRun, "_write", write)
    looks.clear()
    result = run(smoothness=0.5)
    assert 0 < len(looks) < everything / 2
    np.testing.assert_allclose(result.joints, expected.joints, atol=1e-4)


def test_other_requests_are_done_anew(run, looks):
    first = run()
    looks.clear()
    second = run(focal=900.0)
    assert not looks
    assert second.focal == 900.0
    assert not np.array_equal(first.transl, second.transl)


def test_a_damaged_part_is_made_again(run, looks, tmp_path):
    run()
    looks.clear()
    part = tmp_path / "out" / ".work" / "detected-000004.npz"
    part.write_bytes(part.read_bytes()[:100])
    run()
    assert 0 < len(looks) < 14


def test_the_person_at_a_point(run, walk, tmp_path):
    """The man, who is smaller than the woman."""
    frames = [np.ascontiguousarray(walk[:992, 400:1400][::2, ::2]) for _ in range(2)]
    with writing_video(tmp_path / "two.mp4", 25.0, (500, 496)) as writer:
        for frame in frames:
            writer.write(frame)
    result = run(video=tmp_path / "two.mp4", person=(115.0, 100.0))
    assert result.keypoints_xy[0, 0] == pytest.approx([115, 64], abs=12)


def test_nobody(run, tmp_path):
    grey = [np.full((HEIGHT, WIDTH, 3), 128, np.uint8)] * 5
    with pytest.raises(ValueError, match=r"no person was found on the 5 frames of .*grey\.mp4: take"):
        run(video=write(tmp_path / "grey.mp4", grey))


def test_a_person_who_is_not_there(run):
    with pytest.raises(ValueError, match="there is no person 3"):
        run(person=3)
