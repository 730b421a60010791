import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qposer.prior.medoids import medoids


def distances(places):
    return torch.cdist(places, places)


def cost(distances, chosen):
    return distances[chosen].amin(0).sum()


def groups(sizes, apart=10.0):
    """Clusters of points with the given sizes, and their labels."""
    generator = torch.Generator().manual_seed(0)
    belongs = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return apart * belongs[:, None] + torch.randn(len(belongs), 2, generator=generator), belongs


def test_each_group_has_one_and_the_largest_comes_first():
    places, belongs = groups([4, 12, 7])
    assert belongs[medoids(distances(places), 3)].tolist() == [1, 2, 0]


def test_one_medoid_is_the_member_nearest_to_all():
    between = distances(torch.randn(15, 3, generator=torch.Generator().manual_seed(1)))
    assert medoids(between, 1).item() == between.sum(-1).argmin()


@given(st.integers(0, 50), st.integers(1, 4))
def test_medoids_are_distinct_and_nearly_optimal(seed, number):
    between = distances(torch.randn(9, 2, generator=torch.Generator().manual_seed(seed)))
    chosen = medoids(between, number)
    best = min(cost(between, torch.tensor(some)) for some in itertools.combinations(range(9), number))
    assert len(set(chosen.tolist())) == number
    assert cost(between, chosen) <= 1.35 * best


def test_selecting_as_many_as_members_returns_all():
    between = distances(torch.randn(6, 2, generator=torch.Generator().manual_seed(2)))
    assert sorted(medoids(between, 6).tolist()) == list(range(6))


def test_coincident_points_give_distinct_medoids():
    chosen = medoids(torch.zeros(5, 5), 3)
    assert len(set(chosen.tolist())) == 3


def test_sets_of_a_batch_do_not_mix():
    between = distances(torch.randn(3, 20, 4, generator=torch.Generator().manual_seed(3)))
    assert torch.equal(medoids(between, 5), torch.stack([medoids(one, 5) for one in between]))


@pytest.mark.parametrize("number", [0, 4])
def test_more_than_there_are_members_or_none_is_refused(number):
    with pytest.raises(ValueError, match="medoids must be from 1 to 3"):
        medoids(torch.zeros(3, 3), number)
