import pytest
import torch

from benchmarks.prior.poses import Poses, drawn


def test_quick_poses_are_poses_of_two_sides():
    poses = Poses.quick()
    assert poses.train.shape == poses.test.shape == (256, 21, 3)
    assert torch.isfinite(poses.test).all()
    assert 0.05 < poses.test.norm(dim=-1).mean() < 1.0
    assert not torch.equal(poses.train, poses.test)


def test_drawn_poses_are_different_ones():
    poses = torch.arange(20.0)[:, None, None].expand(-1, 21, 3)
    chosen = drawn(poses, 12, torch.Generator().manual_seed(0))[:, 0, 0]
    assert len(chosen.unique()) == 12


def test_draws_are_limited_to_the_number_of_poses():
    assert len(drawn(torch.zeros(5, 21, 3), 12, torch.Generator().manual_seed(0))) == 5


def test_missing_poses_are_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        Poses.load(tmp_path / "poses.npz")
