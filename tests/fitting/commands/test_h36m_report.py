import csv
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fitting.commands.h36m_report import TABLE_WIDTH, console_table, summarise, write_csv, write_markdown
from fitting.evaluation.h36m import FIGURES, RoomCamera, Scores, View
from qposer.data.h36m import Recording


def scored(subject, action, values, camera="1", name=None, frames=None):
    """A view with this value for all metrics."""
    frames = np.arange(len(values)) if frames is None else np.array(frames)
    recording = Recording(Path(f"{name or action}.npz"), subject, action)
    view = View(recording, RoomCamera.at_origin(camera), frames, np.zeros((len(values), 17, 3)))
    figures = {figure: np.array(values, dtype=float) for figure in FIGURES}
    bodies = dict.fromkeys(("global_orient", "body_pose", "betas", "transl"), np.zeros((len(values), 3)))
    return view, Scores(frames=frames, **figures, **bodies)


def test_rows_are_by_subject_and_action_in_the_usual_order():
    actions = [("S11", "Walking"), ("S9", "juggling"), ("S9", "Walking"), ("S9", "Directions"), ("S11", "Directions")]
    rows = summarise(scored(subject, action, [1.0, 2.0]) for subject, action in actions)
    assert [(row.subject, row.action) for row in rows] == [
        *[("S9", "Directions"), ("S9", "Walking"), ("S9", "juggling"), ("S11", "Directions"), ("S11", "Walking")],
        *[("S9", "all"), ("S11", "all"), ("all", "all")],
    ]
    assert [row.fits for row in rows] == [2, 2, 2, 2, 2, 6, 4, 10]


def test_one_subject_has_one_total():
    assert [row.subject for row in summarise([scored("S9", "Eating", [1.0])])] == ["S9", "S9"]


def test_means_and_intervals():
    values = np.random.default_rng(0).normal(50, 10, 400)
    row = summarise([scored("S9", "Eating", values)])[0]
    np.testing.assert_allclose(row.mean, np.full(5, values.mean()))
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose(row.ends[0], values.mean() - half, atol=0.2)
    np.testing.assert_allclose(row.ends[1], values.mean() + half, atol=0.2)


@pytest.mark.parametrize("own_space", [True, False])
def test_views_of_one_moment_count_as_one(own_space):
    """Four views with equal differences carry no more information about other moments than their mean."""
    values = np.random.default_rng(0).normal(50, 10, 100)
    names = [f"Eating.{camera}" if own_space else "Eating" for camera in "1234"]
    four = [
        scored("S9", "Eating", values + shift, camera, name)
        for camera, name, shift in zip("1234", names, (-3, -1, 1, 3), strict=True)
    ]
    one, all_four = summarise([scored("S9", "Eating", values)])[0], summarise(four)[0]
    assert (all_four.moments, all_four.fits) == (100, 400)
    np.testing.assert_allclose(all_four.mean, one.mean)
    np.testing.assert_allclose(all_four.ends, one.ends)


def test_takes_of_one_action_are_joined():
    row = summarise([scored("S9", "Eating", [1.0], name="Eating"), scored("S9", "Eating", [3.0], name="Eating 1")])[0]
    assert (row.moments, row.mean[0]) == (2, 2.0)


def test_files(tmp_path):
    rows = summarise([scored("S9", "Eating", [10.0, 20.0]), scored("S11", "Walking", [30.0])])
    write_csv(tmp_path / "new" / "table.csv", rows)
    with (tmp_path / "new" / "table.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["action"] for row in read] == ["Eating", "Walking", "all", "all", "all"]
    assert float(read[0]["pa_mpjpe_14"]) == 15.0
    assert float(read[0]["pa_mpjpe_14_low"]) == 10.0
    assert float(read[1]["energy_high"]) == 30.0
    write_markdown(tmp_path / "table.md", rows)
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert len(lines) == 2 + len(rows)
    assert {line.count("|") for line in lines} == {9}
    assert lines[2].startswith("| S9 | Eating | 2 | 15.0 [10.0, 20.0] |")


def test_the_console_shows_all_of_the_table(capsys):
    rows = summarise([scored("S9", "WalkingTogether", [123.0, 456.0])])
    Console(width=TABLE_WIDTH).print(console_table(rows, "Human3.6M"))
    shown = capsys.readouterr().out
    assert shown.count("289.5 [123.0, 456.0]") == 8
    assert "289.50 [123.00, 456.00]" in shown
