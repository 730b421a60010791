import numpy as np
import pytest
import torch

from qposer.hands.dataset import HandDataset, split_of_clip, split_of_poses


def test_a_clip_is_split_into_blocks_with_gaps():
    splits = split_of_clip(100).tolist()
    runs = [name for name, before in zip(splits, ["", *splits], strict=False) if name != before]
    assert runs == ["train", "gap", "validation", "gap", "test"]
    assert splits.count("test") == 14
    assert splits.count("train") == 69


def test_every_fifth_pose_is_held_out():
    splits = split_of_poses(10)
    assert np.nonzero(splits == "test")[0].tolist() == [2, 7]
    assert np.nonzero(splits == "validation")[0].tolist() == [3, 8]


def test_poses_come_back_by_source_and_split(tmp_path):
    data = HandDataset(
        torch.arange(4 * 45.0).view(4, 15, 3),
        np.array(["a", "b", "a", "a"]),
        np.array(["x", "y", "x", "z"]),
        np.array(["train", "train", "test", "train"]),
    )
    data.save(tmp_path / "hands.npz")
    again = HandDataset.load(tmp_path / "hands.npz")
    train = again.of("train")
    assert list(train) == ["a", "b"]
    assert torch.equal(train["a"], data.pose[[0, 3]])
    assert list(again.of("test")) == ["a"]
    assert again.of("validation") == {}


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m qposer.hands.build"):
        HandDataset.load(tmp_path / "none.npz")
    np.savez(tmp_path / "bodies.npz", pose=np.zeros((2, 24, 3), np.float32))
    with pytest.raises(ValueError, match="expected pose, source, label, split"):
        HandDataset.load(tmp_path / "bodies.npz")
