import pytest
import torch

from qposer.codeprior import CodePrior, CodePriorConfig


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def prior():
    torch.manual_seed(0)
    prior = CodePrior(CodePriorConfig(latent_dim=4, width=32, depth=1)).eval().requires_grad_(False)
    prior.mean.normal_()
    prior.scale.uniform_(0.5, 2)
    return prior


def test_standardising_comes_back(prior):
    latents = torch.randn(5, 21, 2, 2)
    standard = prior.standardise(latents)
    torch.testing.assert_close(standard, (latents.flatten(-2) - prior.mean) / prior.scale)
    torch.testing.assert_close(prior.unstandardise(standard), latents.flatten(-2))


def test_denoising_hardly_changes_what_has_hardly_any_noise(prior):
    clean = torch.randn(3, 21, 4)
    torch.testing.assert_close(prior.denoise(clean, torch.full((3,), 1e-3)), clean, atol=1e-2, rtol=0)


def test_the_gradient_of_the_pull_is_the_distance_to_the_answer(prior):
    latents = torch.randn(2, 21, 2, 2, requires_grad=True)
    prior.pull(latents, 0.5, generator()).sum().backward()
    standard = prior.standardise(latents.detach())
    noise = torch.randn(21, 4, generator=generator())
    answer = prior.denoise(standard + 0.5 * noise, torch.full((2,), 0.5))
    expected = (standard - answer) / standard[0].numel() / prior.scale
    torch.testing.assert_close(latents.grad.flatten(-2), expected)


def test_a_pull_does_not_depend_on_the_rest_of_the_batch(prior):
    latents = torch.randn(4, 21, 2, 2)
    batched = prior.pull(latents, 0.3, generator())
    alone = torch.stack([prior.pull(one, 0.3, generator()) for one in latents])
    torch.testing.assert_close(batched, alone)


def test_same_seed_same_pull(prior):
    latents = torch.randn(4, 21, 2, 2)
    assert torch.equal(prior.pull(latents, 0.3, generator(7)), prior.pull(latents, 0.3, generator(7)))


def test_saved_and_read_back(prior, tmp_path):
    prior.save(tmp_path / "prior.safetensors")
    again = CodePrior.from_pretrained(tmp_path / "prior.safetensors")
    noisy = torch.randn(3, 21, 4)
    level = torch.tensor([0.1, 0.5, 1.0])
    torch.testing.assert_close(again.denoise(noisy, level), prior.denoise(noisy, level), atol=1e-2, rtol=0)
    assert again.mean.dtype == torch.float32
