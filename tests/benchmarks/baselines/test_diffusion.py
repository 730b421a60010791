import pytest
import torch

from benchmarks.baselines.diffusion import PoseDiffusion, PoseDiffusionConfig
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS

MEAN, SPREAD = 0.2, 0.3


class UnitGaussian(torch.nn.Module):
    """The exact denoiser of a Gaussian in which all numbers of a pose are equal up to fixed signs.

    Poses are ``signs * u + 0.1 * noise`` with ``u`` of the unit Gaussian, so that known joints determine the unknown.
    """

    def __init__(self):
        super().__init__()
        self.direction = torch.where(torch.arange(63) % 2 == 0, 1.0, -1.0) / 63**0.5

    def forward(self, noisy, noise_level):
        variance = noise_level[..., :1].square()
        flat = noisy.flatten(-2)
        along = (flat @ self.direction)[..., None] * self.direction
        narrow, wide = 0.01, 63.01
        clean = along * wide / (wide + variance) + (flat - along) * narrow / (narrow + variance)
        return clean.unflatten(-1, noisy.shape[-2:])

    def draw(self, n):
        flat = 63**0.5 * torch.randn(n, 1) * self.direction + 0.1 * torch.randn(n, 63)
        return MEAN + SPREAD * flat.unflatten(-1, (21, 3))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def prior():
    torch.manual_seed(0)
    prior = PoseDiffusion(PoseDiffusionConfig(width=16, depth=1))
    prior.mean.fill_(MEAN)
    prior.scale.fill_(SPREAD)
    prior.denoiser = UnitGaussian()
    return prior.eval().requires_grad_(False)


def test_standardising_survives_a_round_trip(prior):
    poses = torch.randn(4, 21, 3)
    torch.testing.assert_close(prior.unstandardise(prior.standardise(poses)), poses)
    torch.testing.assert_close(prior.standardise(poses), (poses - MEAN) / SPREAD)


def test_samples_follow_the_distribution_of_the_denoiser(prior):
    samples, truth = prior.sample(2000, generator()).flatten(1), prior.denoiser.draw(2000).flatten(1)
    torch.testing.assert_close(samples.mean(0), truth.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(samples.T.cov(), truth.T.cov(), atol=0.02, rtol=0)


def test_mixed_poses_have_a_higher_energy(prior):
    poses = prior.denoiser.draw(100)
    mixed = torch.cat([poses[:, :10], poses.roll(1, 0)[:, 10:]], dim=1)
    assert (prior.energy(poses) < prior.energy(mixed)).float().mean() > 0.9


def test_the_energy_of_a_pose_is_independent_and_reproducible(prior):
    poses = prior.denoiser.draw(5)
    torch.testing.assert_close(prior.energy(poses)[1:2], prior.energy(poses[1:2]))
    assert torch.equal(prior.energy(poses), prior.energy(poses))


def test_completions_agree_with_the_known_joints(prior):
    poses = prior.denoiser.draw(50)
    known = torch.arange(21) < 12
    completed = prior.complete(poses, known, 3, generator())
    assert completed.shape == (3, 50, 21, 3)
    assert torch.equal(completed[:, :, known], poses[:, known].expand(3, -1, -1, -1))
    assert (completed - poses).abs().mean() < 0.25 * (poses.roll(1, 0) - poses).abs().mean()


def test_completions_ignore_unknown_joints(prior):
    poses = prior.denoiser.draw(4)
    known = torch.arange(21) < 12
    other = torch.where(known[:, None], poses, torch.zeros(()))
    assert torch.equal(prior.complete(poses, known, 2, generator()), prior.complete(other, known, 2, generator()))


def test_a_fit_is_nearer_to_the_truth_with_the_prior_than_without(prior):
    rest = torch.from_numpy(REST_JOINTS)
    poses = prior.denoiser.draw(20)
    joints = body_joints(axis_angle_to_matrix(poses), rest)
    noisy = joints + 0.05 * torch.randn(joints.shape)
    errors = {
        weight: (body_joints(axis_angle_to_matrix(prior.fit_joints(noisy, weight)), rest) - joints).norm(dim=-1).mean()
        for weight in (0.0, 10.0)
    }
    assert errors[10.0] < 0.7 * errors[0.0]


def test_saved_and_read_back(tmp_path):
    torch.manual_seed(0)
    prior = PoseDiffusion(PoseDiffusionConfig(width=16, depth=1)).eval()
    prior.save(tmp_path / "best.safetensors")
    again = PoseDiffusion.from_pretrained(tmp_path / "best.safetensors")
    poses = torch.randn(3, 21, 3)
    torch.testing.assert_close(again.energy(poses), prior.energy(poses))
