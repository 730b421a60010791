import torch

from benchmarks.completion_bound import PartRegressor, Setting, errors_mm, known_joints, positions, train
from benchmarks.prior.completion import PARTS, moved_joints
from benchmarks.prior.poses import Poses
from qposer.body_pose.rotations import axis_angle_to_matrix

SMALL = Setting(hidden=0.0, dropout=0.0, width=32, steps=200, batch_size=32, learning_rate=1e-2, validate_every=50)


def rotations(number=64, seed=0):
    return axis_angle_to_matrix(0.3 * torch.randn(number, 21, 3, generator=torch.Generator().manual_seed(seed)))


def test_unseen_joints_are_ignored():
    for part in PARTS:
        torch.manual_seed(0)
        network = PartRegressor(part, rotations(), SMALL, torch.Generator()).eval()
        one, other = rotations(8, 1), rotations(8, 2)
        other[:, known_joints(part)] = one[:, known_joints(part)]
        torch.testing.assert_close(network(one), network(other))
        assert network(one).shape == (8, len(moved_joints(part)), 3)


def test_a_regressor_learns_from_the_visible_joints():
    """Legs that follow from the spine are found, nearer than their mean is."""
    pose = torch.zeros(600, 21, 3)
    lean = torch.randn(600, generator=torch.Generator().manual_seed(0))
    pose[:, 2, 0], pose[:, 0, 0], pose[:, 1, 0] = 0.3 * lean, 0.4 * lean, 0.4 * lean
    poses = Poses(pose[:400], pose[400:500], pose[500:], "")
    network, validation = train("legs", poses, SMALL)
    matrices = axis_angle_to_matrix(poses.test)
    legs = 1000 * positions(matrices)[:, network.joints]
    spread = (legs - legs.mean(0)).norm(dim=-1).mean()
    assert errors_mm(network, matrices).mean() < 0.5 * spread
    assert validation < 0.5 * spread
