import sys

import pytest
import torch
import tyro

from benchmarks import intervals
from benchmarks.foreign import report
from benchmarks.foreign.__main__ import main
from benchmarks.foreign.measurements import CONDITIONS, Fits, Plausibility
from benchmarks.foreign.poses import PoseSet
from benchmarks.prior.contenders import QPOSER
from benchmarks.prior.negatives import NEGATIVES


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS", 40)


def some(name, sequences=2):
    return PoseSet(name, torch.zeros(4, 21, 3), torch.arange(4) % sequences)


def scored(poses, real, negatives):
    energy = {"real": real} | dict.fromkeys(NEGATIVES, negatives)
    return Plausibility(poses, {"energy": energy, "gap_mm": {"real": [1.0, 2.0, 1.0, 2.0]}})


def found(fit_names=(QPOSER,)):
    sets = [some("CMU test"), some("theirs")]
    energies = ([0.0, 0.5, 0.2, 2.0], [3.0, 5.0, 4.0, 6.0])
    measured = [scored(one, real, [9.0, 9.0, 4.5, 4.5]) for one, real in zip(sets, energies, strict=True)]
    fitted = [Fits(one, {condition: torch.full((4,), 30.0) for condition in CONDITIONS}) for one in sets]
    return report.Found(
        sets,
        plausibility={QPOSER: measured, "GMM": measured},
        limits={QPOSER: 1.0, "GMM": 4.5},
        drop_in=[torch.full((4,), 10.0), torch.full((4,), 40.0)],
        fits=dict.fromkeys(fit_names, fitted),
    )


def test_sets_stand_side_by_side():
    rows = {row[0]: row[1:] for row in report.tables(found())["QPoser"].rows}
    assert rows["energy, median"] == ["0.20", "4.00"]
    assert [cell.partition(" ")[0] for cell in rows["energy, share below 1"]] == ["0.75", "0.00"]
    assert [cell.partition(" ")[0] for cell in rows["AUROC (b) noise"]] == ["1.000", "0.750"]
    assert rows["reconstruction, mm"][0] == "1.5 [1.0, 2.0]", "sequences are drawn, not poses"
    assert [cell.partition(" ")[0] for cell in rows["drop-in, mm"]] == ["10.0", "40.0"]
    assert rows["fit, legs missing, mm"] == ["30.0 [30.0, 30.0]"] * 2


def test_priors_are_compared_by_separate_limits():
    table = report.tables(found())["All priors"]
    accepted = {row[0]: [cell.partition(" ")[0] for cell in row[1:3]] for row in table.rows}
    assert table.columns[1:3] == ["accepted, CMU test", "accepted, theirs"]
    assert accepted == {QPOSER: ["0.75", "0.00"], "GMM": ["1.00", "0.50"]}


def test_fits_are_compared_where_there_are_several():
    assert "Fits with all priors, PA-MPJPE in mm" not in report.tables(found())
    table = report.tables(found((QPOSER, "GMM")))["Fits with all priors, PA-MPJPE in mm"]
    assert [row[0] for row in table.rows] == [QPOSER, "GMM"]


def test_the_document_states_the_number_of_sequences(tmp_path):
    text = report.write(found(), 7, ["Seed: 0."], tmp_path).read_text()
    assert "over sequences: 2 of CMU test, 2 of theirs." in text
    assert "fits to 7 synthetic photos" in text
    assert "- Seed: 0." in text
    assert "| energy, median | 0.20 | 4.00 |" in text


def test_the_benchmark_is_skipped_without_foreign_poses(tmp_path, monkeypatch, capsys):
    missing = tmp_path / "none.npz"
    monkeypatch.setattr(sys, "argv", ["foreign", "--data", "poses.npz", "--foreign", str(missing)])
    tyro.cli(main)
    assert "skipped" in capsys.readouterr().out


def test_wrong_poses_end_in_one_line(tmp_path, monkeypatch, capsys):
    foreign = tmp_path / "some.npz"
    foreign.write_bytes(b"")
    monkeypatch.setattr(sys, "argv", ["foreign", "--data", str(tmp_path / "none.npz"), "--foreign", str(foreign)])
    with pytest.raises(SystemExit, match="2"):
        tyro.cli(main)
    assert "no such file" in capsys.readouterr().err
