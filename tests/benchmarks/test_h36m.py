import numpy as np
import torch

from benchmarks.h36m import synthetic_recording
from fitting.body.body import Body
from qposer.data.h36m import JOINTS_17, read_positions


def test_synthetic_bodies_are_recordings(tmp_path):
    poses = torch.zeros(2, 21, 3)
    positions = synthetic_recording(Body.open(), poses, 4, torch.Generator().manual_seed(0))
    np.savez(tmp_path / "Walking.npz", positions=positions)
    joints = read_positions(tmp_path / "Walking.npz")[:, JOINTS_17]
    assert (joints[:, 10, 2] - joints[:, 3, 2] > 1.2).all(), "heads are above ankles, z is up"
    assert np.ptp(joints[:, 0, :2], axis=0).min() > 0.1, "people are here and there"
    bones = np.linalg.norm(joints[:, 2] - joints[:, 1], axis=-1)
    np.testing.assert_allclose(bones, bones[0], rtol=1e-4)
    again = synthetic_recording(Body.open(), poses, 4, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(positions, again)
