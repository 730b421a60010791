"""Priors and fits on SMPL poses from other sources, compared with CMU test subjects.

``python -m benchmarks.foreign --data poses.npz --out docs/benchmarks`` writes foreign.md.
"""

from __future__ import annotations

import time
from functools import partial
from inspect import signature
from pathlib import Path

import torch
import tyro
from rich.console import Console

from benchmarks.baselines.no_prior import NoPrior
from benchmarks.commands import command
from benchmarks.fitting.contenders import load_contenders, shipped
from benchmarks.foreign import report
from benchmarks.foreign.measurements import Settings, drop_in_error, fits, plausibility
from benchmarks.foreign.poses import FOREIGN_FILE, cmu_poses, foreign_poses
from benchmarks.machine import machine
from benchmarks.prior.contenders import load_baselines, load_qposer
from benchmarks.prior.plausibility import REAL
from qposer.body_pose.rotations import axis_angle_to_matrix, nearest_rotation
from qposer.io.cli_errors import cli_errors


def main(
    data: Path,
    foreign: Path = FOREIGN_FILE,
    runs: Path = Path("runs"),
    out: Path | None = None,
    poses: int = 2000,
    people: int = 200,
    fit_others: bool = False,
    seed: int = 0,
) -> None:
    """Measure QPoser and the baselines on both sets of poses, print the tables, and write foreign.md to ``out``.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        foreign: npz of SMPL poses from other sources: pose (frames, 24, 3), sequence (frames,).
        runs: folder of the baselines' runs (vposer-*, gmm, diffusion); missing runs are skipped.
        out: folder for foreign.md; by default, nothing is written.
        poses: number of poses of each set for the energies.
        people: number of people of each set to fit.
        fit_others: also fit with the baselines; the choice of their weights on validation poses is slow.
        seed: seed of samples, negatives and synthetic photos.
    """
    console = Console(width=140)
    with cli_errors("benchmarks.foreign"):
        if not foreign.is_file():
            console.print(f"benchmarks.foreign: skipped, there is no {foreign}: give foreign SMPL poses with --foreign")
            return
        started = time.process_time()
        settings = Settings(poses, people, seed)
        validation = cmu_poses(data, "validation")
        found = report.Found([cmu_poses(data, "test"), foreign_poses(foreign)])
        baselines, missing = load_baselines(runs)
        for contender in [load_qposer(None, None), *baselines]:
            if not isinstance(contender.prior, NoPrior):
                on = partial(plausibility, contender.prior, settings=settings)
                found.plausibility[contender.name] = [on(one) for one in found.sets]
                energies = torch.tensor(on(validation).result["energy"][REAL])
                found.limits[contender.name] = energies.quantile(0.95).item()
        first = next(iter(found.plausibility.values()))
        found.drop_in = [drop_in_error(one.poses.body_pose) for one in first]
        mean_pose = nearest_rotation(axis_angle_to_matrix(cmu_poses(data, "train").body_pose).mean(0))
        for fit in load_contenders(runs) if fit_others else shipped():
            found.fits[fit.name] = [fits(fit, one, validation, mean_pose, settings) for one in found.sets]
        for title, table in report.tables(found).items():
            console.print(table.for_console(title))
        given = (data, foreign, runs, out, poses, people, fit_others, seed)
        asked_for = command("benchmarks.foreign", main, **dict(zip(signature(main).parameters, given, strict=True)))
        facts = [
            f"Command: `{asked_for}`, {(time.process_time() - started) / 60:.0f} minutes on one core.",
            f"Machine: {machine()}.",
            f"Poses for energies: at most {poses} per set. Seed: {seed}.",
            *(f"Missing: {line}." for line in missing),
        ]
        if out:
            console.print(f"written: {report.write(found, people, facts, out)}")


if __name__ == "__main__":
    tyro.cli(main)
