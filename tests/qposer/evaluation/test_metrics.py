import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.evaluation import metrics
from qposer.evaluation.metrics import (
    average_pairwise_distance,
    frechet_distance,
    mpjpe,
    nearest_pose_distance,
    pa_mpjpe,
    precision_recall,
)


def drawn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_mpjpe_is_the_mean_distance():
    truth = torch.zeros(2, 4, 3)
    joints = truth.clone()
    joints[0, :, 0] = 2.0
    joints[1, 0] = torch.tensor([0.0, 3.0, 4.0])
    torch.testing.assert_close(mpjpe(joints, truth), torch.tensor([2.0, 1.25]))


@given(st.integers(0, 1000), st.floats(0.2, 5))
def test_procrustes_takes_away_turn_shift_and_scale(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(3, 22, 3, generator=generator, dtype=torch.float64)
    turn = axis_angle_to_matrix(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    moved = scale * truth @ turn.mT + torch.randn(3, 1, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(pa_mpjpe(moved, truth), torch.zeros(3, dtype=torch.float64), atol=1e-9, rtol=0)


def test_procrustes_does_not_mirror():
    truth = torch.randn(22, 3, generator=torch.Generator().manual_seed(0))
    assert pa_mpjpe(truth * torch.tensor([-1.0, 1.0, 1.0]), truth) > 0.1


def naive_frechet(a, b):
    a, b = a.numpy(), b.numpy()
    covariance, other = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(covariance @ other).real
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(covariance + other - 2 * root))


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_frechet_distance_is_that_of_the_formula(seed):
    samples, reference = drawn(seed, 40, 5) @ drawn(seed + 1, 5, 5), drawn(seed + 2, 60, 5) + 0.5
    assert frechet_distance(samples, reference) == pytest.approx(naive_frechet(samples, reference), rel=1e-6)


def test_frechet_distance_of_a_shift_is_its_square_and_of_itself_zero():
    rows = drawn(0, 100, 4)
    assert frechet_distance(rows, rows) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(rows + torch.tensor([3.0, 0.0, 4.0, 0.0]), rows) == pytest.approx(25.0)


def test_frechet_distance_supports_degenerate_sets():
    flat = torch.cat([drawn(0, 30, 2), torch.zeros(30, 3, dtype=torch.float64)], dim=1)
    assert frechet_distance(flat, flat) == pytest.approx(0.0, abs=1e-9)


def test_average_pairwise_distance_is_the_mean_over_pairs():
    joints = drawn(0, 2, 6, 4, 3)
    for batch in range(2):
        pairs = [mpjpe(joints[batch, i], joints[batch, j]) for i in range(6) for j in range(6) if i != j]
        assert average_pairwise_distance(joints)[batch].item() == pytest.approx(torch.stack(pairs).mean().item())


def test_one_pose_has_no_pairs():
    with pytest.raises(ValueError, match="at least 2 poses, not 1"):
        average_pairwise_distance(torch.zeros(1, 22, 3))


def naive_precision_recall(samples, reference, neighbours):
    def radius(rows, i):
        return sorted((rows[i] - rows[j]).norm().item() for j in range(len(rows)) if j != i)[neighbours - 1]

    def inside(points, rows):
        hits = [any((p - rows[j]).norm().item() <= radius(rows, j) for j in range(len(rows))) for p in points]
        return sum(hits) / len(hits)

    return inside(samples, reference), inside(reference, samples)


@pytest.mark.parametrize("chunk", [7, 1000])
def test_precision_and_recall_are_those_of_the_definition(monkeypatch, chunk):
    monkeypatch.setattr(metrics, "CHUNK", chunk)
    samples, reference = drawn(0, 25, 3), drawn(1, 30, 3) + 0.8
    assert precision_recall(samples, reference) == pytest.approx(naive_precision_recall(samples, reference, 3))


def test_few_modes_have_high_precision_and_low_recall():
    reference = torch.cat([drawn(0, 50, 3), drawn(1, 50, 3) + 100])
    found = precision_recall(reference[:50] + 1e-3, reference)
    assert found.precision == 1.0
    assert found.recall == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("samples", "reference", "message"),
    [
        (torch.zeros(3, 2), torch.zeros(9, 2), "expected at least 4 samples"),
        (torch.zeros(9, 2), torch.zeros(9, 3), "samples have 2 numbers per row, but the reference 3"),
        (torch.full((9, 2), torch.nan), torch.zeros(9, 2), "the samples contain NaN"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(samples, reference, message):
    with pytest.raises(ValueError, match=message):
        precision_recall(samples, reference)


@pytest.mark.parametrize("chunk", [3, 1000])
def test_nearest_pose_is_found_by_the_sum_of_angles(monkeypatch, chunk):
    monkeypatch.setattr(metrics, "CHUNK", chunk)
    poses, known = axis_angle_to_matrix(drawn(0, 5, 4, 3)), axis_angle_to_matrix(drawn(1, 8, 4, 3))
    every = geodesic_angle(poses[:, None], known[None]).sum(-1)
    torch.testing.assert_close(nearest_pose_distance(poses, known), every.amin(1))


def test_known_poses_are_at_distance_zero_from_themselves():
    known = axis_angle_to_matrix(drawn(1, 8, 4, 3))
    torch.testing.assert_close(nearest_pose_distance(known, known), torch.zeros(8).double(), atol=1e-5, rtol=0)


def test_nearest_pose_needs_poses_of_the_same_joints():
    with pytest.raises(ValueError, match="expected equally many joints"):
        nearest_pose_distance(torch.eye(3).expand(2, 4, 3, 3), torch.eye(3).expand(2, 5, 3, 3))
