"""Videos from the shipped photo: a window that moves over the walking woman, and sometimes over background.

Hands are those of `test_clip_run_hands.py`."""

import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from fitting.inputs.detect import Detector
from fitting.inputs.images import read_image
from fitting.video import sightings
from fitting.video.clip_result import ClipResult, read_clip
from fitting.video.clip_run import ClipRun
from fitting.video.footing import MOVING_CAMERA
from fitting.video.frames import Video, open_video, writing_video
from fitting.video.kept_work import KeptWork
from qposer.body_pose.poses import read_poses
from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.data.bvh import read_bvh
from qposer.io.assets import asset
from qposer.io.npz import read_npz, write_npz

FRAMES, BLACK = 10, (4, 5)
WIDTH, HEIGHT = 320, 400
FILES = {"fit.npz", "motion.npz", "video.mp4"}


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


@pytest.fixture(scope="module", autouse=True)
def quick(shorten):
    """Stages of two steps, blocks of four frames, and the whole frame searched as soon as the person is lost."""
    with pytest.MonkeyPatch.context() as patched:
        shorten(patched)
        patched.setattr(sightings, "BLOCK", 4)
        patched.setattr(sightings, "SEARCH_EVERY", 2)
        yield


def watch(patched):
    """Record the frames passed to the detector."""
    looks = []

    def counted(method):
        def count(detector, rgb, *arguments):
            looks.append(rgb.mean())
            return method(detector, rgb, *arguments)

        return count

    for name in ("near", "search"):
        patched.setattr(Detector, name, counted(getattr(Detector, name)))
    return looks


@dataclasses.dataclass(frozen=True)
class Finished:
    out: Path
    result: ClipResult
    looks: int


@pytest.fixture(scope="module")
def finished(fitter, video, tmp_path_factory):
    """A finished run, for read-only tests."""
    out = tmp_path_factory.mktemp("finished") / "out"
    with pytest.MonkeyPatch.context() as patched:
        looks = watch(patched)
        return Finished(out, ClipRun(fitter, open_video(video), out, hands=False).run(), len(looks))


@pytest.fixture
def done(finished, tmp_path):
    """A copy of the finished run where `run` writes."""
    shutil.copytree(finished.out, tmp_path / "out")
    return finished.result


@pytest.fixture
def run(fitter, video, tmp_path):
    def run(**options):
        options = {"hands": False} | options
        return ClipRun(fitter, open_video(options.pop("video", video)), tmp_path / "out", **options).run()

    return run


@pytest.fixture
def looks(monkeypatch):
    return watch(monkeypatch)


def test_files_of_a_video(finished):
    out, result = finished.out, finished.result
    assert {path.name for path in out.iterdir()} == {*FILES, ".work"}
    assert result.frames.tolist() == list(range(FRAMES))
    assert (~result.detected).nonzero()[0].tolist() == list(BLACK)
    assert np.array_equal(read_clip(out / "fit.npz").joints, result.joints)
    assert read_poses(out / "motion.npz").shape == (FRAMES, 21, 3)
    drawn = open_video(out / "video.mp4")
    assert (drawn.height, drawn.width, drawn.fps) == (HEIGHT, WIDTH + HEIGHT // 2, 25.0)
    frames, shown = list(drawn.frames()), np.array(range(FRAMES))
    assert len(frames) == FRAMES
    on_the_side = np.array([(frame[: HEIGHT // 2, WIDTH:] < 200).mean() for frame in frames])
    assert (on_the_side > 0.03).all()
    above = np.array([np.ptp(frame[HEIGHT // 2 + 25 :, WIDTH:].astype(int), axis=-1).max() for frame in frames])
    assert (above > 30).all()
    assert all(frames[black].max() > 200 for black in BLACK), shown


def codec(path):
    return int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode()


def test_files_for_other_programs(run, done, looks, tmp_path):
    assert codec(tmp_path / "out" / "video.mp4") == "FMP4"
    result = run(exports=("bvh", "glb", "html"))
    assert not looks
    assert codec(tmp_path / "out" / "video.mp4") == "VP90"
    drawn = (tmp_path / "out" / "video.mp4").stat().st_mtime_ns
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *FILES, ".work", "motion.bvh", "motion.glb", "view.html"
    }  # fmt: skip
    motion = read_bvh(tmp_path / "out" / "motion.bvh")
    order = [motion.names.index(name) for name in JOINT_NAMES]
    upright = (result.joints - result.joints[:, :1]) * [1, -1, -1]
    assert 1000 * np.abs(motion.positions()[:, order] / 100 - upright).max() < 1
    assert 'src="video.mp4"' in (tmp_path / "out" / "view.html").read_text()
    run()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*FILES, ".work"}
    assert (tmp_path / "out" / "video.mp4").stat().st_mtime_ns == drawn


def test_a_window_that_moves_is_a_moving_camera(finished):
    assert MOVING_CAMERA in finished.result.track_notes
    assert finished.result.ground is None


def test_keypoints_move_with_the_window(finished):
    result = finished.result
    seen = result.keypoints_confidence > 0.5
    nose = result.keypoints_xy[:, 0, 0]
    assert seen[result.detected, 0].all()
    assert np.diff(nose[:4]) == pytest.approx([-5, -5, -5], abs=3)


def test_nothing_is_done_twice(run, done, looks, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*") if path.suffix != ".npz"}
    second = run()
    assert not looks
    assert np.array_equal(done.joints, second.joints)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_stopped_run_continues(run, finished, looks, monkeypatch):
    write = KeptWork.write

    def stop(self, name, request, arrays):
        if name == "detected-000008":
            raise KeyboardInterrupt
        write(self, name, request, arrays)

    monkeypatch.setattr(KeptWork, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.setattr(KeptWork, "write", write)
    looks.clear()
    result = run()
    assert 0 < len(looks) < finished.looks / 2
    np.testing.assert_allclose(result.joints, finished.result.joints, atol=1e-4)


def test_other_requests_are_repeated(run, done, looks):
    second = run(focal=900.0, smoothness=0.5)
    assert not looks
    assert second.focal == 900.0
    assert not np.array_equal(done.transl, second.transl)


def test_a_damaged_part_is_recomputed(run, done, looks, tmp_path):
    part = tmp_path / "out" / ".work" / "detected-000004.npz"
    part.write_bytes(part.read_bytes()[:100])
    again = run()
    assert 0 < len(looks) < 14
    np.testing.assert_allclose(again.joints, done.joints, atol=1e-4)


@pytest.mark.parametrize(("part", "lost"), [("detected-000004", "world"), ("shape", "betas")])
def test_a_part_with_a_missing_array_is_recomputed(run, done, tmp_path, part, lost):
    file = tmp_path / "out" / ".work" / f"{part}.npz"
    write_npz(file, {name: array for name, array in read_npz(file).items() if name != lost})
    np.testing.assert_allclose(run().joints, done.joints, atol=1e-4)
    assert lost in read_npz(file)


def test_the_person_at_a_point(run, walk, tmp_path):
    """The man, who is smaller than the woman."""
    frames = [np.ascontiguousarray(walk[:992, 400:1400][::2, ::2]) for _ in range(2)]
    with writing_video(tmp_path / "two.mp4", 25.0, (500, 496)) as writer:
        for frame in frames:
            writer.write(frame)
    result = run(video=tmp_path / "two.mp4", person=(115.0, 100.0))
    assert result.keypoints_xy[0, 0] == pytest.approx([115, 64], abs=12)


def test_every_person_has_a_folder(fitter, walk, tmp_path):
    frames = [np.ascontiguousarray(walk[:992, 400:1400][::2, ::2]) for _ in range(3)]
    with writing_video(tmp_path / "two.mp4", 25.0, (500, 496)) as writer:
        for frame in frames:
            writer.write(frame)
    run = ClipRun(fitter, open_video(tmp_path / "two.mp4"), tmp_path / "out", hands=False)
    woman, man = run.run_people()
    assert man.keypoints_xy[0, 0] == pytest.approx([115, 64], abs=12)
    assert woman.keypoints_xy[0, 0, 0] > 200
    for number, result in enumerate((woman, man)):
        folder = tmp_path / "out" / f"person{number}"
        assert {path.name for path in folder.iterdir()} == {*FILES, ".work"}
        assert np.array_equal(read_clip(folder / "fit.npz").joints, result.joints)
    assert [result.frames.tolist() for result in run.run_people(1)] == [woman.frames.tolist()]


def test_another_shot_ends_the_fit(run, walk, tmp_path):
    frames = [walk[540:940, 1080 + 5 * k : 1400 + 5 * k] for k in range(4)] + [walk[:400, :320][::-1]] * 3
    result = run(video=write(tmp_path / "cut.mp4", [np.ascontiguousarray(frame) for frame in frames]))
    assert result.frames.tolist() == [0, 1, 2, 3]
    assert any("cuts to another shot at frame 4" in note for note in result.track_notes)
    assert read_clip(tmp_path / "out" / "fit.npz").track_notes == result.track_notes


def test_nobody(run, tmp_path):
    grey = [np.full((HEIGHT, WIDTH, 3), 128, np.uint8)] * 5
    with pytest.raises(ValueError, match=r"no person was found in the 5 frames of .*grey\.mp4, .* too small: crop it"):
        run(video=write(tmp_path / "grey.mp4", grey))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_person_is_reported(run):
    with pytest.raises(ValueError, match="there is no person 3"):
        run(person=3)


def test_uneven_frames_are_fitted_at_their_times(run, monkeypatch, tmp_path):
    times = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10, 12])
    even = Video.timed_frames

    def uneven(video, start=0):
        for number, (seconds, frame) in enumerate(even(video, start), start):
            yield (times[number] / 25 if len(times) > number else seconds), frame

    with monkeypatch.context() as patched:
        patched.setattr(Video, "timed_frames", uneven)
        result = run()
    assert result.fps == 25.0
    assert result.frames.tolist() == list(range(13))
    assert (~result.detected).nonzero()[0].tolist() == [*BLACK, 7, 9, 11]
    assert read_poses(tmp_path / "out" / "motion.npz").shape == (13, 21, 3)
    assert len(list(open_video(tmp_path / "out" / "video.mp4").frames())) == 13


def test_a_fit_in_memory_is_that_of_the_run_and_writes_nothing(fitter, video, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps_seen = []
    result = fitter.fit_video(video, hands=False, on_step=lambda: steps_seen.append(None))
    assert np.array_equal(result.joints, finished.result.joints)
    assert len(steps_seen) > len(result)
    assert not list(tmp_path.iterdir())


def test_a_focal_length_in_millimetres_is_refused_before_the_frames_are_searched(run, looks, tmp_path):
    with pytest.raises(ValueError, match="no camera has a focal length of 25 pixels for an image of 320 x 400"):
        run(focal=25.0)
    assert not looks
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("focal", "notes"), [(None, ("ignored",)), (500.0, ())])
def test_an_absurd_focal_length_of_the_first_frame_is_ignored_with_a_warning(
    fitter, video, done, tmp_path, focal, notes
):
    noted = dataclasses.replace(open_video(video), focal_warning="ignored")
    result = ClipRun(fitter, noted, tmp_path / "out", focal=focal, hands=False).run()
    assert result.notes == notes
    assert result.warnings == (*done.warnings, *notes)
    assert read_clip(tmp_path / "out" / "fit.npz").notes == ()
