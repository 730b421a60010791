import pytest
import torch

from qposer.prior.seeding import generator_of


def test_a_generator_overrides_the_seed():
    generator = torch.Generator()
    assert generator_of(-1, generator) is generator


def test_equal_seeds_draw_the_same():
    first, again, other = (torch.rand(3, generator=generator_of(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_other_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="a seed must be an integer from 0"):
        generator_of(seed)
