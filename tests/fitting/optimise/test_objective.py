import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fitting.optimise.objective import depth_gap, gmof, guess_gap, reprojection, shape_prior
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle

SMALLEST_NORMAL = torch.finfo(torch.float64).tiny


def people(count=3, joints=5, seed=0):
    """Projections, keypoints, confidences and heights."""
    generator = torch.Generator().manual_seed(seed)
    keypoints = 100 * torch.randn(count, joints, 2, generator=generator, dtype=torch.float64)
    projected = keypoints + 10 * torch.randn(keypoints.shape, generator=generator, dtype=torch.float64)
    confidence = torch.rand(count, joints, generator=generator, dtype=torch.float64)
    return projected, keypoints, confidence, torch.arange(1.0, count + 1, dtype=torch.float64) * 100


def naive_reprojection(projected, keypoints, confidence, height, rho):
    """Of one person, a keypoint at a time."""
    total = weights = 0.0
    for (x, y), (u, v), c in zip(projected.tolist(), keypoints.tolist(), confidence.tolist(), strict=True):
        squared = ((x - u) ** 2 + (y - v) ** 2) / float(height) ** 2
        total += c**2 * (rho**2 * squared) / (rho**2 + squared)
        weights += c**2
    return total / weights


@given(st.floats(0, 1e6), st.floats(1e-3, 1e3))
def test_gmof_is_the_formula_and_never_above_rho_squared(residual, rho):
    value = float(gmof(torch.tensor(residual, dtype=torch.float64).square(), rho))
    assert value == pytest.approx(rho**2 * residual**2 / (residual**2 + rho**2))
    assert 0 <= value <= rho**2 * (1 + 1e-9)
    assert value <= residual**2 * (1 + 1e-9) + SMALLEST_NORMAL


def test_gmof_is_quadratic_near_zero_and_flat_far_away():
    squared = torch.tensor([1e-8, 1e8], dtype=torch.float64, requires_grad=True)
    gmof(squared, 0.1).sum().backward()
    assert squared.grad[0] == pytest.approx(1.0, rel=1e-4)
    assert squared.grad[1] < 1e-15


def test_reprojection_is_its_naive_reference():
    projected, keypoints, confidence, height = people()
    values = reprojection(projected, keypoints, confidence, height, 0.1)
    assert values.shape == (3,)
    for person in range(3):
        expected = naive_reprojection(projected[person], keypoints[person], confidence[person], height[person], 0.1)
        assert float(values[person]) == pytest.approx(expected)


def test_reprojection_of_a_person_does_not_depend_on_the_others():
    batch = people(4)
    together = reprojection(*batch, 0.2)
    for person in range(4):
        alone = reprojection(*(value[person : person + 1] for value in batch), 0.2)
        assert float(alone) == pytest.approx(float(together[person]), rel=1e-12)


def test_reprojection_counts_parts_of_the_height_and_shares_of_the_confidence():
    projected, keypoints, confidence, height = people()
    values = reprojection(projected, keypoints, confidence, height, 0.1)
    larger = reprojection(7 * projected, 7 * keypoints, confidence, 7 * height, 0.1)
    fainter = reprojection(projected, keypoints, 0.3 * confidence, height, 0.1)
    assert torch.allclose(values, larger)
    assert torch.allclose(values, fainter)


@pytest.mark.parametrize("far", [1e3, 1e18])
def test_keypoints_without_confidence_have_no_influence_and_no_nan_gradient(far):
    projected, keypoints, confidence, height = people()
    confidence[:, 2] = 0.0
    expected = reprojection(projected, keypoints, confidence, height, 0.1)
    moved = projected.clone()
    moved[:, 2] = far
    moved.requires_grad_()
    values = reprojection(moved, keypoints, confidence, height, 0.1)
    values.sum().backward()
    assert torch.allclose(values, expected)
    assert torch.isfinite(moved.grad).all()
    assert (moved.grad[:, 2] == 0).all()
    assert (moved.grad[:, [0, 1, 3, 4]].abs().sum(-1) > 0).all()


def test_shape_prior():
    betas = torch.tensor([[0.0, 0.0], [3.0, -4.0]])
    assert shape_prior(betas).tolist() == [0.0, 25.0]


def test_the_gap_to_a_guess_counts_joints_by_reliance():
    generator = torch.Generator().manual_seed(0)
    body_pose, guess = axis_angle_to_matrix(torch.randn(2, 4, 21, 3, generator=generator))
    init_weight = torch.rand(4, 21, generator=generator)
    cosine = geodesic_angle(body_pose, guess).cos()
    expected = (init_weight * 2 * (1 - cosine)).mean(-1)  # |A - B|^2 = 4 (1 - cos)
    torch.testing.assert_close(guess_gap(body_pose, guess, init_weight), expected)
    assert (guess_gap(guess, guess, init_weight) == 0).all()


def test_the_gap_of_depths_does_not_know_how_far_anybody_is():
    generator = torch.Generator().manual_seed(0)
    depths, cue, confidence = torch.rand(3, 4, 33, generator=generator, dtype=torch.float64)
    here, there = (depth_gap(depths + shift, cue, confidence, 0.3) for shift in (0.0, 5.0))
    torch.testing.assert_close(here, there)
    assert (here > 0).all()
    torch.testing.assert_close(depth_gap(cue + 2.0, cue, confidence, 0.3), torch.zeros(4, dtype=torch.float64))


def test_one_wild_depth_hardly_counts():
    cue = torch.zeros(1, 33)
    wild = cue.clone()
    wild[0, 5] = 100.0
    assert depth_gap(cue, wild, torch.ones(1, 33), 0.3) <= 0.3**2 * (1 + 1e-6)
