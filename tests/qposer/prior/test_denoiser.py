import pytest
import torch

from qposer.prior.denoiser import Denoiser, denoising_error


@pytest.fixture(scope="module")
def denoiser():
    torch.manual_seed(0)
    return Denoiser(joints=5, numbers=2, width=16, depth=2).eval().requires_grad_(False)


def test_denoising_hardly_changes_nearly_clean_latents(denoiser):
    clean = torch.randn(3, 5, 2)
    torch.testing.assert_close(denoiser(clean, torch.full((3, 5), 1e-3)), clean, atol=1e-2, rtol=0)


def test_one_level_is_short_for_the_same_level_at_each_joint(denoiser):
    noisy = torch.randn(3, 5, 2)
    torch.testing.assert_close(
        denoiser(noisy, torch.tensor([[0.3], [1.0], [2.0]])),
        denoiser(noisy, torch.tensor([[0.3], [1.0], [2.0]]).expand(3, 5)),
    )


def test_batch_dimensions_are_free(denoiser):
    noisy = torch.randn(2, 3, 5, 2)
    flat = denoiser(noisy.flatten(0, 1), torch.full((6, 5), 0.5))
    torch.testing.assert_close(denoiser(noisy, torch.full((1, 1, 1), 0.5)).flatten(0, 1), flat)


def test_the_error_without_knowledge_is_one_at_high_levels():
    clean = torch.randn(20_000, 5, 2, generator=torch.Generator().manual_seed(0))
    error = denoising_error(torch.zeros_like(clean), clean, torch.full((1, 1), 50.0))
    assert error.mean() == pytest.approx(1.0, abs=0.02)


def test_the_error_weighs_each_joint_by_its_noise_level():
    clean, denoised = torch.zeros(1, 2, 1), torch.tensor([[[0.1], [2.0]]])
    error = denoising_error(denoised, clean, torch.tensor([[0.1, 2.0]]))
    assert error.item() == pytest.approx((1.01 / 0.01 * 0.01 + 5 / 4 * 4) / 2, rel=1e-5)
