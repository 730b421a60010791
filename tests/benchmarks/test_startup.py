import subprocess
from pathlib import Path

import pytest

from benchmarks import startup
from benchmarks.startup import DETECTOR, FIT, TORCH, help_commands, main, measure, photo_commands, table, verdict


def test_commands_take_turns(monkeypatch):
    lines = []
    monkeypatch.setattr(subprocess, "run", lambda line, **_: lines.append(line[1:]))
    clock = iter(range(100))
    monkeypatch.setattr(startup.time, "perf_counter", lambda: next(clock) ** 2)
    seconds = measure({"one": ["-c", "1"], "two": ["-c", "2"]}, rounds=2)
    assert lines == [["-c", "1"], ["-c", "2"]] * 2
    assert seconds == {"one": [1, 9], "two": [5, 13]}


def test_a_command_that_fails_is_not_timed():
    with pytest.raises(subprocess.CalledProcessError):
        measure({"broken": ["-c", "raise SystemExit(3)"]}, rounds=1)


def test_every_demo_is_asked_for_help():
    names = {name.split()[0] for name in help_commands()}
    assert names >= {
        f"demos/{name}.py" for name in ("complete", "edit", "fit_folder", "fit_image", "fit_video", "studio")
    }
    assert "demos/sheets.py" not in names
    assert not help_commands().keys() & photo_commands(Path("photo.jpg"), Path("out")).keys()


def test_medians_are_shown():
    assert table({"a": [3.0, 1.0, 8.0]}).rows == [["a", "3.00 [1.00, 8.00]"]]


def test_the_detector_is_left_out_of_the_ratio():
    conclusion = verdict({TORCH: 2.0, DETECTOR: 1.0, FIT: 5.0})
    assert conclusion.startswith("A fit takes 5.00 s; 2.5 times importing torch plus the detector are 6.00 s.")
    assert conclusion.endswith("it takes 2.0 times as long as importing torch.")


def test_the_page_has_every_command(tmp_path, monkeypatch):
    monkeypatch.setattr(startup, "measure", lambda commands, rounds: {name: [1.0] * rounds for name in commands})
    main(rounds=2, out=tmp_path)
    page = (tmp_path / "startup.md").read_text()
    assert f"`python -m benchmarks.startup --rounds 2 --out {tmp_path}`" in page
    for name in (*photo_commands(Path("photo.jpg"), tmp_path), *help_commands()):
        assert f"| {name} | 1.00 [1.00, 1.00] |" in page


def test_no_rounds(capsys):
    with pytest.raises(SystemExit):
        main(rounds=0)
    assert "0 rounds are too few" in capsys.readouterr().err
