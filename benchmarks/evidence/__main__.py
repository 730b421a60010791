"""Evaluation of hypotheses and uncertainty: ``python -m benchmarks.evidence --foreign asap.npz --out docs/benchmarks``.

Writes evidence.md: errors of the answer and of its alternatives, coverage of the stated uncertainty, and its agreement
with the errors.
"""

from __future__ import annotations

from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from benchmarks.cache import Cache
from benchmarks.commands import command
from benchmarks.evidence.cases import LIMBS, Case, cases
from benchmarks.evidence.measures import (
    Errors,
    area_under_risk_coverage,
    closest,
    coverage,
    doubts,
    positions,
    recall,
    separation,
    stated,
)
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.multiview.__main__ import FOLDER
from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.output.fit_result import FitResult
from fitting.photos import PeopleFit
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

HYPOTHESES, BATCH = 5, 25
FALSE_ALARMS = 5, 10, 20, 30
"""Percentages of fits without a large error that may be flagged."""

PAGE = """# Evidence, hypotheses and uncertainty

Fits of people in SMPL poses from other sources (every other clip; the other half calibrates the
probabilities and the uncertainty), and of a man in front of four calibrated cameras, one view at a time
([multiview.md](multiview.md)). The keypoints of synthetic people are exact, noisy or partly unseen; rendered people and
the recording are detected by the shipped detector.

- *regressor*: the regressor's prediction, not fitted. *MediaPipe*: the detector's landmarks in metres.
- *fit*: the fit from the regressor's prediction. *answer*: the first of up to {hypotheses} hypotheses, the one with the
  least expected error. *closest*: the hypothesis closest to the truth, chosen by an oracle.

{errors}

All weights of scores and the covariances were set on the calibration half
(`python -m benchmarks.evidence.calibration`).

Errors in mm, with bootstrap 95 % intervals over people, and 90th percentiles. Synthetic people: 22 joints relative to
the pelvis. Detected people: {limbs} joints relative to the middle of the hips.

## Stated uncertainty

- *in 50 % region*, *in 90 % region*: share of joints whose error is inside the region that should contain 50 or 90 %.
- *stated*, *true*: stated standard deviation and true error, root mean squares over joints, averaged over people.
- *doubt*: the risk of detected people, whose keypoints come with positions in metres; the stated standard deviation of
  the others.
- *risk-coverage area*: mean error of the people kept, averaged over the share kept, for people ordered by doubt, by
  their true error, and at random.
- *AUROC*: probability that a fit with an MPJPE above 150 mm has more doubt than one below.
- *flagged*: share of fits with an MPJPE above 150 mm that have more doubt than all but 5, 10, 20 or 30 % of the others.

{uncertainty}

{facts}
"""

ERROR_COLUMNS = ["", "method", "people", "MPJPE", "90th percentile", "PA-MPJPE", "90th percentile"]

DOUBT_COLUMNS = [
    *("", "in 50 % region", "in 90 % region", "stated, mm", "true, mm"),
    *("risk-coverage area", "ordered by error", "at random", "above 150 mm", "AUROC"),
    *(f"flagged at {percent} %" for percent in FALSE_ALARMS),
]


def fits(fitter: Fitter, case: Case, hypotheses: int) -> list[FitResult]:
    """Fit all people of a case.

    Args:
        fitter: models and settings.
        case: people to fit.
        hypotheses: number of hypotheses.

    Returns:
        A result for each person.
    """
    fit, results = PeopleFit(fitter, case.size, hypotheses), []
    for start in range(0, len(case.keypoints), BATCH):
        people = list(range(start, min(start + BATCH, len(case.keypoints))))
        results += fit.fit(case.keypoints[people], case.camera[torch.tensor(people)], None, lambda: None)
    return results


@torch.no_grad()
def predicted(fitter: Fitter, case: Case) -> Float[Tensor, "people joints 3"]:
    """Compute the joints of the regressor's prediction with the mean shape.

    Args:
        fitter: fitter with the models.
        case: people with their keypoints.

    Returns:
        Positions relative to the case's origin, metres.
    """
    xy, confidence = (torch.from_numpy(values).float() for values in (case.keypoints.xy, case.keypoints.confidence))
    orient, pose = fitter.regressor.predict_with_flip(xy, confidence, case.keypoints.format, case.camera)
    betas = torch.zeros(len(xy), fitter.body.num_betas)
    return case.relative(fitter.body(orient, pose, betas).joints[:, :22])


def detector_metres(case: Case) -> Float[Tensor, "people joints 3"] | None:
    """Return the detector's landmarks.

    Args:
        case: people with their keypoints.

    Returns:
        Positions relative to the case's origin, metres; None without a detector's positions.
    """
    if case.keypoints.world is None:
        return None
    names = case.keypoints.names
    points = torch.from_numpy(case.keypoints.world).float()[:, [names.index(name) for name in LIMBS]]
    hips = [LIMBS.index("left_hip"), LIMBS.index("right_hip")]
    return points - points[:, hips].mean(1, keepdim=True)


def error_rows(case: Case, methods: dict[str, Errors]) -> list[list[str]]:
    """Make the rows of the table of errors.

    Args:
        case: fitted people.
        methods: errors by method.

    Returns:
        A row for each method.
    """
    rows = []
    for name, errors in methods.items():
        cells = [case.name, name, str(len(case.truth))]
        for values in (errors.mpjpe, errors.pa_mpjpe):
            cells += [f"{mean_interval(values):.1f}", f"{values.quantile(0.9):.1f}"]
        rows.append(cells)
    return rows


def doubt_row(case: Case, results: list[FitResult]) -> list[str]:
    """Make a row of the table of uncertainty.

    Args:
        case: fitted people.
        results: a result for each person.

    Returns:
        Cells of the row.
    """
    errors, inside, doubt = Errors.of(positions(case, results), case.truth), coverage(case, results), doubts(results)
    rms = 1000 * (positions(case, results) - case.truth).square().sum(-1).mean(-1).sqrt()
    areas = [area_under_risk_coverage(errors.mpjpe, order) for order in (doubt, errors.mpjpe)]
    flags = [recall(errors.mpjpe, doubt, percent / 100) for percent in FALSE_ALARMS]
    count = flags[0][0]
    return [
        case.name,
        *(f"{inside[percent]:.0f}" for percent in (50, 90)),
        *(f"{values.mean():.0f}" for values in (stated(results), rms)),
        *(f"{area:.1f}" for area in (*areas, errors.mpjpe.mean().item())),
        str(count),
        f"{separation(errors.mpjpe, doubt):.2f}" if count else "",
        *(f"{100 * flagged:.0f}" if count else "" for _, flagged in flags),
    ]


def main(
    foreign: Path,
    recording: Path = FOLDER,
    number: int = 250,
    cache: Path = Path("runs/benchmarks"),
    out: Path | None = None,
) -> None:
    """Fit all cases, compare with the truth, and print the tables.

    Args:
        foreign: npz of clips of SMPL poses: ``pose`` (frames, 24, 3), z up, and ``sequence``.
        recording: folder of the multi-view recording; skipped if missing.
        number: number of people of each synthetic case; half as many are rendered.
        cache: folder of the cached detections.
        out: folder for evidence.md; by default, nothing is written.
    """
    console = Console(width=180)
    with cli_errors("benchmarks.evidence"):
        fitter = Fitter()
        errors, doubt = [], []
        every = list(cases(fitter.body, foreign, "evaluation", number, recording, Cache(cache)))
        for case in track(every, "fitting", console=console):
            single, several = fits(fitter, case, 1), fits(fitter, case, HYPOTHESES)
            methods = {"regressor": Errors.of(predicted(fitter, case), case.truth)}
            metres = detector_metres(case)
            if metres is not None:
                methods["MediaPipe"] = Errors.of(metres, case.truth)
            methods["fit"] = Errors.of(positions(case, single), case.truth)
            methods["answer"] = Errors.of(positions(case, several), case.truth)
            methods["closest"] = closest(case, several)
            errors += error_rows(case, methods)
            doubt.append(doubt_row(case, several))
        tables = Table(ERROR_COLUMNS, errors), Table(DOUBT_COLUMNS, doubt)
        for table in tables:
            console.print(table.for_console(machine()))
        if out:
            given = {"foreign": foreign, "recording": recording, "number": number, "cache": cache, "out": out}
            facts = f"Command: `{command('benchmarks.evidence', main, **given)}`.\nMachine: {machine()}."
            texts = {"errors": tables[0].markdown(), "uncertainty": tables[1].markdown(), "facts": facts}
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "evidence.md") as temporary:
                page = PAGE.format(hypotheses=HYPOTHESES, limbs=len(LIMBS), **texts)
                temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
