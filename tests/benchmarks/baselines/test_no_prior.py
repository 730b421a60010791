import torch

from benchmarks.baselines.descent import descend, joint_distances
from benchmarks.baselines.no_prior import NoPrior
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS


def test_descending_finds_the_lowest_point_of_each_member():
    lowest = torch.tensor([[1.0, -2.0], [0.3, 0.0], [5.0, 4.0]])
    found = descend(torch.zeros(3, 2), lambda x, done: (x - lowest).square().sum(-1), steps=300, learning_rate=0.1)
    torch.testing.assert_close(found, lowest, atol=1e-2, rtol=0)


def test_an_objective_receives_the_progress():
    reported = []
    descend(torch.zeros(1, 1), lambda x, done: reported.append(done) or x.square().sum(-1), steps=4, learning_rate=0.1)
    assert reported == [0.0, 0.25, 0.5, 0.75]


def test_the_gap_is_in_squared_decimetres():
    rotations = axis_angle_to_matrix(0.3 * torch.randn(2, 21, 3))
    joints = body_joints(rotations, torch.from_numpy(REST_JOINTS))
    joints[1, 5] += torch.tensor([0.3, 0.0, 0.4])
    torch.testing.assert_close(joint_distances(rotations, joints), torch.tensor([0.0, 25.0]))


def test_without_weight_joints_are_matched_and_with_much_the_pose_stays():
    rest = torch.from_numpy(REST_JOINTS)
    joints = body_joints(axis_angle_to_matrix(0.3 * torch.randn(2, 21, 3)), rest)
    matched, kept = NoPrior().fit_joints(joints, 0.0), NoPrior().fit_joints(joints, 1e4)
    assert (body_joints(axis_angle_to_matrix(matched), rest) - joints).norm(dim=-1).mean() < 0.005
    assert NoPrior().energy(kept).max() < 0.01 * NoPrior().energy(matched).min()
