import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from benchmarks.foreign.poses import PoseSet, cmu_poses, foreign_poses
from qposer.data.smpl_poses import read_smpl


def write_poses(path, up="y", frames=6):
    """Upright poses of two sequences."""
    pose = np.zeros((frames, 24, 3), np.float32)
    pose[:, 1:, 0] = np.arange(frames)[:, None] / 10
    turned = Rotation.from_rotvec(np.outer(np.arange(frames), [0, 1, 0]))
    if up == "z":
        turned = Rotation.from_euler("x", 90, degrees=True) * turned
    pose[:, 0] = turned.as_rotvec()
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, pose=pose, sequence=np.array(["walk"] * (frames - 2) + ["jump"] * 2))
    return pose


@pytest.mark.parametrize("up", ["y", "z"])
def test_foreign_poses_become_y_up(tmp_path, up):
    write_poses(tmp_path / "poses.npz", up)
    pose, sequence = read_smpl(tmp_path / "poses.npz")
    turned = Rotation.from_rotvec(pose[:, 0]).apply([0.0, 1.0, 0.0])
    np.testing.assert_allclose(turned, np.tile([0.0, 1.0, 0.0], (6, 1)), atol=1e-6)
    assert sequence.tolist() == ["walk"] * 4 + ["jump"] * 2


def test_a_set_has_the_body_pose_and_the_name_of_its_folder(tmp_path):
    pose = write_poses(tmp_path / "theirs" / "poses.npz")
    found = foreign_poses(tmp_path / "theirs" / "poses.npz")
    assert found.name == "theirs"
    np.testing.assert_array_equal(found.body_pose.numpy(), pose[:, 1:22])
    assert found.sequence.tolist() == [1, 1, 1, 1, 0, 0]


def test_poses_are_drawn_evenly_over_sequences():
    sequence = torch.tensor([0] * 50 + [1] * 5 + [2] * 2)
    poses = PoseSet("", torch.arange(57.0)[:, None, None].expand(-1, 21, 3), sequence)
    few = poses.evenly(12, torch.Generator().manual_seed(0))
    assert few.sequence.bincount().tolist() == [5, 5, 2]
    assert len(few.body_pose[:, 0, 0].unique()) == 12
    assert torch.equal(sequence[few.body_pose[:, 0, 0].long()], few.sequence)
    again, other = (poses.evenly(12, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(few.body_pose, again.body_pose)
    assert not torch.equal(few.body_pose, other.body_pose)
    assert len(poses.evenly(100, torch.Generator().manual_seed(0))) == 57


def test_cmu_poses_are_those_of_one_side(tmp_path):
    pose = np.zeros((4, 24, 3), np.float32)
    pose[:, 1, 0] = [1, 2, 3, 4]
    np.savez(
        tmp_path / "poses.npz",
        pose=pose,
        subject=np.array(["01", "02", "01", "09"]),
        sequence=np.array(["01_01", "02_01", "01_02", "09_01"]),
        frame=np.arange(4, dtype=np.int32),
        source=np.array(["cmu-asf"] * 4),
    )
    found = cmu_poses(tmp_path / "poses.npz", "test")
    assert found.name == "CMU test"
    assert found.body_pose[:, 0, 0].tolist() == [1, 3, 4]
    assert found.sequence.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "arrays",
    [
        {"pose": np.zeros((2, 24, 3))},
        {"pose": np.zeros((2, 22, 3)), "sequence": np.array(["a", "b"])},
        {"pose": np.zeros((2, 24, 3)), "sequence": np.array(["a"])},
        {"pose": np.full((2, 24, 3), np.nan), "sequence": np.array(["a", "b"])},
        {"pose": np.zeros((2, 24, 3), int), "sequence": np.array(["a", "b"])},
    ],
)
def test_other_files_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "poses.npz", **arrays)
    with pytest.raises(ValueError, match="expected"):
        read_smpl(tmp_path / "poses.npz")


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="there are no poses"):
        read_smpl(tmp_path / "none.npz")
