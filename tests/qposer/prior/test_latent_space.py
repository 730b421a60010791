import pytest
import torch

from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle, matrix_from_6d
from qposer.prior.latent_space import LatentSpace, LatentSpaceConfig


@pytest.fixture
def poses():
    """Poses that vary along four directions, which leave the two sides alike."""
    generator = torch.Generator().manual_seed(0)
    directions = 0.1 * torch.randn(4, 63, generator=generator)
    return axis_angle_to_matrix((torch.randn(300, 4, generator=generator) @ directions).unflatten(-1, (21, 3)))


@pytest.fixture
def space(poses):
    torch.manual_seed(0)
    space = LatentSpace(LatentSpaceConfig(latent_dim=8, width=16))
    space.initialize_from(poses)
    return space


def test_it_begins_as_whitened_principal_components(space, poses):
    with torch.no_grad():
        posterior = space.encode(torch.cat([poses, mirror_body_pose(poses)]))
        found = space.decode(space.encode(poses).mean)
    torch.testing.assert_close(posterior.mean.mean(0), torch.zeros(8), atol=0.1, rtol=0)
    torch.testing.assert_close(torch.cov(posterior.mean.T), torch.eye(8), atol=0.05, rtol=0)
    assert posterior.stddev.unique().numel() == 1
    assert geodesic_angle(found, poses).rad2deg().mean() < 2


def test_zeros_are_the_neutral_pose_whatever_the_networks_are(space):
    for parameter in space.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    neutral = matrix_from_6d(space.neutral.unflatten(0, (21, 6)))
    torch.testing.assert_close(space.decode(torch.zeros(3, 8)), neutral.expand(3, 21, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(mirror_body_pose(neutral), neutral, atol=1e-5, rtol=0)
    assert (space.decode(torch.ones(1, 8)) - neutral).abs().max() > 0.1


def test_the_networks_matter_on_both_ways(space, poses):
    latents = torch.ones(2, 8)
    before, mean, spread = space.decode(latents), space.encode(poses).mean, space.encode(poses).stddev
    for network in (space.encoder, space.decoder):
        torch.nn.init.normal_(network[-1].weight, std=0.3)
    assert (space.decode(latents) - before).abs().max() > 0.01
    assert (space.encode(poses).mean - mean).abs().max() > 0.01
    assert (space.encode(poses).stddev - spread).abs().max() > 0.01


def test_too_few_poses_are_refused(space, poses):
    with pytest.raises(ValueError, match="more than 8 poses are required, not 8"):
        space.initialize_from(poses[:8])


def test_a_saved_space_is_read_back(space, tmp_path, poses):
    space.save(tmp_path / "space.safetensors", subjects="all")
    again = LatentSpace.from_pretrained(tmp_path / "space.safetensors")
    assert again.config == space.config
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())
    torch.testing.assert_close(again.encode(poses).mean, space.encode(poses).mean, atol=0.03, rtol=0)


def test_files_of_the_first_format_are_refused(tmp_path, space):
    from qposer.io.weights import save_module

    save_module(tmp_path / "old.safetensors", space, space.config, "qposer-vposer-latent-1", {}, torch.float32)
    with pytest.raises(ValueError, match="expected format qposer-vposer-latent-2, found qposer-vposer-latent-1"):
        LatentSpace.from_pretrained(tmp_path / "old.safetensors")
