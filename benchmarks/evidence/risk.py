"""The risk of a fit: ``python -m benchmarks.evidence.risk --foreign asap.npz --out docs/benchmarks``.

Fits rendered and detected people. Those of the calibration half give the constants of `fitting.optimise.risk`, which
are printed; those of the other half evaluate the shipped constants, in risk.md.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from benchmarks.cache import Cache
from benchmarks.commands import command
from benchmarks.evidence.calibration import BATCH
from benchmarks.evidence.cases import Case, Half, read_half, rendered
from benchmarks.evidence.measures import LARGE_ERROR, Errors, recall, separation
from benchmarks.machine import machine
from benchmarks.prior.poses import file_digest
from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.optimise.risk import RISKY, disagreement_of, regressors_of, risk_of
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

FALSE_ALARMS = 2, 5, 10, 15, 20, 30, 40, 50
"""Percentages of the fits that are not far off."""

BINS = 0.0, 0.05, 0.2, 0.4, 0.7, 1.0
"""Limits of stated risks, for their comparison with shares of far-off fits."""

PAGE = """# Risk

Rendered and detected people in SMPL poses from other sources (the half that does not calibrate, as in
[evidence.md](evidence.md)): {people} people, of whom {far} are far off, with an MPJPE above {limit:.0f} mm. The area
under the ROC curve of the `risk` is {auroc:.2f}. Verdicts are doubtful from a risk of {risky:g}, which flags
{flagged:.0f} % of the far-off fits and {alarms:.0f} % of the others.

{flags}

Stated risks and shares of far-off fits:

{bins}

Command: `{command}`.
Machine: {machine}.
"""


class Known(NamedTuple):
    """What is known of fits, and their errors."""

    evidence: Float[Tensor, "people 3"]
    """Spread of the hypotheses, disagreement with the detector (metres), and density of the draws."""
    error: Float[Tensor, " people"]
    """MPJPE in millimetres."""


def known(fitter: Fitter, case: Case) -> Known:
    """Fit people, and measure the evidence on their errors.

    Args:
        fitter: models and settings.
        case: detected people.

    Returns:
        Evidence and errors of the answers.
    """
    evidence, errors = [], []
    for start in range(0, len(case.keypoints), BATCH):
        people = list(range(start, min(start + BATCH, len(case.keypoints))))
        seen = case.keypoints[people]
        assert seen.world is not None
        found = fitter.explore(*fitter.solve(seen, case.camera[torch.tensor(people)]))
        rows = [best[0][0] for best in found.best(1)]
        joints = found.joints[rows, range(len(rows))]
        apart = [disagreement_of(a.numpy(), b, seen.format) for a, b in zip(joints, seen.world, strict=True)]
        evidence += [(spread, one, density) for (spread, density), one in zip(found.evidence(rows), apart, strict=True)]
        errors.append(Errors.of(case.relative(joints), case.truth[people]).mpjpe)
    return Known(torch.tensor(evidence), torch.cat(errors))


def fitted_constants(known: Known, steps: int = 50) -> Float[Tensor, "4"]:
    """Fit a logistic regression by Newton's method.

    Args:
        known: evidence and errors.
        steps: number of Newton steps.

    Returns:
        The constant, and the weights of the logarithms of spread and disagreement, and of the density.
    """
    rows = torch.tensor([regressors_of(*row) for row in known.evidence.tolist()], dtype=torch.float64)
    far, weights = (known.error > LARGE_ERROR).double(), torch.zeros(4, dtype=torch.float64)
    ridge = 1e-3 * torch.eye(4, dtype=torch.float64)
    for _ in range(steps):
        chance = (rows @ weights).sigmoid()
        curvature = rows.T @ ((chance * (1 - chance))[:, None] * rows) + ridge
        weights = weights - torch.linalg.solve(curvature, rows.T @ (chance - far) + ridge @ weights)
    return weights


def main(foreign: Path, number: int = 250, cache: Path = Path("runs/benchmarks"), out: Path | None = None) -> None:
    """Fit rendered people of both halves, print the constants of one, and evaluate the shipped ones on the other.

    Args:
        foreign: npz of clips of SMPL poses (`benchmarks.evidence`).
        number: half the number of people that are rendered of each half.
        cache: folder of the cached detections.
        out: folder for risk.md; by default, nothing is written.
    """
    console = Console(width=120)
    with cli_errors("benchmarks.evidence.risk"):
        fitter = Fitter()
        calibration, evaluation = (
            _half(fitter, foreign, half, number, cache) for half in ("calibration", "evaluation")
        )
        constants = [round(value, 3) for value in fitted_constants(calibration).tolist()]
        console.print(f"CONSTANT, SPREAD, DISAGREEMENT, DENSITY = {constants}", markup=False)
        risk, far = _risks(calibration), calibration.error > LARGE_ERROR
        console.print(
            f"5 % of the others in the calibration half have a higher risk than {risk[~far].quantile(0.95):.2f}"
        )
        given = {"foreign": foreign, "number": number, "cache": cache, "out": out}
        text = page(evaluation, command("benchmarks.evidence.risk", main, **given))
        console.print(text, markup=False)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "risk.md") as temporary:
                temporary.write_text(text, encoding="utf-8")


def page(evaluation: Known, run: str) -> str:
    """The page for people who did not calibrate.

    Args:
        evaluation: evidence and errors.
        run: the command.

    Returns:
        Markdown.
    """
    risk, far = _risks(evaluation), evaluation.error > LARGE_ERROR
    flags = [
        [
            str(percent),
            f"{100 * recall(evaluation.error, risk, percent / 100)[1]:.0f}",
            f"{risk[~far].quantile(1 - percent / 100):.2f}",
        ]
        for percent in FALSE_ALARMS
    ]
    bins = []
    for low, high in pairwise(BINS):
        inside = (risk >= low) & (risk < high)
        numbers = [f"{risk[inside].mean():.2f}", f"{far[inside].float().mean():.2f}"] if inside.any() else ["", ""]
        bins.append([f"{low:g} to {high:g}", str(int(inside.sum())), *numbers])
    return PAGE.format(
        people=len(risk),
        far=int(far.sum()),
        limit=LARGE_ERROR,
        auroc=separation(evaluation.error, risk),
        risky=RISKY,
        flagged=100 * (risk[far] > RISKY).float().mean(),
        alarms=100 * (risk[~far] > RISKY).float().mean(),
        flags=Table(["false alarms, %", "far-off fits flagged, %", "threshold of the risk"], flags).markdown(),
        bins=Table(["stated risk", "people", "mean risk", "far off"], bins).markdown(),
        command=run,
        machine=machine(),
    )


def _half(fitter: Fitter, foreign: Path, half: Half, number: int, cache: Path) -> Known:
    poses, origin = read_half(foreign, half), f"{file_digest(foreign)} {half}"
    return known(fitter, rendered(fitter.body, poses, 2 * number, origin, Cache(cache)))


def _risks(known: Known) -> Float[Tensor, " people"]:
    return torch.tensor([risk_of(*row) for row in known.evidence.tolist()])


if __name__ == "__main__":
    tyro.cli(main)
