"""How close fits to made-up photos come to the truth: ``python -m benchmarks.fitting --data poses.npz``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.machine import machine
from benchmarks.synthetic import CONDITIONS, People, observed, people
from fitting.body import Body
from fitting.fit import Fitter
from fitting.keypoints import Keypoints
from fitting.solver import Estimate, Weights
from fitting.stages import FitSettings
from qposer.data.dataset import PoseDataset
from qposer.metrics import mpjpe, pa_mpjpe


@dataclass(frozen=True)
class Errors:
    """Of every person."""

    pa_mpjpe_mm: Float[Tensor, "people"]
    mpjpe_mm: Float[Tensor, "people"]
    mpvpe_mm: Float[Tensor, "people"]
    """Mean distance of vertices, the pelvis aligned."""
    percent_2d: Float[Tensor, "people"]
    """Distance of all landmarks, seen or not, to the true ones, in percent of the person's height."""


@torch.no_grad()
def errors(fitter: Fitter, truth: People, estimate: Estimate) -> Errors:
    """Compare fits with the truth, over 22 joints."""
    body_pose = fitter.body_pose(estimate)
    found = fitter.body(estimate.orient, body_pose, estimate.betas)
    true = fitter.body(truth.orient, truth.body_pose, truth.betas)
    joints, true_joints = (output.joints[:, :22] - output.joints[:, :1] for output in (found, true))
    vertices, true_vertices = (output.vertices - output.joints[:, :1] for output in (found, true))
    xy = truth.camera.project(fitter.body.landmarks(estimate.orient, body_pose, estimate.betas, estimate.transl))
    return Errors(
        pa_mpjpe_mm=1000 * pa_mpjpe(joints, true_joints),
        mpjpe_mm=1000 * mpjpe(joints, true_joints),
        mpvpe_mm=1000 * mpjpe(vertices, true_vertices),
        percent_2d=100 * mpjpe(xy, truth.xy) / truth.height,
    )


def interval(values: Float[Tensor, "people"], samples: int = 2000) -> str:
    """Mean and bootstrap 95 % interval."""
    draws = torch.randint(len(values), (samples, len(values)), generator=torch.Generator().manual_seed(0))
    low, high = values[draws].mean(-1).quantile(torch.tensor([0.025, 0.975])).tolist()
    return f"{values.mean():.1f} [{low:.1f}, {high:.1f}]"


def main(
    data: Path,
    split: Literal["validation", "test"] = "test",
    number: int = 500,
    conditions: tuple[str, ...] = CONDITIONS,
    batch: int = 64,
    residual: bool = False,
    prior_weight: float | None = None,
    seed: int = 0,
) -> None:
    """Fit made-up photos of one split's poses, and print the errors with bootstrap 95 % intervals.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        split: whose poses; settings are chosen on validation, figures reported on test.
        number: people.
        conditions: which of clean, noise, missing, legs missing, side missing, outliers.
        batch: people fitted together.
        residual: with the residual rotations after the codes.
        prior_weight: instead of the usual one.
        seed: of the made-up photos and of the fit.
    """
    console = Console(width=120)
    body = Body.open()
    weights = Weights() if prior_weight is None else Weights(prior=prior_weight)
    fitter = Fitter(body, settings=FitSettings(residual, seed, weights))
    truth = people(body, PoseDataset.load(data).body_pose(split), number, torch.Generator().manual_seed(seed))
    table = Table(title=f"{number} {split} poses; {machine()}", caption="mean [95 % interval]; mm, percent, seconds")
    for column in ("condition", "PA-MPJPE", "MPJPE", "MPVPE", "2D %", "s a fit"):
        table.add_column(column, justify="right", no_wrap=True)
    for condition in conditions:
        xy, confidence = observed(truth, condition, torch.Generator().manual_seed(seed))
        keypoints = Keypoints(xy.numpy(), confidence.numpy(), "mediapipe")
        started = time.perf_counter()
        parts = [
            fitter.solve(keypoints[chunk.tolist()], truth.camera[chunk])[1]
            for chunk in torch.arange(number).split(batch)
        ]
        seconds = (time.perf_counter() - started) / number
        estimate = Estimate(**{name: torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])})
        measured = errors(fitter, truth, estimate)
        table.add_row(condition, *(interval(value) for value in vars(measured).values()), f"{seconds:.2f}")
    console.print(table)


if __name__ == "__main__":
    tyro.cli(main)
