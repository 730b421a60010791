"""The evaluation's command line, with fits of a few steps; the metrics have their own tests."""

import csv
import json

import numpy as np
import pytest

import fitting.evaluation.h36m
from qposer.data.h36m import positions_of_angles

pytestmark = pytest.mark.usefixtures("quick", "random_prior")


@pytest.fixture
def recordings(tmp_path):
    """S9 as text and S11 as an archive, 65 frames each; two frames are fitted."""
    folder = tmp_path / "h36m"
    for subject in ("S9", "S11"):
        (folder / subject).mkdir(parents=True)
    angles = np.zeros((65, 99))
    angles[:, 9] = 0.01 * np.arange(65)
    np.savetxt(folder / "S9" / "walking_1.txt", angles, delimiter=",")
    np.savez(folder / "S11" / "Photo.npz", positions=positions_of_angles(np.zeros((65, 32, 3)), np.zeros((65, 3))))
    return folder


def test_a_folder(run, recordings, tmp_path):
    out, table, page = (tmp_path / name for name in ("out", "table.csv", "table.md"))
    shown = run("evaluate_h36m", recordings, "--out", out, "--csv", table, "--markdown", page)
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*.npz"))
    assert written == sorted(f"{name}.view{i}.npz" for name in ("S9/walking_1", "S11/Photo") for i in (1, 2, 3, 4))
    with table.open(newline="") as file:
        rows = [(row["subject"], row["action"], row["fits"]) for row in csv.DictReader(file)]
    assert rows == [
        *[("S9", "Walking", "8"), ("S11", "TakingPhoto", "8")],
        *[("S9", "all", "8"), ("S11", "all", "8"), ("all", "all", "16")],
    ]
    for word in ("every 64. frame, synthetic cameras", "PA-MPJPE 14", "TakingPhoto", "energy"):
        assert word in shown
    assert "| S9 | Walking | 8 |" in page.read_text()


def test_an_interrupted_run_continues(run, recordings, tmp_path, monkeypatch):
    out, evaluate, done = tmp_path / "out", fitting.evaluation.h36m.evaluate, []

    def interrupted(fitter, view, *rest):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(view.name)
        return evaluate(fitter, view, *rest)

    monkeypatch.setattr(fitting.evaluation.h36m, "evaluate", interrupted)
    with pytest.raises(SystemExit, match="130"):
        run("evaluate_h36m", recordings, "--out", out)
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")}
    assert len(kept) == 3

    again = []
    monkeypatch.setattr(
        fitting.evaluation.h36m, "evaluate", lambda f, view, *rest: again.append(view.name) or evaluate(f, view, *rest)
    )
    whole = run("evaluate_h36m", recordings, "--out", out)
    assert len(again) == 5
    assert not set(again) & set(done)
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in out.rglob("*")}.items()
    assert run("evaluate_h36m", recordings, "--out", out) == whole
    assert len(again) == 5


def test_results_of_other_settings_are_not_mixed(run, refused, recordings, tmp_path):
    run("evaluate_h36m", recordings, "--out", tmp_path / "out")
    for change in (("--every", "32"), ("--seed", "1")):
        reported = refused("evaluate_h36m", recordings, "--out", tmp_path / "out", *change)
        assert "belongs to other frames, cameras, weights or settings: give another --out" in reported


def test_some_subjects_and_actions(run, refused, recordings, tmp_path):
    out = tmp_path / "out"
    run("evaluate_h36m", recordings, "--out", out, "--subjects", "S11", "--actions", "TakingPhoto")
    assert {path.parent.name for path in out.rglob("*.npz")} == {"S11"}
    reported = refused("evaluate_h36m", recordings, "--actions", "Eating")
    assert "no recording of Eating: expected one of TakingPhoto, Walking" in reported
    assert "no recording of S5" in refused("evaluate_h36m", recordings, "--subjects", "S5")


def test_cameras_of_a_file_are_read(run, refused, recordings, tmp_path):
    cameras = tmp_path / "cameras.json"
    own = {"R": [[1, 0, 0], [0, -1, 0], [0, 0, -1]], "t": [0, 0, 5000], "focal": 1145, "centre": [500, 500]}
    cameras.write_text(json.dumps({"S9": {"54138969": own}, "S11": {"54138969": own}}))
    shown = run("evaluate_h36m", recordings, "--out", tmp_path / "out", "--cameras", cameras)
    assert "cameras.json" in shown
    assert (tmp_path / "out" / "S9" / "walking_1.54138969.npz").exists()
    assert "no camera file" in refused("evaluate_h36m", recordings, "--cameras", tmp_path / "absent.json")


def test_a_damaged_file_is_reported_and_the_others_are_processed(run, recordings, tmp_path, capsys):
    (recordings / "S9" / "eating_1.txt").write_text("1,2,3")
    with pytest.raises(SystemExit) as stopped:
        run("evaluate_h36m", recordings, "--out", tmp_path / "out")
    assert stopped.value.code == 1
    reported = capsys.readouterr()
    assert reported.err.count("\n") == 2
    assert "eating_1.txt: expected 99 numbers per line, found 3" in reported.err
    assert "skipped 1 of 3 recordings" in reported.err
    assert "TakingPhoto" in reported.out
    assert len(list((tmp_path / "out").rglob("*.npz"))) == 8


def test_folders_without_readable_files_are_reported(run, tmp_path, capsys):
    (tmp_path / "S9").mkdir()
    (tmp_path / "S9" / "walking_1.txt").touch()
    with pytest.raises(SystemExit) as stopped:
        run("evaluate_h36m", tmp_path, "--out", tmp_path / "out")
    assert stopped.value.code == 1
    assert capsys.readouterr().out == ""


def test_bad_options(refused, recordings, tmp_path):
    assert "must be at least 1, not 0 and 64" in refused("evaluate_h36m", recordings, "--every", "0")
    assert "no folder or file" in refused("evaluate_h36m", tmp_path / "absent")
    (tmp_path / "file").touch()
    assert "give a folder as --out" in refused("evaluate_h36m", recordings, "--out", tmp_path / "file")


def test_help_lists_where_the_data_come_from(run, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("evaluate_h36m", "--help")
    assert stopped.value.code == 0
    reported = capsys.readouterr().out
    for word in ("vision.imar.ro/human3.6m", "forbids redistribution", "pip install cdflib", "--cameras", "--every"):
        assert word in reported
