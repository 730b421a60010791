import pytest
import torch

from benchmarks.baselines.vposer import VPoser, VPoserConfig
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def prior():
    torch.manual_seed(0)
    prior = VPoser(VPoserConfig(latent_dim=8, width=32))
    with torch.no_grad():
        prior.decoder[-1].bias += torch.tensor([1.0, 0, 0, 0, 1, 0]).repeat(21)
    return prior.eval().requires_grad_(False)


@pytest.fixture
def poses(prior):
    """Poses in the decoder's range."""
    return prior.sample(6, generator(1))


def test_it_has_the_published_size():
    assert sum(parameter.numel() for parameter in VPoser().parameters()) == pytest.approx(0.94e6, rel=0.01)


def test_reconstruction_is_the_decoded_mean(prior, poses):
    rotations = prior.decode(prior.encode(poses).mean)
    torch.testing.assert_close(axis_angle_to_matrix(prior.reconstruct(poses)), rotations)


def test_the_energy_weighs_reconstruction_more_for_weaker_latent_regularisation(prior, poses):
    loose = VPoser(VPoserConfig(latent_dim=8, width=32, kl=1e-3)).eval()
    loose.load_state_dict(prior.state_dict())
    length = prior.encode(poses).mean.square().sum(-1)
    torch.testing.assert_close(loose.energy(poses) - length, 5 * (prior.energy(poses) - length))
    assert (prior.energy(poses) > length).all()


def test_a_pose_does_not_depend_on_the_rest_of_the_batch(prior, poses):
    torch.testing.assert_close(prior.energy(poses)[2:3], prior.energy(poses[2:3]))
    joints = body_joints(axis_angle_to_matrix(poses), torch.from_numpy(REST_JOINTS))
    torch.testing.assert_close(
        prior.fit_joints(joints, 0.1)[2:3], prior.fit_joints(joints[2:3], 0.1), atol=1e-3, rtol=0
    )


def test_same_seed_same_samples(prior):
    assert torch.equal(prior.sample(5, generator(3)), prior.sample(5, generator(3)))
    assert not torch.equal(prior.sample(5, generator(3)), prior.sample(5, generator(4)))


def test_completions_find_latents_that_make_the_known_joints(prior, poses):
    known = torch.arange(21) < 15
    completed = prior.complete(poses, known, 3, generator())
    assert completed.shape == (3, 6, 21, 3)
    assert torch.equal(completed[:, :, known], poses[:, known].expand(3, -1, -1, -1))
    free = prior.sample(18, generator(5)).unflatten(0, (3, 6))
    assert (completed - poses).square().mean() < 0.5 * (free - poses).square().mean()


def test_completions_ignore_unknown_joints(prior, poses):
    known = torch.arange(21) < 15
    other = torch.where(known[:, None], poses, torch.randn_like(poses))
    assert torch.equal(prior.complete(poses, known, 2, generator()), prior.complete(other, known, 2, generator()))


def test_a_fit_without_weight_finds_poses_that_it_can_make(prior, poses):
    rest = torch.from_numpy(REST_JOINTS)
    joints = body_joints(axis_angle_to_matrix(poses), rest)
    fitted = body_joints(axis_angle_to_matrix(prior.fit_joints(joints, 0.0)), rest)
    neutral = body_joints(prior.decode(torch.zeros(6, 8)), rest)
    assert (fitted - joints).norm(dim=-1).mean() < 0.2 * (neutral - joints).norm(dim=-1).mean()


def test_a_fit_with_much_weight_stays_neutral(prior, poses):
    joints = body_joints(axis_angle_to_matrix(poses), torch.from_numpy(REST_JOINTS))
    fitted = axis_angle_to_matrix(prior.fit_joints(joints, 1e6))
    torch.testing.assert_close(fitted, prior.decode(torch.zeros(6, 8)), atol=0.02, rtol=0)


def test_saved_and_read_back(prior, poses, tmp_path):
    prior.save(tmp_path / "best.safetensors", step="1")
    again = VPoser.from_pretrained(tmp_path / "best.safetensors")
    torch.testing.assert_close(again.reconstruct(poses), prior.reconstruct(poses))
