import csv
import json
import shutil

import numpy as np
import pytest
import torch
import tyro
from PIL import Image

from fitting import folders
from fitting.body.body import Body
from fitting.commands import fit_folder, fit_image
from fitting.inputs.camera import Camera
from fitting.output.folder_lock import output_lock
from fitting.output.results import read_result

pytestmark = pytest.mark.usefixtures("quick")

NAMES = ("a", "b", "c")


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in NAMES:
        Image.new("RGB", (400, 400), "grey").save(folder / f"{name}.png")
    return folder


@pytest.fixture
def keypoints(tmp_path):
    """OpenPose files with a different body pose for each image."""
    folder = tmp_path / "keypoints"
    folder.mkdir()
    body = Body.open()
    orient, transl = torch.tensor([[np.pi, 0.0, 0.0]]).float(), torch.tensor([[0.0, 0.3, 5.0]])
    for seed, name in enumerate(NAMES):
        pose = 0.2 * torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(seed))
        xy = Camera.for_image(400, 400).project(body.landmarks(orient, pose, transl=transl, format="openpose"))[0]
        rows = torch.cat([xy, torch.ones(25, 1)], dim=1)
        content = {"people": [{"pose_keypoints_2d": rows.ravel().tolist()}]}
        (folder / f"{name}_keypoints.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def command(images, keypoints, tmp_path, capsys):
    """Run the demo; return its exit status and output."""

    def run(**options):
        with pytest.raises(SystemExit) as stopped:
            fit_folder.main(images, **{"out": tmp_path / "out", "keypoints": keypoints, **options})
        return stopped.value.code, capsys.readouterr()

    return run


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_fitted_as_its_images_one_by_one(command, images, keypoints, tmp_path, capsys):
    status, printed = command(seed=3, export=("obj", "smplx-pkl"))
    assert status == 0
    assert printed.out == (
        f"3 images fitted (0 of them by earlier runs), 0 failed: see {tmp_path}/out/summary.csv\n"
        "2 have warnings there: large errors, unseen or uncertain parts, or ambiguous keypoints\n"
    )
    assert printed.err == ""
    one = keypoints / "b_keypoints.json"
    fit_image.main(images / "b.png", out=tmp_path / "one", keypoints=one, seed=3, export=("obj", "smplx-pkl"))
    single, together = contents(tmp_path / "one"), contents(tmp_path / "out")
    assert {name: together[name] for name in single if not name.endswith("npz")} == {
        name: content for name, content in single.items() if not name.endswith("npz")
    }
    fits = [read_result(tmp_path / folder / "b" / "person0") for folder in ("one", "out")]
    assert np.array_equal(fits[0].body_pose, fits[1].body_pose)
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["folder"] for line in lines] == ["a/person0", "b/person0", "c/person0"]
    assert float(lines[1]["reprojection_error_px"]) == fits[0].reprojection_error_px


def test_bad_images_are_reported_and_a_rerun_does_the_rest(command, images, keypoints, tmp_path):
    lost = tmp_path / "lost_keypoints.json"
    shutil.move(keypoints / "b_keypoints.json", lost)
    (images / "c.png").write_bytes(b"")
    (keypoints / "d_keypoints.json").write_text("{}")
    status, printed = command()
    assert status == 1
    reported = printed.err.splitlines()
    assert len(reported) == 3
    assert reported[0].startswith("fit_folder: d_keypoints.json: there is no image for these keypoints")
    assert reported[1].startswith("fit_folder: b.png: there is no file")
    assert reported[2].startswith("fit_folder: c.png: ")
    assert printed.out.startswith("1 images fitted (0 of them by earlier runs), 3 failed")
    before = contents(tmp_path / "out" / "a")

    shutil.move(lost, keypoints / "b_keypoints.json")
    (keypoints / "d_keypoints.json").unlink()
    shutil.copy(images / "a.png", images / "c.png")
    status, printed = command()
    assert status == 0
    assert printed.out.startswith("3 images fitted (1 of them by earlier runs), 0 failed")
    assert contents(tmp_path / "out" / "a") == before
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        assert [line["failure"] for line in csv.DictReader(file)] == ["", "", ""]


def test_ctrl_c_loses_nothing(command, tmp_path, monkeypatch):
    outcome = folders.FolderRun.outcome

    def interrupted(run, job):
        if job.name == "b":
            raise KeyboardInterrupt
        return outcome(run, job)

    with monkeypatch.context() as patched:
        patched.setattr(folders.FolderRun, "outcome", interrupted)
        status, printed = command()
    assert status == 130
    assert printed.out.endswith("stopped: run the same command again to resume\n")
    assert len((tmp_path / "out" / "summary.csv").read_text().splitlines()) == 2
    status, printed = command()
    assert status == 0
    assert printed.out.startswith("3 images fitted (1 of them by earlier runs), 0 failed")


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        ({"people": 0}, "the number of people must be at least 1, not 0"),
        ({"focal": 0.0}, "a focal length must be a positive number of pixels"),
        ({"keypoints": "absent"}, "there is no keypoint file or folder"),
        ({"body": "absent.npz"}, "there is no body file"),
    ],
)
def test_impossible_requests_give_one_line_errors(command, tmp_path, options, reported):
    paths = {name: tmp_path / value if isinstance(value, str) else value for name, value in options.items()}
    status, printed = command(**paths)
    assert status == 2
    assert printed.err.startswith(f"fit_folder: {reported}")
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        ({"ray": "local", "subject": "anna"}, "--subject and --subjects need a run without --ray"),
        ({"workers": 2}, "--workers and --no-folders need --ray"),
        ({"folders": False}, "--workers and --no-folders need --ray"),
    ],
)
def test_options_that_contradict_each_other_are_refused(command, tmp_path, options, reported):
    status, printed = command(**options)
    assert status == 2
    assert printed.err.startswith(f"fit_folder: {reported}")
    assert not (tmp_path / "out").exists()


def test_a_second_run_at_the_same_time_is_refused(command, tmp_path):
    with output_lock(tmp_path / "out"):
        status, printed = command()
    assert status == 2
    assert "another run is writing into" in printed.err


def test_help_lists_every_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        tyro.cli(fit_folder.main, args=["--help"], description=fit_folder.__doc__)
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    options = ("--out", "--body", "--keypoints", "--people", "--focal", "--residual", "--seed", "--export", "--device")
    for option in (*options, "summary.csv", "130"):
        assert option in text
