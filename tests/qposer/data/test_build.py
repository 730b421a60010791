from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qposer.data.build import main
from qposer.data.dataset import PoseDataset

WriteAmass = Callable[..., Path]
Swing = Callable[[int], np.ndarray]


@pytest.fixture
def sources(clips: Path, tmp_path: Path) -> Path:
    shutil.copytree(clips, tmp_path / "sources")
    return tmp_path / "sources"


def test_the_dataset_reads_a_built_file(sources: Path, write_amass: WriteAmass, swing: Swing, tmp_path: Path) -> None:
    out = tmp_path / "new" / "poses.npz"
    assert main([sources, write_amass(swing(4))], out) == 0
    data = PoseDataset.load(out)
    assert len(data) == 6 + 6 + 6 + 4
    assert set(data.subject) == {"02", "07", "indian", "s1"}
    assert set(data.sequence) == {"02_05", "07_01", "07", "walk_poses"}
    assert set(data.source) == {"cmu-asf", "cmu-bvh", "daz-bvh", "smpl"}
    assert data.frame[data.subject == "02"].tolist() == [481, 485, 489, 493, 497, 501]
    assert data.frame[data.subject == "07"].tolist() == [2, 3, 4, 5, 6, 7]
    assert [path.name for path in out.parent.iterdir()] == ["poses.npz"]


def test_damaged_file_is_skipped_and_counted(sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = sources / "07" / "07_02.bvh"
    damaged.write_text((sources / "07" / "07_01.bvh").read_text()[:-200])
    out = tmp_path / "poses.npz"
    assert main([sources], out) == 1
    message = capsys.readouterr().err
    assert f"{damaged}: skipped: the file is damaged (frame 7 has" in message
    assert "1 recordings skipped" in message
    assert len(PoseDataset.load(out)) == 18
    assert main([sources], out, keep_going=True) == 0


def test_nothing_is_written_when_nothing_is_left(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "poses.npz"
    out.write_text("the old one")
    strange = tmp_path / "strange.bvh"
    strange.write_text((sources / "07" / "07_01.bvh").read_text().replace("Hips", "Bip01"))
    assert main([strange], out) == 2
    message = capsys.readouterr().err
    assert "found joints Bip01, LHipJoint" in message
    assert "no pose is left" in message
    assert out.read_text() == "the old one"


@pytest.mark.parametrize(
    ("source", "fps", "message"),
    [("missing", 30, "no such file or folder"), (".", 30, "found no .amc"), ("a.txt", 30, "expected a file of"),
     (".", 0, "expected a number above 0")],
)  # fmt: skip
def test_wrong_arguments(
    tmp_path: Path, source: str, fps: float, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").touch()
    assert main([tmp_path / source], tmp_path / "poses.npz", fps) == 2
    assert message in capsys.readouterr().err
    assert main([], tmp_path / "poses.npz") == 2


def test_exit_status_of_the_command(sources: Path, tmp_path: Path) -> None:
    (sources / "bad.bvh").write_text("HIERARCHY")
    command = [sys.executable, "-m", "qposer.data.build", str(sources), "--out", str(tmp_path / "poses.npz")]
    assert subprocess.run(command, capture_output=True).returncode == 1
    assert (tmp_path / "poses.npz").is_file()


def test_a_wrong_rate_can_be_corrected(
    write_amass: WriteAmass, swing: Swing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = [write_amass(swing(4), rate=60.0), write_amass(swing(4), rate=60.0, subject="s2")]
    out = tmp_path / "poses.npz"
    assert main(sources, out, rates=(("s2", 30.0),)) == 0
    data = PoseDataset.load(out)
    assert data.frame[data.subject == "s1"].tolist() == [1, 3]
    assert data.frame[data.subject == "s2"].tolist() == [1, 2, 3, 4]
    for rates, message in ((("s3", 30.0), "found 's3'"), (("s2", 0.0), "above 0 for s2, found 0.0")):
        assert main(sources, out, rates=(rates,)) == 2
        assert message in capsys.readouterr().err


def test_a_rate_on_the_command_line(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "poses.npz"
    command = [sys.executable, "-m", "qposer.data.build", str(sources), "--out", str(out), "--rates", "indian", "60"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    data = PoseDataset.load(out)
    assert data.frame[data.subject == "indian"].tolist() == [2, 4, 6]
