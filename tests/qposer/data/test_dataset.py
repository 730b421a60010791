from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from qposer.data.dataset import PoseDataset, split

COLUMNS = {
    "pose": np.arange(3 * 24 * 3, dtype=np.float32).reshape(3, 24, 3),
    "subject": np.array(["01", "02", "08"]),
    "sequence": np.array(["01_01", "02_01", "08_01"]),
    "frame": np.array([1, 5, 9], dtype=np.int32),
    "source": np.array(["cmu-asf", "cmu-asf", "cmu-bvh"]),
}


def save(path: Path, **changed: np.ndarray | None) -> Path:
    columns = {name: value for name, value in {**COLUMNS, **changed}.items() if value is not None}
    np.savez(path, **columns)
    return path


def test_load_and_split(tmp_path: Path) -> None:
    data = PoseDataset.load(save(tmp_path / "poses.npz"))
    assert len(data) == 3
    for index, name in enumerate(("test", "train", "validation")):
        assert split(data.subject[index]) == name
        torch.testing.assert_close(data.body_pose(name), torch.from_numpy(COLUMNS["pose"][[index], 1:22]))
    torch.testing.assert_close(data.body_pose("all"), torch.from_numpy(COLUMNS["pose"][:, 1:22]))
    torch.testing.assert_close(data.poses("test"), torch.from_numpy(COLUMNS["pose"][:1]))


def test_split_without_poses(tmp_path: Path) -> None:
    data = PoseDataset.load(save(tmp_path / "poses.npz", subject=np.array(["02", "02", "08"])))
    with pytest.raises(ValueError, match="no poses of the test subjects; found only subjects 02, 08"):
        data.body_pose("test")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pose": None}, "has no pose"),
        ({"source": None, "frame": None}, "has no frame, source"),
        ({"pose": np.zeros((3, 21, 3), np.float32)}, r"found float32 \(3, 21, 3\)"),
        ({"pose": np.zeros((3, 24, 3))}, "found float64"),
        ({"pose": np.zeros((0, 24, 3), np.float32)}, "found float32"),
        ({"pose": np.full((3, 24, 3), np.nan, np.float32)}, "not finite"),
        ({"frame": np.zeros(2, np.int32)}, r"expected 3 values of frame, found \(2,\)"),
        ({"subject": np.array(["01", None, "02"])}, "plain arrays"),
    ],
)
def test_other_files_are_rejected(tmp_path: Path, changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PoseDataset.load(save(tmp_path / "poses.npz", **changed))


def test_no_file_and_no_archive(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m qposer.data.build"):
        PoseDataset.load(tmp_path / "poses.npz")
    (tmp_path / "text.npz").write_text("poses")
    with pytest.raises(ValueError, match="expected an npz archive"):
        PoseDataset.load(tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", COLUMNS["pose"])
    with pytest.raises(ValueError, match="expected an npz archive"):
        PoseDataset.load(tmp_path / "one.npy")
