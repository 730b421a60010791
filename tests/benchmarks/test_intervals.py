import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from benchmarks.intervals import Interval, auroc_interval, mean_interval


def drawn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_interval_of_the_mean_is_about_two_standard_errors_wide():
    values = drawn(0, 400) + 5
    interval = mean_interval(values)
    error = values.std().item() / 400**0.5
    assert interval.value == pytest.approx(values.mean().item())
    assert interval.low == pytest.approx(interval.value - 1.96 * error, abs=0.2 * error)
    assert interval.high == pytest.approx(interval.value + 1.96 * error, abs=0.2 * error)


def test_equal_values_have_no_interval():
    assert mean_interval(torch.full((7,), 3.0)) == Interval(3.0, 3.0, 3.0)


def test_the_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval(torch.zeros(0))


@given(st.integers(0, 1000), st.integers(1, 5))
@settings(max_examples=10)
def test_area_is_that_of_scikit_learn_ties_included(seed, levels):
    low, high = (levels * drawn(seed, 30)).round(), (levels * drawn(seed + 1, 20) + 1).round()
    interval = auroc_interval(low, high)
    assert interval.value == pytest.approx(roc_auc_score([0] * 30 + [1] * 20, torch.cat([low, high]).numpy()))
    assert interval.low <= interval.value <= interval.high


def test_sets_apart_have_area_one_in_every_draw():
    assert auroc_interval(torch.arange(5.0), torch.arange(5.0) + 10) == Interval(1.0, 1.0, 1.0)


def test_area_needs_two_sets():
    with pytest.raises(ValueError, match="there are 3 and 0"):
        auroc_interval(torch.zeros(3), torch.zeros(0))


def test_intervals_are_written_with_their_ends():
    assert f"{Interval(1.234, 1.0, 1.5):.1f}" == "1.2 [1.0, 1.5]"


def test_groups_of_near_copies_widen_the_interval_of_a_mean():
    values, groups = drawn(1, 20).repeat_interleave(20), torch.arange(20).repeat_interleave(20)
    alone, grouped = mean_interval(values), mean_interval(values, groups)
    assert grouped.value == pytest.approx(alone.value)
    few = mean_interval(drawn(1, 20))
    assert grouped.high - grouped.low == pytest.approx(few.high - few.low, rel=0.1)
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_the_mean_of_groups_of_any_size_is_over_values():
    assert mean_interval(torch.tensor([0.0, 0.0, 0.0, 4.0]), torch.tensor([7, 7, 7, 3])) == Interval(1.0, 0.0, 4.0)


def test_groups_widen_the_interval_of_an_area():
    low, high = drawn(2, 12).repeat_interleave(10), drawn(3, 12).repeat_interleave(10) + 1
    groups = torch.arange(12).repeat_interleave(10)
    alone, grouped = auroc_interval(low, high), auroc_interval(low, high, groups)
    assert grouped.value == pytest.approx(alone.value)
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_groups_are_drawn_equally_in_both_sets():
    scores = torch.arange(6.0)
    assert auroc_interval(scores, scores, torch.zeros(6)) == Interval(0.5, 0.5, 0.5)
    # in each group negatives and positives are equal, and groups are far apart
    assert auroc_interval(scores, scores, torch.arange(6)) == Interval(0.5, 0.5, 0.5)


def test_the_order_of_scores_and_groups_does_not_matter():
    low, high, groups = drawn(4, 30), drawn(5, 30), torch.arange(30) // 5
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    again = auroc_interval(low[order], high[order], groups[order])
    first = auroc_interval(low, high, groups)
    assert (again.low, again.high) == pytest.approx((first.low, first.high))


def test_groups_need_sets_of_one_size():
    with pytest.raises(ValueError, match="2 are given for 2 and 3"):
        auroc_interval(torch.zeros(2), torch.zeros(3), torch.zeros(2))
