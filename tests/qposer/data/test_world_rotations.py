import numpy as np
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.data.world_rotations import to_local, to_world


def rotations(frames=5):
    return Rotation.random(24 * frames, random_state=0).as_matrix().reshape(frames, 24, 3, 3)


def test_joints_turn_with_all_above_them():
    local = rotations()
    world = to_world(local)
    chain = [JOINT_NAMES.index(name) for name in ("pelvis", "left_hip", "left_knee", "left_ankle", "left_foot")]
    expected = local[:, chain[0]]
    for joint in chain[1:]:
        expected = expected @ local[:, joint]
    np.testing.assert_allclose(world[:, chain[-1]], expected, atol=1e-12)
    np.testing.assert_array_equal(world[:, 0], local[:, 0])


def test_there_and_back():
    local = rotations()
    given = local.copy()
    np.testing.assert_allclose(to_local(to_world(local)), local, atol=1e-12)
    np.testing.assert_array_equal(local, given)
