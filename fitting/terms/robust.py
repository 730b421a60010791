"""The Geman-McClure kernel, which limits the influence of outliers."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def gmof(squared: Float[Tensor, " *shape"], rho: float) -> Float[Tensor, " *shape"]:
    """Geman-McClure of squared residuals: quadratic near zero, at most ``rho**2`` (SMPLify, eq. 2).

    Args:
        squared: squares of the residuals.
        rho: residual, in the same unit, that has half of the largest cost.

    Returns:
        ``rho**2 * squared / (squared + rho**2)``.
    """
    return rho**2 * squared / (squared + rho**2)


def gmof_weight(squared: Float[Tensor, " *shape"], rho: float) -> Float[Tensor, " *shape"]:
    """The derivative of `gmof`: the weight of a residual in iteratively reweighted least squares.

    Args:
        squared: squares of the residuals.
        rho: as in `gmof`.

    Returns:
        Weights from 1 (zero residual) down to 0.
    """
    return (rho**2 / (squared + rho**2)).square()
