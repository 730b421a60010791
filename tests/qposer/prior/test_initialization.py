import pytest
import torch

from qposer.prior.initialization import scaled_normal


def test_weights_have_their_variance():
    torch.manual_seed(0)
    weights = scaled_normal(100, 200, fan_in=16)
    assert weights.shape == (100, 200)
    assert weights.std().item() == pytest.approx(0.25, rel=0.02)
    assert weights.mean().item() == pytest.approx(0.0, abs=0.01)


def test_initialization_on_the_meta_device_draws_nothing():
    state = torch.get_rng_state()
    with torch.device("meta"):
        assert scaled_normal(3, 4, fan_in=4).is_meta
    assert torch.equal(torch.get_rng_state(), state)
