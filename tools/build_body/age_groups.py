"""Distributions of the shape coefficients of people by age."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tools.build_body.people import ADULTS, Array, People, sample_people
from tools.build_body.shapes import fit_betas

AGES = (
    *((1.0, 2.0), (2.0, 3.0), (3.0, 4.5), (4.5, 6.5), (6.5, 8.5), (8.5, 11.0), (11.0, 14.0), (14.0, 18.0)),
    ADULTS,
)
"""Groups in years."""

PEOPLE, FIRST_SEED = 120, 10

LEAST_DEVIATION = 0.1
"""Added to the spread of every group, in units of the coefficients."""


def age_groups(model: Any, prepared: Callable[[People], People], template: Array, shapes: Array) -> dict[str, Array]:
    """Mean and spread of the shape coefficients in each group of ages.

    Args:
        model: anny's model.
        prepared: converts people to the T-pose.
        template: the mean body.
        shapes: the shape components.

    Returns:
        The arrays ``group_ages``, ``group_means`` and ``group_roots``: square roots of the inverse covariances.
    """
    means, roots = [], []
    for seed, ages in enumerate(AGES, start=FIRST_SEED):
        betas = fit_betas(prepared(sample_people(model, PEOPLE, seed, ages)).vertices, template, shapes)
        covariance = np.cov(betas.T) + LEAST_DEVIATION**2 * np.eye(betas.shape[1])
        means.append(betas.mean(axis=0))
        roots.append(np.linalg.cholesky(np.linalg.inv(covariance)).T)
    arrays = {"group_ages": AGES, "group_means": means, "group_roots": roots}
    return {name: np.asarray(values, dtype=np.float32) for name, values in arrays.items()}
