import math

import pytest
import torch

from benchmarks.prior.negatives import HINGES, NEGATIVES, flexion, mixed_parts, noisy, random_rotations, wrong_bends
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.control.edits import joints_of


def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def poses():
    return 0.3 * torch.randn(200, 21, 3, generator=generator())


def turned(poses, others):
    return geodesic_angle(axis_angle_to_matrix(poses), axis_angle_to_matrix(others))


def test_parts_of_mixed_poses_are_whole_and_come_from_different_poses(poses):
    mixed = mixed_parts(poses, generator())
    parts = [joints_of(part) for part in (["left_arm"], ["right_arm"], ["left_leg"], ["right_leg"], ["torso", "head"])]
    assert sorted(joint for part in parts for joint in part) == list(range(21))
    donors = [(mixed[:, None, part] == poses[None, :, part]).all((-1, -2)).float().argmax(1) for part in parts]
    for part, donor in zip(parts, donors, strict=True):
        assert torch.equal(mixed[:, part], poses[donor][:, part])
    assert (torch.stack(donors) == donors[0]).all(0).float().mean() < 0.1


def test_codes_can_be_mixed_like_poses():
    codes = torch.arange(10 * 21 * 4).reshape(10, 21, 4)
    assert torch.equal(mixed_parts(codes, generator()).sort(0).values, codes)


def test_noise_turns_three_joints_by_20_degrees(poses):
    angles = turned(noisy(poses, generator()), poses).rad2deg()
    assert ((angles > 1).sum(1) == 3).all()
    torch.testing.assert_close(angles[angles > 1], torch.full((600,), 20.0), atol=0.1, rtol=0)


def test_one_hinge_of_each_pose_bends_the_wrong_way(poses):
    bent = wrong_bends(poses, generator())
    changed = turned(bent, poses) > 1e-2
    assert (changed.sum(1) == 1).all()
    for name in HINGES:
        (joint,) = joints_of(name)
        angles = flexion(bent[changed[:, joint]], name).rad2deg()
        assert len(angles) > 20
        assert ((angles < -29.9) & (angles > -90.1)).all()


def test_flexion_is_the_angle_about_the_hinge():
    poses = torch.zeros(1, 21, 3)
    poses[0, joints_of("left_elbow")[0]] = torch.tensor([0.0, -math.radians(70), 0.0])
    assert flexion(poses, "left_elbow").rad2deg().item() == pytest.approx(70, abs=1e-3)


def test_random_rotations_stay_within_60_degrees(poses):
    angles = random_rotations(poses, generator()).norm(dim=-1).rad2deg()
    assert angles.max() <= 60.001
    assert angles.mean() == pytest.approx(30, abs=1)


@pytest.mark.parametrize("kind", NEGATIVES)
def test_equal_seeds_give_equal_negatives_and_poses_stay(poses, kind):
    before = poses.clone()
    assert torch.equal(NEGATIVES[kind](poses, generator()), NEGATIVES[kind](poses, generator()))
    assert torch.equal(poses, before)
