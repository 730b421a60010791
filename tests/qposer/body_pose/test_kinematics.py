import torch
from hypothesis import given
from hypothesis import strategies as st

from qposer.body_pose.kinematics import body_joints, forward_kinematics, mirror_body_pose, tree_levels
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import MIRROR, PARENTS, REST_JOINTS

REST = torch.from_numpy(REST_JOINTS).double()


def random_rotations(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return axis_angle_to_matrix(torch.randn(*shape, 3, generator=generator, dtype=torch.float64))


def naive_forward_kinematics(rotations, rest):
    world, position = [rotations[0]], [rest[0]]
    for joint in range(1, len(rotations)):
        parent = PARENTS[joint]
        position.append(position[parent] + world[parent] @ (rest[joint] - rest[parent]))
        world.append(world[parent] @ rotations[joint])
    return torch.stack(world), torch.stack(position)


def test_levels_hold_every_joint_once_after_its_parent():
    seen = {0}
    for level in tree_levels(24):
        assert {PARENTS[joint] for joint in level} <= seen
        seen |= set(level)
    assert seen == set(range(24))


@given(st.integers(0, 1000), st.sampled_from([22, 24]))
def test_forward_kinematics_is_the_naive_one(seed, joints):
    rotations = random_rotations(seed, joints)
    world, position = forward_kinematics(rotations, REST[:joints])
    expected_world, expected_position = naive_forward_kinematics(rotations, REST[:joints])
    torch.testing.assert_close(world, expected_world)
    torch.testing.assert_close(position, expected_position)


def test_any_batch_shape():
    rotations = random_rotations(0, 2, 3, 24)
    _, position = forward_kinematics(rotations, REST)
    torch.testing.assert_close(position[1, 2], forward_kinematics(rotations[1, 2], REST)[1])


@given(st.integers(0, 1000))
def test_a_mirrored_pose_has_mirrored_joints(seed):
    pose = random_rotations(seed, 21)
    symmetric = REST - REST[0]
    expected = body_joints(pose, symmetric)[list(MIRROR[:22])] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(body_joints(mirror_body_pose(pose), symmetric), expected, atol=1e-6, rtol=0)


@given(st.integers(0, 1000))
def test_mirroring_twice_changes_nothing(seed):
    pose = random_rotations(seed, 5, 21)
    assert torch.equal(mirror_body_pose(mirror_body_pose(pose)), pose)
