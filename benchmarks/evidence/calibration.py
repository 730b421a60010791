"""Weights of the hypotheses' score: ``python -m benchmarks.evidence.calibration --foreign asap.npz``.

Prints `WEIGHTS` and `ANSWER_WEIGHTS` for fitting/optimise/hypotheses.py, on the half of the poses that
`benchmarks.evidence` does not evaluate on. The first maximise the likelihood of a soft choice of the closest candidate,
the second minimise the error of the candidates' weighted mean. Also prints the deviation for `UNCERTAIN` in
fitting/output/fit_result.py.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from benchmarks.cache import Cache
from benchmarks.evidence.__main__ import fits
from benchmarks.evidence.cases import Case, cases
from benchmarks.evidence.measures import FALSE_ALARMS, LARGE_ERROR, Errors, positions, recall
from fitting.fit import Fitter
from fitting.optimise.hypotheses import ANSWER_WEIGHTS, WEIGHTS, Candidates
from qposer.io.cli_errors import cli_errors

CLOSE = 5.0
"""Scale of the differences between errors in millimetres; candidates that differ by much less are equally good."""

SWAPPED = 0.02
"""Assumed share of people whose left and right keypoints are swapped."""

BATCH = 25


@dataclass(frozen=True)
class Explored:
    """Candidates of the people of a case."""

    features: Float[Tensor, "candidates people features"]
    joints: Float[Tensor, "candidates people joints 3"]
    """Relative to the case's origin, metres."""
    truth: Float[Tensor, "people joints 3"]

    def errors(self) -> Float[Tensor, "candidates people"]:
        """The mean of MPJPE and PA-MPJPE of each candidate in millimetres."""
        return torch.stack([_error(joints, self.truth) for joints in self.joints])


def _error(
    joints: Float[Tensor, "people joints 3"], truth: Float[Tensor, "people joints 3"]
) -> Float[Tensor, " people"]:
    errors = Errors.of(joints, truth)
    return (errors.mpjpe + errors.pa_mpjpe) / 2


@torch.no_grad()
def explored(fitter: Fitter, case: Case) -> Explored:
    """Find the candidates of all people of a case.

    Args:
        fitter: models and settings.
        case: people to fit.

    Returns:
        Features and joints of the candidates.
    """
    features, joints = [], []
    for start in range(0, len(case.keypoints), BATCH):
        people = list(range(start, min(start + BATCH, len(case.keypoints))))
        found: Candidates = fitter.explore(*fitter.solve(case.keypoints[people], case.camera[torch.tensor(people)]))
        features.append(found.features)
        joints.append(torch.stack([case.relative(each) for each in found.joints]))
    return Explored(torch.cat(features, dim=1), torch.cat(joints, dim=1), case.truth)


def fitted_weights(
    features: Float[Tensor, "candidates people features"], errors: Float[Tensor, "candidates people"], steps: int = 500
) -> Float[Tensor, " features"]:
    """Fit the weights of a linear score whose softmax is the probability of being the closest candidate.

    Args:
        features: evidence for each candidate.
        errors: error of each candidate in millimetres.
        steps: number of steps of Adam.

    Returns:
        A weight for each feature.
    """
    scale = features.flatten(0, 1).std(0).clamp(min=1e-6)
    target = (-errors / CLOSE).softmax(0)
    weights = torch.zeros(features.shape[-1], requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.05)
    for _ in range(steps):
        loss = -(target * ((features / scale) @ weights).log_softmax(0)).sum(0).mean() + 0.01 * weights.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weights.detach() / scale


def answer_weights(
    cases: Sequence[Explored], start: Float[Tensor, " features"], steps: int = 150
) -> Float[Tensor, " features"]:
    """Fit weights of at least zero of a linear score whose softmax gives the weighted mean with the least error.

    Args:
        cases: candidates, without those for swapped keypoints, and the features to weigh.
        start: initial weights; the result stays close to them where the errors do not depend on it.
        steps: number of steps of Adam.

    Returns:
        A weight for each feature.
    """
    scale = torch.cat([case.features.flatten(0, 1) for case in cases]).std(0).clamp(min=1e-6)
    scaled = (start * scale).requires_grad_(True)
    optimizer = torch.optim.Adam([scaled], lr=0.03)
    for _ in range(steps):
        loss = 0.02 * (scaled - start * scale).square().sum()
        for case in cases:
            share = (case.features @ (scaled / scale)).softmax(0)
            loss = loss + _error(torch.einsum("cp,cpjk->pjk", share, case.joints), case.truth).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scaled.data.clamp_(min=0)
    return scaled.detach() / scale


def swapped_weight(odds: Float[Tensor, " people"], swapped_odds: Float[Tensor, " people"]) -> float:
    """Weight of the body with swapped keypoints, from scores without it.

    Args:
        odds: logarithms of this body's odds against all others, for people whose keypoints are not swapped.
        swapped_odds: the same for people whose keypoints are swapped.

    Returns:
        The constant that makes odds fair for both groups of equal size, lowered to the assumed share.
    """
    both = torch.cat([odds, swapped_odds]).double()
    low, high = -both.max(), -both.min()
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (both + middle).sigmoid().mean() < 0.5 else (low, middle)
    return low.item() + math.log(SWAPPED / (1 - SWAPPED))


def deviation_threshold(fitter: Fitter, case: Case) -> tuple[float, float]:
    """Stated deviation that few of the plain fits without a large error exceed.

    Args:
        fitter: models and settings.
        case: detected people.

    Returns:
        Mean standard deviation of the joints in millimetres that `FALSE_ALARMS` of these fits exceed, and the share of
        the fits with a large error that exceed it.
    """
    results = fits(fitter, case, 1)
    error = Errors.of(positions(case, results), case.truth).mpjpe
    deviation = torch.tensor([fmean(result.joint_std_mm.values()) for result in results])
    threshold = deviation[error <= LARGE_ERROR].quantile(1 - FALSE_ALARMS).item()
    return threshold, recall(error, deviation)[1]


def _odds(
    features: Float[Tensor, "candidates people features"], weights: Float[Tensor, " weights"]
) -> Float[Tensor, " people"]:
    """Logarithms of the odds of the last candidate, that for swapped keypoints, against the others."""
    score = features[..., :-1] @ weights
    odds: Tensor = score[-1] - score[:-1].logsumexp(0)
    return odds


def main(foreign: Path, number: int = 250, cache: Path = Path("runs/benchmarks")) -> None:
    """Fit the calibration half, and print the weights.

    Args:
        foreign: npz of clips of SMPL poses (`benchmarks.evidence`).
        number: number of people of each synthetic case; half as many are rendered.
        cache: folder of the cached detections.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.evidence.calibration"):
        fitter = Fitter()
        every = list(cases(fitter.body, foreign, "calibration", number, Path(), Cache(cache)))
        exchanged = [
            dataclasses.replace(case, keypoints=case.keypoints.exchanged(np.ones(len(case.keypoints), bool)))
            for case in every
        ]
        parts = [explored(fitter, case) for case in track([*every, *exchanged], "fitting", console=console)]
        parts, swapped = parts[: len(every)], torch.cat([part.features for part in parts[len(every) :]], dim=1)
        features = torch.cat([part.features for part in parts], dim=1)
        errors = torch.cat([part.errors()[:-1] for part in parts], dim=1)
        weights = fitted_weights(features[:-1, :, :-1], errors)
        of_swapped = swapped_weight(_odds(features, weights), _odds(swapped, weights))
        names = list(WEIGHTS)
        _show(console, "WEIGHTS", names, [*weights.tolist(), of_swapped])
        weighed = [names.index(name) for name in ANSWER_WEIGHTS]
        plain = [Explored(part.features[:-1, :, weighed], part.joints[:-1], part.truth) for part in parts]
        _show(console, "ANSWER_WEIGHTS", ANSWER_WEIGHTS, answer_weights(plain, weights[weighed]).tolist())
        threshold, flagged = deviation_threshold(fitter, every[-1])
        console.print(f"UNCERTAIN = {threshold:.0f}, flags {flagged:.0%} of the rendered people who are far off")


def _show(console: Console, name: str, features: Iterable[str], weights: Sequence[float]) -> None:
    values = {feature: round(weight, 3) for feature, weight in zip(features, weights, strict=True)}
    console.print(f"{name} = {values}", markup=False)


if __name__ == "__main__":
    tyro.cli(main)
