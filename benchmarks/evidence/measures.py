"""Errors of fits, and how well stated uncertainties agree with them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.evidence.cases import Case
from fitting.output.fit_result import FitResult
from qposer.evaluation.metrics import mpjpe, pa_mpjpe

CHI_SQUARED = {50: 2.366, 90: 6.251}
"""Quantiles for three degrees of freedom, by percent."""

REGULARISED = 1e-8
"""Square metres, added to the diagonal of covariances before they are inverted."""

LARGE_ERROR = 150.0
"""Millimetres. A fit with a larger MPJPE should be flagged."""

FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class Errors:
    """Errors of one method, one value for each person, in millimetres."""

    mpjpe: Float[Tensor, " people"]
    pa_mpjpe: Float[Tensor, " people"]

    @classmethod
    def of(cls, found: Float[Tensor, "people joints 3"], truth: Float[Tensor, "people joints 3"]) -> Errors:
        """Errors of positions relative to the same origin.

        Args:
            found: metres.
            truth: metres.

        Returns:
            Both errors.
        """
        return cls(1000 * mpjpe(found, truth), 1000 * pa_mpjpe(found, truth))

    @classmethod
    def least(cls, several: list[Errors]) -> Errors:
        """The smallest error of each person, for each of the two errors independently."""
        columns = ([getattr(one, name) for one in several] for name in ("mpjpe", "pa_mpjpe"))
        return cls(*(torch.stack(values).amin(0) for values in columns))


def positions(case: Case, results: list[FitResult]) -> Float[Tensor, "people joints 3"]:
    """The fitted joints that have a truth.

    Args:
        case: the people.
        results: one for each of them.

    Returns:
        Relative to the case's origin, metres.
    """
    return case.relative(torch.stack([torch.as_tensor(one.joints)[:22] for one in results]).float())


def closest(case: Case, results: list[FitResult]) -> Errors:
    """Errors of the hypothesis of each person that is closest to the truth.

    Args:
        case: the people.
        results: one for each of them, with alternatives.

    Returns:
        The errors.
    """
    most = max(len(one.alternatives) for one in results)
    every = [
        [(one, *one.alternatives)[min(rank, len(one.alternatives))] for one in results] for rank in range(most + 1)
    ]
    return Errors.least([Errors.of(positions(case, bodies), case.truth) for bodies in every])


def coverage(case: Case, results: list[FitResult]) -> dict[int, float]:
    """Shares of joints whose error is inside the region that should contain 50 and 90 % of them, in percent.

    Args:
        case: the people.
        results: one for each of them.

    Returns:
        Percent by percent. The joint that is the origin does not count.
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


def area_under_risk_coverage(error: Float[Tensor, " people"], doubt: Float[Tensor, " people"]) -> float:
    """Mean error of the most certain people, averaged over all shares of people kept.

    Args:
        error: of each person.
        doubt: larger for people who are dropped first.

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
        error: MPJPE of each person, mm.
        doubt: fits are flagged above a threshold.
        false_alarms: share of fits without a large error that may be flagged.

    Returns:
        Number of fits with a large error, and the share of them that is flagged (NaN without any).
    """
    large = error > LARGE_ERROR
    if not large.any() or large.all():
        return int(large.sum()), float("nan")
    threshold = doubt[~large].quantile(1 - false_alarms)
    return int(large.sum()), (doubt[large] > threshold).float().mean().item()
