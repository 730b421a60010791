import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from benchmarks.baselines.mixture import PoseMixture
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS

WEIGHTS = torch.tensor([0.2, 0.5, 0.3])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def gaussians():
    """Means and covariances of three components, in double precision."""
    torch.manual_seed(0)
    means = 0.2 * torch.randn(3, 63, dtype=torch.float64)
    root = 0.03 * torch.randn(3, 63, 63, dtype=torch.float64)
    return means, root @ root.mT + 1e-3 * torch.eye(63)


@pytest.fixture(scope="module")
def prior(gaussians):
    return PoseMixture.of_components(WEIGHTS, *gaussians)


def log_densities(gaussians, poses, numbers=slice(None)):
    """Log densities of some numbers of every pose under every component, by scipy."""
    flat = poses.flatten(1).numpy()[:, numbers]
    columns = []
    for mean, covariance in zip(*(part.numpy() for part in gaussians), strict=True):
        component = multivariate_normal(mean[numbers], covariance[numbers][:, numbers])
        columns.append(component.logpdf(flat).reshape(len(flat)))
    return np.stack(columns, axis=1)


def test_the_energy_is_the_negative_log_likelihood(prior, gaussians):
    poses = 0.3 * torch.randn(5, 21, 3)
    expected = -logsumexp(log_densities(gaussians, poses) + WEIGHTS.log().numpy(), axis=1)
    np.testing.assert_allclose(prior.energy(poses), expected, rtol=1e-4)


def test_the_nearest_energy_is_that_of_one_component_up_to_a_constant(prior, gaussians):
    poses = 0.3 * torch.randn(5, 21, 3)
    expected = -(log_densities(gaussians, poses) + WEIGHTS.log().numpy()).max(axis=1)
    difference = prior.nearest_energy(poses).numpy() - expected
    np.testing.assert_allclose(difference, difference[0], atol=1e-2)


def test_the_nearest_energy_is_the_weight_at_the_narrowest_mean(prior, gaussians):
    narrowest = torch.linalg.slogdet(gaussians[1]).logabsdet.argmin()
    energy = prior.nearest_energy(prior.means[narrowest].reshape(1, 21, 3))
    torch.testing.assert_close(energy, -WEIGHTS[narrowest].log()[None])


@pytest.mark.parametrize("energy", ["energy", "nearest_energy"])
def test_energies_have_exact_gradients(gaussians, energy):
    double = PoseMixture.of_components(WEIGHTS, *gaussians).double()
    pose = (0.3 * torch.randn(1, 21, 3, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(getattr(double, energy), pose)


def test_samples_have_the_moments_of_the_mixture(prior, gaussians):
    means, covariances = gaussians
    samples = prior.sample(40_000, generator()).flatten(1).double()
    mean = WEIGHTS.double() @ means
    centred = means - mean
    covariance = torch.einsum("k,kij->ij", WEIGHTS.double(), covariances + centred[:, :, None] * centred[:, None])
    torch.testing.assert_close(samples.mean(0), mean, atol=0.01, rtol=0)
    torch.testing.assert_close(samples.T.cov(), covariance, atol=0.005, rtol=0)


def test_completions_have_the_conditional_mean(prior, gaussians):
    """The mean of a Gaussian's unknown numbers given the known, by the textbook formula, mixed by responsibility."""
    means, covariances = (part.numpy() for part in gaussians)
    pose = prior.sample(1, generator(1))
    known = torch.arange(21) % 3 != 0
    seen = known.repeat_interleave(3).numpy()
    logits = log_densities(gaussians, pose, seen)[0] + WEIGHTS.log().numpy()
    responsibility = np.exp(logits - logsumexp(logits))
    expected = 0.0
    for k in range(3):
        gain = covariances[k][~seen][:, seen] @ np.linalg.inv(covariances[k][seen][:, seen])
        expected += responsibility[k] * (means[k][~seen] + gain @ (pose.flatten().numpy()[seen] - means[k][seen]))
    completed = prior.complete(pose, known, 20_000, generator(2))
    assert torch.equal(completed[:, :, known], pose[:, known].expand(20_000, -1, -1, -1))
    np.testing.assert_allclose(completed[:, 0, ~known].mean(0).flatten(), expected, atol=0.01)


def test_with_all_joints_known_nothing_changes(prior):
    poses = prior.sample(3, generator())
    everything = torch.ones(21, dtype=torch.bool)
    assert torch.equal(prior.complete(poses, everything, 2, generator()), poses.expand(2, -1, -1, -1))


def test_a_fit_without_weight_follows_the_joints_and_one_with_much_the_prior(prior):
    rest = torch.from_numpy(REST_JOINTS)
    joints = body_joints(axis_angle_to_matrix(0.3 * torch.randn(4, 21, 3)), rest)
    followed, kept = prior.fit_joints(joints, 0.0), prior.fit_joints(joints, 1e3)
    assert (body_joints(axis_angle_to_matrix(followed), rest) - joints).norm(dim=-1).mean() < 0.005
    assert prior.energy(kept).max() < prior.energy(followed).min()


def test_saved_and_read_back(prior, tmp_path):
    prior.save(tmp_path / "best.safetensors")
    again = PoseMixture.from_pretrained(tmp_path / "best.safetensors")
    poses = torch.randn(3, 21, 3)
    assert torch.equal(again.energy(poses), prior.energy(poses))


def test_a_file_of_another_kind_is_reported(tmp_path):
    (tmp_path / "best.safetensors").write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a safetensors file"):
        PoseMixture.from_pretrained(tmp_path / "best.safetensors")
