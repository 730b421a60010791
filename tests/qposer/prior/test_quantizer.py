import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qposer.prior.quantizer import MultiHeadQuantizer, perplexity


@pytest.fixture
def quantizer():
    torch.manual_seed(0)
    return MultiHeadQuantizer(heads=3, codes=7, dim=4)


@pytest.mark.parametrize("dim", [1, 4])
def test_nearest_is_the_naive_one(dim):
    """Codes of one number use a different search than longer ones."""
    torch.manual_seed(0)
    quantizer = MultiHeadQuantizer(heads=3, codes=7, dim=dim)
    latents = 2 * torch.randn(5, 2, 3, dim)
    codes = quantizer.nearest(latents)
    for i in range(5):
        for j in range(2):
            for head in range(3):
                distances = (quantizer.codebooks[head] - latents[i, j, head]).norm(dim=-1)
                assert codes[i, j, head] == distances.argmin()


def test_squared_distances_are_the_naive_ones(quantizer):
    latents = torch.randn(5, 3, 4)
    expected = (latents[:, :, None] - quantizer.codebooks).square().sum(-1)
    torch.testing.assert_close(quantizer.squared_distances(latents), expected)


def test_codes_are_nearest_to_their_entries(quantizer):
    codes = torch.randint(7, (6, 2, 3))
    assert torch.equal(quantizer.nearest(quantizer.lookup(codes)), codes)


@given(st.integers(0, 100), st.floats(0.01, 10))
def test_relaxed_latents_lie_within_the_codebook_s_hull(seed, temperature):
    torch.manual_seed(seed)
    quantizer = MultiHeadQuantizer(heads=2, codes=5, dim=3)
    relaxed = quantizer.relaxed(torch.randn(4, 2, 5), temperature)
    assert (relaxed <= quantizer.codebooks.amax(1) + 1e-6).all()
    assert (relaxed >= quantizer.codebooks.amin(1) - 1e-6).all()


def test_cold_relaxed_latents_are_codes(quantizer):
    logits = torch.randn(4, 3, 7)
    torch.testing.assert_close(quantizer.relaxed(logits, 1e-4), quantizer.lookup(logits.argmax(-1)))


def test_gradient_passes_straight_through(quantizer):
    latents = torch.randn(4, 3, 4, requires_grad=True)
    quantised, codes, _ = quantizer(latents)
    torch.testing.assert_close(quantised, quantizer.lookup(codes))
    quantised.sum().backward()
    torch.testing.assert_close(latents.grad, torch.ones_like(latents))


def test_updates_find_the_clusters_of_each_head():
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    centres = 5 * torch.randn(2, 6, 3)
    quantizer = MultiHeadQuantizer(heads=2, codes=16, dim=3)
    for _ in range(500):
        drawn = torch.randint(6, (256, 2))
        latents = centres[torch.arange(2), drawn] + 0.01 * torch.randn(256, 2, 3)
        quantizer.update(latents, quantizer.nearest(latents), generator, decay=0.9)
    distances = torch.cdist(centres, quantizer.codebooks)
    assert distances.amin(-1).max() < 0.05


def test_dead_codes_are_moved_onto_latents():
    quantizer = MultiHeadQuantizer(heads=1, codes=4, dim=2)
    quantizer.codebooks[0] = torch.tensor([[0.0, 0.0], [9.0, 9.0], [9.0, 8.0], [8.0, 9.0]])
    latents = torch.randn(64, 1, 2) * 0.1
    for _ in range(2000):
        quantizer.update(latents, quantizer.nearest(latents), torch.Generator().manual_seed(0))
    assert quantizer.nearest(latents).unique().numel() == 4


def test_perplexity_counts_equal_codes():
    codes = torch.tensor([[0, 0], [1, 0], [2, 0], [3, 0]])
    torch.testing.assert_close(perplexity(codes, 5), torch.tensor([4.0, 1.0]))
