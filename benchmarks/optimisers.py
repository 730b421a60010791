"""Levenberg-Marquardt against Adam: ``python -m benchmarks.optimisers --data poses.npz --out docs/benchmarks``.

Objective, synthetic photos and starts are the same; the optimiser and the number of steps differ.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console

from benchmarks.commands import command
from benchmarks.fitting.adam import AdamSolver, PenalisedCodes
from benchmarks.fitting.contenders import SHIPPED
from benchmarks.fitting.people import CONDITIONS, People, observed, people
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.body.body import Body
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.initialize import initialize
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.problem import Estimate
from fitting.optimise.regressor import Regressor
from fitting.optimise.schedule import SCHEDULE, Schedule, refine
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import pa_mpjpe
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.prior.code_prior import CodePrior

BATCHES = (1, 8, 64)

_ALIKE = dataclasses.replace(
    SCHEDULE,
    coarse=dataclasses.replace(SCHEDULE.coarse, steps=90),
    fine=tuple(dataclasses.replace(stage, steps=75) for stage in SCHEDULE.fine),
    settle=dataclasses.replace(SCHEDULE.settle, steps=40),
)
"""Adam's number of steps under the objective of Levenberg-Marquardt's schedule."""

FACTORS: dict[str, tuple[float, ...]] = {"Levenberg-Marquardt": (0.5, 1.0, 2.0), "Adam": (0.05, 0.125, 0.25, 1.0)}
"""Factors on the number of steps."""

TEXT = """# Levenberg-Marquardt against Adam

{people} {split} poses as synthetic photos, fitted from the same starts with the same objective by Levenberg-Marquardt
(`fitting/optimise/levenberg_marquardt.py`) and by Adam (`benchmarks/fitting/adam.py`), with several numbers of steps
(coarse/fine/fine/settling). QPoser ships with 6/7/7/3 steps of Levenberg-Marquardt. PA-MPJPE in millimetres with 95 %
intervals; core seconds for batches of 1, 8 and 64 people with noisy keypoints, medians of three.

`{command}`; {machine}.

"""


def scaled(schedule: Schedule, factor: float) -> Schedule:
    """The schedule with more or fewer steps in every stage.

    Args:
        schedule: stages of a fit.
        factor: factor on the number of steps.

    Returns:
        The changed schedule.
    """
    return schedule.each(lambda stage: dataclasses.replace(stage, steps=max(1, round(factor * stage.steps))))


Fit = Callable[[str, torch.Tensor], Estimate]
"""Keypoints of some of the people under a condition."""


def main(
    data: Path, split: Literal["validation", "test"] = "validation", number: int = 96, out: Path | None = None
) -> None:
    """Fit synthetic photos of one split's poses with both optimisers, and print errors and times.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        split: split of the poses; settings are chosen on validation.
        number: number of people.
        out: folder for optimisers.md.
    """
    console = Console(width=180)
    torch.set_num_threads(1)
    with cli_errors("benchmarks.optimisers"):
        body, regressor, space = Body.open(), Regressor.from_pretrained(), PenalisedCodes(CodePrior.from_pretrained())
        truth = people(body, PoseDataset.load(data).body_pose(split), number, torch.Generator().manual_seed(0))
        rows = []
        for order, factors in FACTORS.items():
            for factor in factors:
                schedule = scaled(SCHEDULE if order == "Levenberg-Marquardt" else _ALIKE, factor)
                fit = _fitter(body, space, regressor, truth, order, schedule)
                errors = [mean_interval(_errors(body, space, truth, fit, condition)) for condition in CONDITIONS]
                steps = "/".join(str(stage.steps) for stage in schedule.stages)
                seconds = [_seconds(fit, torch.arange(size) % number) for size in BATCHES]
                rows.append([f"{order}, {steps} steps", *(f"{e:.1f}" for e in errors), *(f"{s:.2f}" for s in seconds)])
                console.print(*rows[-1])
        table = Table(["", *CONDITIONS, *(f"s, {size}" for size in BATCHES)], rows)
        console.print(table.for_console(machine()))
        if out:
            asked_for = command("benchmarks.optimisers", main, data=data, split=split, number=number, out=out)
            text = TEXT.format(people=number, split=split, command=asked_for, machine=machine())
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "optimisers.md") as temporary:
                temporary.write_text(f"{text}{table.markdown()}\n", encoding="utf-8")


def _fitter(
    body: Body, space: PenalisedCodes, regressor: Regressor, truth: People, order: str, schedule: Schedule
) -> Fit:
    def fit(condition: str, chosen: torch.Tensor) -> Estimate:
        xy, confidence = observed(truth, condition, torch.Generator().manual_seed(0))
        keypoints = Keypoints(xy.numpy(), confidence.numpy(), "mediapipe", noise_floor=0.0)[chosen.tolist()]
        problem, start = initialize(body, space, regressor, keypoints, truth.camera[chosen])
        solver = (LevenbergMarquardt if order == "Levenberg-Marquardt" else AdamSolver)(body, space, SHIPPED)
        return refine(solver, schedule, problem, start, regressor)[1]

    return fit


def _errors(body: Body, space: PenalisedCodes, truth: People, fit: Fit, condition: str) -> torch.Tensor:
    """PA-MPJPE of all people."""
    ends = [fit(condition, chosen) for chosen in torch.arange(len(truth.xy)).split(max(BATCHES))]
    found = [body(end.orient, space.decode(end.pose), end.betas).joints[:, :22] for end in ends]
    true = body(truth.orient, truth.body_pose, truth.betas).joints[:, :22]
    return 1000 * pa_mpjpe(torch.cat(found), true)


def _seconds(fit: Fit, chosen: torch.Tensor) -> float:
    found = []
    for _ in range(3):
        started = time.process_time()
        fit("noise", chosen)
        found.append(time.process_time() - started)
    return sorted(found)[1]


if __name__ == "__main__":
    tyro.cli(main)
