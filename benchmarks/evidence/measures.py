"""Errors of fits, and the agreement of stated uncertainties with them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.evidence.cases import Case
from fitting.output.fit_result import FitResult
from qposer.evaluation.metrics import mpjpe, pa_mpjpe

CHI_SQUARED = {50: 2.366, 90: 6.251}
"""Quantiles of the chi-squared distribution with three degrees of freedom, by percent."""

REGULARISED = 1e-8
"""Square metres, added to the diagonal of covariances before they are inverted."""

LARGE_ERROR = 150.0
"""MPJPE in millimetres above which a fit should be flagged."""

FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class Errors:
    """Errors of one method, one value for each person, in millimetres."""

    mpjpe: Float[Tensor, " people"]
    pa_mpjpe: Float[Tensor, " people"]

    @classmethod
    def of(cls, found: Float[Tensor, "people joints 3"], truth: Float[Tensor, "people joints 3"]) -> Errors:
        """Measure the errors of positions relative to the same origin.

        Args:
            found: fitted positions, metres.
            truth: true positions, metres.

        Returns:
            MPJPE and PA-MPJPE of each person.
        """
        return cls(1000 * mpjpe(found, truth), 1000 * pa_mpjpe(found, truth))

    @classmethod
    def least(cls, several: list[Errors]) -> Errors:
        """The smallest error of each person, for each of the two errors independently."""
        columns = ([getattr(one, name) for one in several] for name in ("mpjpe", "pa_mpjpe"))
        return cls(*(torch.stack(values).amin(0) for values in columns))


def positions(case: Case, results: list[FitResult]) -> Float[Tensor, "people joints 3"]:
    """Select the fitted joints whose true positions are known.

    Args:
        case: fitted people.
        results: a result for each person.

    Returns:
        Positions relative to the case's origin, metres.
    """
    return case.relative(torch.stack([torch.as_tensor(one.joints)[:22] for one in results]).float())


def closest(case: Case, results: list[FitResult]) -> Errors:
    """Measure the errors of each person's hypothesis that is closest to the truth.

    Args:
        case: fitted people.
        results: a result with alternatives for each person.

    Returns:
        The errors.
    """
    most = max(len(one.alternatives) for one in results)
    every = [
        [(one, *one.alternatives)[min(rank, len(one.alternatives))] for one in results] for rank in range(most + 1)
    ]
    return Errors.least([Errors.of(positions(case, bodies), case.truth) for bodies in every])


def coverage(case: Case, results: list[FitResult]) -> dict[int, float]:
    """Measure the shares of joints whose error is inside the regions that should contain 50 and 90 % of them.

    Args:
        case: fitted people.
        results: a result for each person.

    Returns:
        Measured percentage by expected percentage. A joint that is the origin is excluded.
    """
    covariance = torch.stack([torch.as_tensor(one.joint_covariance) for one in results]).double()[:, case.joints]
    error = (positions(case, results) - case.truth).double()
    counted = [index for index in range(len(case.joints)) if case.origin != (index,)]
    inverse = torch.linalg.inv(covariance[:, counted] + REGULARISED * torch.eye(3, dtype=torch.float64))
    off = error[:, counted]
    squared = (off[..., None, :] @ inverse @ off[..., None]).flatten()
    return {percent: 100 * (squared < limit).double().mean().item() for percent, limit in CHI_SQUARED.items()}


def stated(results: list[FitResult]) -> Float[Tensor, " people"]:
    """The standard deviation that each fit states, root mean square over joints, in millimetres."""
    covariance = torch.stack([torch.as_tensor(one.joint_covariance) for one in results])[:, 1:]
    deviation: Tensor = 1000 * covariance.diagonal(dim1=-2, dim2=-1).sum(-1).mean(-1).sqrt()
    return deviation


def doubts(results: list[FitResult]) -> Float[Tensor, " people"]:
    """What a fit's verdict depends on: its risk, or the stated standard deviation if the risk is unknown."""
    risks = [result.risk for result in results]
    known = [risk for risk in risks if risk is not None]
    return torch.tensor(known) if len(known) == len(risks) else stated(results)


def separation(error: Float[Tensor, " people"], doubt: Float[Tensor, " people"]) -> float:
    """Area under the ROC curve of a doubt that should be higher for large errors.

    Args:
        error: MPJPE of each person, millimetres.
        doubt: uncertainty of each person.

    Returns:
        Probability that a fit with a large error has more doubt than one without (NaN if there are not both).
    """
    large = error > LARGE_ERROR
    higher = doubt[large, None] - doubt[None, ~large]
    return ((higher > 0).float() + 0.5 * (higher == 0).float()).mean().item()


def area_under_risk_coverage(error: Float[Tensor, " people"], doubt: Float[Tensor, " people"]) -> float:
    """Mean error of the most certain people, averaged over all shares of people kept.

    Args:
        error: error of each person.
        doubt: uncertainty of each person; the most uncertain are dropped first.

    Returns:
        The area, in the unit of the error.
    """
    kept = error[doubt.argsort()].cumsum(0) / torch.arange(1, len(error) + 1)
    return kept.mean().item()


def recall(
    error: Float[Tensor, " people"], doubt: Float[Tensor, " people"], false_alarms: float = FALSE_ALARMS
) -> tuple[int, float]:
    """Share of large errors that are flagged if a given share of the other fits is flagged, too.

    Args:
        error: MPJPE of each person, millimetres.
        doubt: uncertainty of each person; fits above a threshold are flagged.
        false_alarms: share of fits without a large error that may be flagged.

    Returns:
        Number of fits with a large error, and the share of them that is flagged (NaN without any).
    """
    large = error > LARGE_ERROR
    if not large.any() or large.all():
        return int(large.sum()), float("nan")
    threshold = doubt[~large].quantile(1 - false_alarms)
    return int(large.sum()), (doubt[large] > threshold).float().mean().item()
