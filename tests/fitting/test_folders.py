import csv
import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from fitting.folders import FolderRun, Job, Outcome, PersonSummary, find_jobs, write_summary
from fitting.optimise.settings import FitSettings
from fitting.output.exports import result_name, write_fit
from fitting.output.folder_lock import output_lock
from fitting.output.results import read_result


class QuickFitter:
    """A fast fake detector that finds the maximum number of people; the photo's grey level seeds their poses."""

    def __init__(self, make_person):
        self.make_person = make_person
        self.settings = FitSettings()
        self.body = SimpleNamespace(name="open")
        self.fitted = []

    def body_of(self, results):
        return self.body

    def fit_photo(self, photo, *, people=1, focal=None, keypoints=None, hypotheses=1, hands=True, detector=None):
        grey = int(photo.rgb[0, 0, 0])
        self.fitted.append(grey)
        if grey == 0:
            raise ValueError("no person was found")
        if grey == 1:
            raise RuntimeError("the detector failed")
        if grey == 2:
            raise KeyboardInterrupt
        result = self.make_person(grey, focal=focal or 300.0)
        return [dataclasses.replace(result, keypoints=keypoints or result.keypoints)] * people


@pytest.fixture
def fitter(make_person, monkeypatch):
    monkeypatch.setattr("fitting.output.exports.fit_pictures", lambda photo, results: [{} for _ in results])
    return QuickFitter(make_person)


@pytest.fixture
def images(tmp_path):
    """Three good ones."""
    folder = tmp_path / "images"
    folder.mkdir()
    for grey in range(10, 13):
        grey_image(folder / f"g{grey}.png", grey)
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def grey_image(path, grey):
    Image.new("RGB", (400, 300), (grey, grey, grey)).save(path)


def outcomes(run, images, keypoints=None):
    jobs, failures = find_jobs(images, keypoints)
    return failures + [run.outcome(job) for job in jobs]


def snapshot(folder):
    """Contents and times of all files."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


# What is to be done


def test_images_are_taken_by_name_and_others_passed_over(images):
    (images / "notes.txt").write_text("mine")
    (images / "._g10.png").write_text("a finder's")
    (images / "below.jpg").mkdir()
    grey_image(images / "A.JPG", 50)
    jobs, failures = find_jobs(images)
    assert jobs == [Job(images / name) for name in ("A.JPG", "g10.png", "g11.png", "g12.png")]
    assert failures == []


def test_keypoint_files_are_found_by_the_name_of_the_image(images, tmp_path):
    folder = tmp_path / "keypoints"
    folder.mkdir()
    (folder / "g11_keypoints.json").touch()
    (folder / "gone_keypoints.json").touch()
    jobs, failures = find_jobs(images, folder)
    assert [job.keypoints for job in jobs] == [folder / f"g{grey}_keypoints.json" for grey in (10, 11, 12)]
    assert [failure.image for failure in failures] == ["gone_keypoints.json"]
    assert failures[0].failure == f"there is no image for these keypoints in {images}"
    one = folder / "coco.json"
    one.touch()
    jobs = find_jobs(images, one)[0]
    assert [job.keypoints for job in jobs] == [one] * 3
    assert all(job.sharing == ("g10.png", "g11.png", "g12.png") for job in jobs)


def test_keypoint_files_of_other_tools_have_other_endings(images, tmp_path):
    folder = tmp_path / "keypoints"
    folder.mkdir()
    names = ["g10.json", "g11.txt", "g12.npz"]
    for name in names:
        (folder / name).touch()
    jobs, failures = find_jobs(images, folder)
    assert [job.keypoints.name for job in jobs] == names
    assert all(job.sharing == () for job in jobs)
    assert failures == []


def test_one_file_of_all_images_is_shared_out_by_its_ids(fitter, images, out, tmp_path):
    def person(image, x):
        return {"image_id": image, "keypoints": [value for k in range(17) for value in (x + k, 50.0 + 9 * k, 0.9)]}

    file = tmp_path / "coco.json"
    table = [{"id": 1, "file_name": "g10.png"}, {"id": 2, "file_name": "g11.png"}]
    file.write_text(json.dumps({"images": table, "annotations": [person(1, 100), person(2, 200)]}))
    done = {outcome.image: outcome for outcome in outcomes(FolderRun(fitter, out, exports=()), images, file)}
    assert [read_result(out / name / "person0").keypoints.xy[0, 0, 0] for name in ("g10", "g11")] == [100, 200]
    assert "no person for the image 'g12.png'" in done["g12.png"].failure
    file.write_text(json.dumps([person(1, 100)]))
    failures = [outcome.failure for outcome in outcomes(FolderRun(fitter, out, exports=()), images, file)]
    assert all("no person for the image" in failure for failure in failures)
    file.write_text(json.dumps({"people": [{"pose_keypoints_2d": person(1, 100)["keypoints"]}]}))
    failures = [outcome.failure for outcome in outcomes(FolderRun(fitter, out, exports=()), images, file)]
    assert all("does not specify to which of the 3 images" in failure for failure in failures)


def test_results_of_two_images_do_not_fall_together(images):
    grey_image(images / "g10.bmp", 20)
    jobs, failures = find_jobs(images)
    assert [job.image.name for job in jobs] == ["g10.bmp", "g11.png", "g12.png"]
    assert failures == [Outcome("g10.png", failure="g10.bmp gives results of the same name: rename one")]


def test_invalid_folders_are_rejected(images, tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        find_jobs(images / "g10.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="contains no images"):
        find_jobs(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="no keypoint file or folder"):
        find_jobs(images, tmp_path / "absent")


@pytest.mark.parametrize(
    ("options", "reported"),
    [({"people": 0}, "at least 1, not 0"), ({"focal": -1.0}, "focal length"), ({"focal": np.nan}, "focal")],
)
def test_impossible_settings_are_rejected_at_once(fitter, out, options, reported):
    with pytest.raises(ValueError, match=reported):
        FolderRun(fitter, out, **options)


# Fitting and going on


def test_each_image_is_fitted_once(fitter, images, out):
    run = FolderRun(fitter, out, people=2, exports=("ply",))
    first = outcomes(run, images)
    assert [outcome.image for outcome in first] == ["g10.png", "g11.png", "g12.png"]
    assert not any(outcome.resumed or outcome.failure for outcome in first)
    before = snapshot(out)
    again = outcomes(run, images)
    assert again == [dataclasses.replace(outcome, resumed=True) for outcome in first]
    assert snapshot(out) == before
    assert fitter.fitted == [10, 11, 12]
    person = again[1].people[1]
    result = read_result(out / person.folder)
    assert person.folder == "g11/person1"
    assert person.distance_m == pytest.approx(result.transl[2])
    assert person.reprojection_error_percent == pytest.approx(1.0)
    assert person.warning == ""
    assert (out / person.folder / "mesh.ply").is_file()


def test_warnings_are_in_the_summary(fitter, images, out, monkeypatch):
    make = fitter.make_person
    fitter.make_person = lambda *args, **options: dataclasses.replace(
        make(*args, **options), reprojection_error_px=7.0, notes=("another",)
    )
    done = outcomes(FolderRun(fitter, out, exports=()), images)
    write_summary(out / "summary.csv", done)
    with (out / "summary.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    warning = "2D error of 3.5 % of the person's height: the body may be wrong; another"
    assert [line["warning"] for line in lines] == [warning] * 3
    assert outcomes(FolderRun(fitter, out, exports=()), images)[0].people[0].warning == warning


def change_settings(run, images):
    run.fitter.settings = FitSettings(seed=1)
    return run, images


def change_photo(run, images):
    for path in images.iterdir():
        grey_image(path, 40)
    return run, images


def change_exports(run, images):
    return dataclasses.replace(run, exports=("html",)), images


def change_focal(run, images):
    return dataclasses.replace(run, focal=500.0), images


def omit_hands(run, images):
    return dataclasses.replace(run, hands=False), images


def lose_a_person(run, images):
    for folder in run.out.iterdir():
        shutil.rmtree(folder / "person0")
    return run, images


def damage_the_record(run, images):
    for folder in run.out.iterdir():
        (folder / "done.json").write_text("{")
    return run, images


def put_a_number_for_a_folder(run, images):
    for folder in run.out.iterdir():
        content = json.loads((folder / "done.json").read_text())
        content["people"][0]["folder"] = 3
        (folder / "done.json").write_text(json.dumps(content))
    return run, images


def lose_the_people(run, images):
    for folder in run.out.iterdir():
        (folder / "done.json").write_text("{}")
    return run, images


@pytest.mark.parametrize(
    "change",
    [
        *(change_settings, change_photo, change_exports, change_focal, omit_hands, lose_a_person),
        *(damage_the_record, put_a_number_for_a_folder, lose_the_people),
    ],
)
def test_changed_images_are_fitted_again(fitter, images, out, change):
    run = FolderRun(fitter, out, exports=())
    outcomes(run, images)
    fitter.fitted.clear()
    run, images = change(run, images)
    assert not any(outcome.resumed or outcome.failure for outcome in outcomes(run, images))
    assert len(fitter.fitted) == 3
    assert all(outcome.resumed for outcome in outcomes(run, images))


def test_a_bad_image_is_reported_and_the_others_are_fitted(fitter, images, out):
    grey_image(images / "a.png", 0)
    grey_image(images / "b.png", 1)
    (images / "c.jpg").write_text("no picture")
    (out / "g10" / "person0").mkdir(parents=True)
    (out / "g11").touch()
    reported = {outcome.image: outcome.failure for outcome in outcomes(FolderRun(fitter, out, exports=()), images)}
    assert reported.pop("a.png") == "no person was found"
    assert reported.pop("b.png") == "the detector failed"
    assert "is not a readable image" in reported.pop("c.jpg")
    assert "exists and does not contain a fit" in reported.pop("g10.png")
    assert "File exists" in reported.pop("g11.png")
    assert reported == {"g12.png": None}
    assert not (out / "a").exists()


def test_keypoints_are_read_and_missing_or_bad_ones_reported(fitter, images, out, tmp_path):
    folder = tmp_path / "keypoints"
    folder.mkdir()
    rows = np.concatenate([np.random.default_rng(0).uniform(0, 300, (25, 2)), np.ones((25, 1))], axis=1)
    person = {"pose_keypoints_2d": rows.ravel().tolist()}
    (folder / "g10_keypoints.json").write_text(json.dumps({"people": [person]}))
    (folder / "g11_keypoints.json").write_text(json.dumps({"people": []}))
    done = {outcome.image: outcome for outcome in outcomes(FolderRun(fitter, out, exports=()), images, folder)}
    assert done["g10.png"].failure is None
    assert np.allclose(read_result(out / "g10" / "person0").keypoints.xy[0], rows[:, :2], atol=1e-4)
    assert "the file contains no person" in done["g11.png"].failure
    assert "there is no file" in done["g12.png"].failure


def test_ctrl_c_keeps_finished_images(fitter, images, out):
    grey_image(images / "g11.png", 2)
    run = FolderRun(fitter, out, exports=())
    with pytest.raises(KeyboardInterrupt):
        outcomes(run, images)
    before = snapshot(out)
    assert [path.name for path in out.iterdir()] == ["g10"]
    grey_image(images / "g11.png", 11)
    assert [outcome.resumed for outcome in outcomes(run, images)] == [True, False, False]
    after = snapshot(out)
    assert {name: after[name] for name in before} == before


def test_a_kill_during_a_write_is_repaired(fitter, images, out):
    run = FolderRun(fitter, out, exports=())
    outcomes(run, images)
    (out / "g10" / "done.json").unlink()
    (out / "g10" / ".writing-x").mkdir()
    (out / "g10" / "person0").rename(out / "g10" / ".writing-x" / "old-person0")
    assert [outcome.resumed for outcome in outcomes(run, images)] == [False, True, True]
    assert sorted(path.name for path in (out / "g10").iterdir()) == ["done.json", "person0"]


def test_a_full_disk_stops_the_run_and_a_later_one_resumes(fitter, images, out, monkeypatch):
    run = FolderRun(fitter, out, exports=())

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("numpy.savez", full)
        with pytest.raises(OSError, match="No space left"):
            outcomes(run, images)
    assert not out.exists() or snapshot(out) == {}
    assert not any(outcome.failure for outcome in outcomes(run, images))


# One run at a time


def test_another_process_is_refused_during_a_run(out):
    out.mkdir()
    program = "import sys, filelock as f; l = f.FileLock(sys.argv[1]); l.acquire(); print('held', flush=True); input()"
    command = [sys.executable, "-c", program, str(out / ".fit_folder.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ValueError, match="another run is writing into"), output_lock(out):
            pass
        other.kill()
    with output_lock(out):
        pass


def test_an_output_folder_that_is_a_file(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(ValueError, match="is a file: give a folder as --out"), output_lock(tmp_path / "out"):
        pass


# The summary


def test_the_summary_has_a_line_for_each_person_and_failure(tmp_path):
    people = tuple(PersonSummary(f"b/person{i}", 1.5, 0.5, 300.0, 4.0, 1000.0) for i in range(2))
    failed = Outcome("a.png", failure='no person, "none", was found')
    write_summary(tmp_path / "summary.csv", [Outcome("b.png", people), failed])
    with (tmp_path / "summary.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["image"], line["folder"], line["failure"]) for line in lines] == [
        ("a.png", "", 'no person, "none", was found'),
        ("b.png", "b/person0", ""),
        ("b.png", "b/person1", ""),
    ]
    assert lines[1]["distance_m"] == "4.0"


# What one image does to the others


@pytest.mark.parametrize(
    "error",
    [TypeError("odd"), OverflowError("odd"), SyntaxError("odd"), cv2.error("odd"), KeyError("odd"), MemoryError()],
)
def test_exceptions_of_an_image_are_reported_as_its_failure(fitter, images, out, monkeypatch, error):
    fit = QuickFitter.fit_photo

    def fail(self, photo, **options):
        if photo.rgb[0, 0, 0] == 11:
            raise error
        return fit(self, photo, **options)

    monkeypatch.setattr(QuickFitter, "fit_photo", fail)
    done = outcomes(FolderRun(fitter, out, exports=()), images)
    assert [outcome.failure is None for outcome in done] == [True, False, True]
    assert "\n" not in done[1].failure
    write_summary(out / "summary.csv", done)
    assert len((out / "summary.csv").read_text().splitlines()) == 4


def test_an_image_cannot_take_the_name_of_the_summary_or_lead_elsewhere(fitter, images, out):
    grey_image(images / "summary.csv.png", 50)
    grey_image(images / "results.png", 50)
    reported = {
        outcome.image: outcome.failure for outcome in outcomes(FolderRun(fitter, out, exports=("smplx-pkl",)), images)
    }
    assert "is reserved for the run: rename the image" in reported.pop("summary.csv.png")
    assert "is reserved for the run: rename the image" in reported.pop("results.png")
    assert set(reported.values()) == {None}
    above = FolderRun(fitter, out, exports=()).outcome(Job(images / "...png"))
    assert "results cannot be named '..'" in above.failure
    assert sorted(path.name for path in out.parent.iterdir()) == ["images", "out"]


def test_names_that_are_not_utf_8_are_fitted_and_in_the_summary(fitter, images, out):
    name = os.fsdecode(b"g\xff.png")
    try:
        grey_image(images / name, 50)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    done = outcomes(FolderRun(fitter, out, exports=()), images)
    assert not any(outcome.failure for outcome in done)
    write_summary(out / "summary.csv", done)
    assert r"g\udcff.png,g\udcff/person0" in (out / "summary.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a"])
def test_results_stay_in_their_folder(fitter, out, name):
    with pytest.raises(ValueError, match="results cannot be named"):
        write_fit(out, name, None, [])


def test_results_are_named_after_their_images(tmp_path, monkeypatch):
    (tmp_path / "clip").mkdir()
    monkeypatch.chdir(tmp_path / "clip")
    assert result_name(Path("a.b.png")) == "a.b"
    assert result_name(Path()) == "clip"
    with pytest.raises(ValueError, match="rename"):
        result_name(Path("...png"))
