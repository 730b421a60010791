from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.data.amass import read_amass
from qposer.data.build import MIN_CHANGE, distinct, find_recordings, main, read_recording, select, thin
from qposer.data.dataset import PoseDataset

WriteAmass = Callable[..., Path]


@pytest.fixture
def sources(clips: Path, tmp_path: Path) -> Path:
    shutil.copytree(clips, tmp_path / "sources")
    return tmp_path / "sources"


def swing(frames: int, joint: str = "left_knee", degrees: float = 5.0) -> np.ndarray:
    """AMASS poses in which one joint turns by so much each frame."""
    poses = np.zeros((frames, 156))
    poses[:, 3 * JOINT_NAMES.index(joint)] = np.radians(degrees) * np.arange(frames)
    return poses


def test_builds_what_the_dataset_reads(sources: Path, write_amass: WriteAmass, tmp_path: Path) -> None:
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


def test_shape_files_of_amass_are_no_recordings(write_amass: WriteAmass, tmp_path: Path) -> None:
    path = write_amass(swing(3))
    np.savez(path.with_name("shape.npz"), betas=np.zeros(10))
    np.savez(path.with_name("neutral_stagei.npz"), betas=np.zeros(10))
    assert find_recordings([tmp_path, path]) == [path]


def test_both_frames_of_a_jump_are_dropped(write_amass: WriteAmass) -> None:
    poses = swing(10)
    poses[4:, 3 * JOINT_NAMES.index("right_hip") + 1] = np.radians(80)
    clip = select(read_recording(write_amass(poses)))
    assert clip.frame.tolist() == [1, 2, 3, 6, 7, 8, 9, 10]
    assert clip.counts.jumped == 2
    assert clip.faults == ("frame 5: right_hip jumps by 80 degrees",)


def test_a_turn_of_the_whole_circle_is_no_jump(write_amass: WriteAmass) -> None:
    poses = np.zeros((10, 156))
    poses[:, 2] = np.radians(np.arange(10) * 40)
    poses[:, 3 * JOINT_NAMES.index("left_knee")] = np.radians(np.arange(10) * 5)
    assert select(read_recording(write_amass(poses))).counts.jumped == 0


def test_impossible_joints_are_dropped(write_amass: WriteAmass) -> None:
    poses = swing(10)
    poses[:3, 3 * JOINT_NAMES.index("head") + 1] = np.radians(170)
    clip = select(read_recording(write_amass(poses)))
    assert clip.frame.tolist() == [5, 6, 7, 8, 9, 10]
    assert clip.counts == replace(clip.counts, read=10, jumped=2, impossible=2, kept=6)
    assert clip.faults[-1] == "3 frames with an impossible head, first 1"


def test_repeated_frames_are_dropped(write_amass: WriteAmass) -> None:
    poses = np.concatenate([np.zeros((5, 156)), swing(3), swing(3)[::-1]])
    clip = select(read_recording(write_amass(poses)))
    assert clip.frame.tolist() == [1, 7, 8, 10, 11]
    assert clip.counts.repeated == 6


@settings(max_examples=20)
@given(st.lists(st.floats(-0.03, 0.03), min_size=1, max_size=30))
def test_distinct_frames_against_a_plain_loop(steps: list[float]) -> None:
    pose = np.zeros((len(steps), 21, 3))
    pose[:, 4, 0] = np.cumsum(steps)
    pose[:, 9] = [0.3, 0.2, -0.1]
    kept = [0]
    for index in range(1, len(pose)):
        turn = Rotation.from_rotvec(pose[kept[-1], 4]).inv() * Rotation.from_rotvec(pose[index, 4])
        if np.degrees(turn.magnitude()) > MIN_CHANGE + 1e-6:
            kept.append(index)
    assert np.flatnonzero(distinct(pose)).tolist() == kept


def test_a_wrong_rate_can_be_corrected(
    write_amass: WriteAmass, tmp_path: Path, capsys: pytest.CaptureFixture[str]
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


@pytest.mark.parametrize(
    ("rate", "frames", "expected"),
    [
        (120.0, 9, [1, 5, 9]),
        (100.0, 11, [1, 4, 8, 11]),
        (59.94, 5, [1, 3, 5]),
        (30.0003, 4, [1, 2, 3, 4]),
        (24.0, 3, [1, 2, 3]),
    ],
)
def test_frames_nearest_to_the_clock(write_amass: WriteAmass, rate: float, frames: int, expected: list[int]) -> None:
    assert thin(read_amass(write_amass(swing(frames), rate=rate)), 30.0).frames.tolist() == expected
