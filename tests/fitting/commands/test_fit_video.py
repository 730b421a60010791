from typing import get_args

import numpy as np
import pytest
from PIL import Image

from fitting.commands import fit_video
from fitting.inputs.images import read_image
from fitting.optimise import agreement
from fitting.video import clip_exports, clip_result
from fitting.video.clip_result import read_clip
from qposer.io.assets import asset

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def frames(tmp_path):
    """A folder of three frames of the shipped photo."""
    folder = tmp_path / "walk"
    folder.mkdir()
    rgb = read_image(asset("walk_side.jpg")).rgb
    for number in range(3):
        Image.fromarray(rgb[540:940, 1080 + 8 * number : 1400 + 8 * number]).save(folder / f"{number}.png")
    return folder


def result_warnings(reported):
    return [line.removeprefix("  warning: ") for line in reported.splitlines() if line.startswith("  warning: ")]


def test_errors_give_warnings(run, frames, tmp_path, monkeypatch):
    monkeypatch.setattr(clip_result, "ERROR_WARNING", 0.0)
    monkeypatch.setattr(agreement, "ERROR_WARNING", 0.0)
    reported, *_ = result_warnings(run("fit_video", frames, "--out", tmp_path / "out"))
    assert "of the person's height: the body may be wrong" in reported


def test_a_folder_of_frames(run, frames, tmp_path):
    reported = run("fit_video", frames, "--out", tmp_path / "out", "--fps", "10")
    result = read_clip(tmp_path / "out" / "walk" / "fit.npz")
    assert "frames 0 to 2, 0 of them interpolated, 2D error" in reported
    assert result_warnings(reported) == list(read_clip(tmp_path / "out" / "walk" / "fit.npz").warnings)
    assert f"video: {tmp_path / 'out' / 'walk' / 'video.mp4'}" in reported
    assert result.fps == 10.0
    assert np.isfinite(result.joints).all()


def test_exports(run, frames, tmp_path):
    run("fit_video", frames, "--out", tmp_path / "out", "--export", "bvh", "trc")
    made = {path.name for path in (tmp_path / "out" / "walk").iterdir() if not path.name.startswith(".")}
    assert made == {"fit.npz", "motion.npz", "video.mp4", "motion.bvh", "markers.trc"}
    assert get_args(fit_video.ClipExport) == get_args(clip_exports.ClipExport)


def test_all_people_are_fitted(run, frames, tmp_path):
    printed = run("fit_video", frames, "--out", tmp_path / "out", "--people", "all", "--no-contact")
    assert f"{tmp_path / 'out' / 'walk' / 'person0'}: frames 0 to 2" in printed
    assert read_clip(tmp_path / "out" / "walk" / "person0" / "fit.npz").contact is None


def test_hands_are_fitted_unless_they_are_left_out(run, frames, tmp_path):
    printed = run("fit_video", frames, "--out", tmp_path / "out", "--export", "bvh")
    assert "of the person's height, left hand found in " in printed
    assert read_clip(tmp_path / "out" / "walk" / "fit.npz").hands is not None
    assert "right_thumb3" in (tmp_path / "out" / "walk" / "motion.bvh").read_text()
    printed = run("fit_video", frames, "--out", tmp_path / "out", "--export", "bvh", "--no-hands")
    assert "hand found" not in printed
    assert read_clip(tmp_path / "out" / "walk" / "fit.npz").hands is None
    assert "thumb" not in (tmp_path / "out" / "walk" / "motion.bvh").read_text()


def test_a_given_ground(run, frames, tmp_path):
    run("fit_video", frames, "--out", tmp_path / "out", "--ground", "0", "-2", "0", "1.5")
    assert read_clip(tmp_path / "out" / "walk" / "fit.npz").ground.tolist() == [0.0, -1.0, 0.0, 1.5]


def test_no_people(refused, frames, tmp_path):
    assert "the number of people must be at least 1" in refused(
        "fit_video", frames, "--out", tmp_path / "out", "--people", "0"
    )


def test_an_interrupted_run_is_reported(run, frames, tmp_path, monkeypatch, capsys):
    from fitting.video.clip_run import ClipRun

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ClipRun, "_draw", stop)
    with pytest.raises(SystemExit) as stopped:
        run("fit_video", frames, "--out", tmp_path / "out")
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "fit_video: stopped: run the same command again to resume\n"


def test_another_run_on_the_same_folder(refused, frames, tmp_path):
    from fitting.output.folder_lock import output_lock

    with output_lock(tmp_path / "out" / "walk"):
        assert "another run is writing into" in refused("fit_video", frames, "--out", tmp_path / "out")


def test_a_missing_video_is_reported(refused, tmp_path):
    assert "there is no video" in refused("fit_video", tmp_path / "absent.mp4", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_files_are_rejected_as_videos(refused, tmp_path):
    (tmp_path / "text.mp4").write_text("not a video " * 100)
    assert "can be read: it is not a video" in refused("fit_video", tmp_path / "text.mp4", "--out", tmp_path / "out")


def test_an_output_that_is_a_file(refused, frames, tmp_path):
    (tmp_path / "file").touch()
    assert "is a file: give a folder as --out" in refused("fit_video", frames, "--out", tmp_path / "file")


@pytest.mark.parametrize(("option", "value"), [("--focal", "-3"), ("--smoothness", "-1"), ("--fps", "0")])
def test_invalid_numbers_are_rejected(refused, frames, tmp_path, option, value):
    assert value in refused("fit_video", frames, "--out", tmp_path / "out", option, value)
