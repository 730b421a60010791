"""The sampler with the exact denoiser of a known distribution."""

import torch

from qposer.prior.diffusion import SIGMA_MAX, SIGMA_MIN, dpm_solver, karras_sigmas

CORRELATION = 0.8


def exact(noisy, level):
    """Expected clean numbers of two joints with unit variance and this correlation (one number per joint)."""
    covariance = torch.tensor([[1.0, CORRELATION], [CORRELATION, 1.0]])
    noise = torch.diag_embed(level.square())
    gain = covariance @ torch.linalg.inv(covariance + noise)
    return (gain @ noisy).to(noisy)


def draw(number, known=None, value=0.0, temperature=1.0):
    noisy = temperature * SIGMA_MAX * torch.randn(number, 2, 1, generator=torch.Generator().manual_seed(0))
    if known is not None:
        noisy[:, known] = value
    return dpm_solver(exact, noisy, karras_sigmas(32), known)


def test_levels_fall_from_the_highest_to_the_lowest():
    levels = karras_sigmas(10)
    assert torch.isclose(levels[0], torch.tensor(SIGMA_MAX))
    assert torch.isclose(levels[-1], torch.tensor(SIGMA_MIN))
    assert (levels.diff() < 0).all()


def test_draws_have_the_covariance_of_the_data():
    drawn = draw(20_000)[..., 0]
    torch.testing.assert_close(drawn.T.cov(), torch.tensor([[1.0, 0.8], [0.8, 1.0]]), atol=0.05, rtol=0)


def test_draws_given_a_joint_follow_the_conditional_distribution():
    known = torch.tensor([True, False])
    drawn = draw(20_000, known, value=1.5)[..., 0]
    assert (drawn[:, 0] == 1.5).all()
    torch.testing.assert_close(drawn[:, 1].mean(), torch.tensor(CORRELATION * 1.5), atol=0.06, rtol=0)
    torch.testing.assert_close(drawn[:, 1].std(), torch.tensor((1 - CORRELATION**2) ** 0.5), atol=0.04, rtol=0)


def test_colder_draws_are_closer_to_the_middle():
    assert draw(2000, temperature=0.5).std() < 0.9 * draw(2000).std()
