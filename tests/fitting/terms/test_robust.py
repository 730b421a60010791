import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fitting.terms.robust import gmof, gmof_weight

SMALLEST_NORMAL = torch.finfo(torch.float64).tiny


@given(st.floats(0, 1e6), st.floats(1e-3, 1e3))
def test_gmof_is_the_formula_and_never_above_rho_squared(residual, rho):
    value = float(gmof(torch.tensor(residual, dtype=torch.float64).square(), rho))
    assert value == pytest.approx(rho**2 * residual**2 / (residual**2 + rho**2))
    assert 0 <= value <= rho**2 * (1 + 1e-9)
    assert value <= residual**2 * (1 + 1e-9) + SMALLEST_NORMAL


@given(st.floats(0, 1e3), st.floats(1e-2, 1e2))
def test_the_weight_is_the_derivative(squared, rho):
    value = torch.tensor(squared, dtype=torch.float64, requires_grad=True)
    gmof(value, rho).backward()
    assert float(gmof_weight(value.detach(), rho)) == pytest.approx(float(value.grad), rel=1e-6, abs=1e-12)


def test_gmof_is_quadratic_near_zero_and_flat_far_away():
    weights = gmof_weight(torch.tensor([1e-8, 1e8], dtype=torch.float64), 0.1)
    assert weights[0] == pytest.approx(1.0, rel=1e-4)
    assert weights[1] < 1e-15
