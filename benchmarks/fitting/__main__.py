"""Accuracy of fits to synthetic photos, with QPoser and with other priors.

``python -m benchmarks.fitting --data poses.npz --runs runs --out docs/benchmarks`` writes fitting.md and its picture;
``python -m benchmarks.fitting --quick`` prints rough figures of the shipped fit in two minutes, without data.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console

from benchmarks.cache import Cache
from benchmarks.fitting import adam, protocol, report
from benchmarks.fitting.contenders import Contender, load_contenders, shipped
from benchmarks.fitting.people import people
from benchmarks.machine import machine
from benchmarks.prior.poses import Poses, file_digest
from fitting.body.body import Body
from fitting.optimise import assembly, landmark_jacobian, levenberg_marquardt, problem, regressor, schedule
from fitting.optimise.pose_space import RelaxedCodes
from qposer.body_pose.rotations import axis_angle_to_matrix, nearest_rotation
from qposer.io.assets import asset
from qposer.io.cli_errors import cli_errors

TUNING_PEOPLE = 48
QUICK_PEOPLE = 64

_MODULES = (
    schedule,
    problem,
    assembly,
    levenberg_marquardt,
    landmark_jacobian,
    regressor,
    adam,
    protocol,
)
"""Modules that the results depend on."""


def main(
    data: Path | None = None,
    runs: Path = Path("runs"),
    out: Path | None = None,
    cache: Path = Path("runs/benchmarks"),
    quick: bool = False,
    split: Literal["validation", "test"] = "test",
    number: int = 500,
    seed: int = 0,
) -> None:
    """Fit synthetic photos of one split's poses, print the errors, and write fitting.md to ``out`` if given.

    An interrupted run resumes.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``; not needed with --quick.
        runs: folder of the baselines' runs (vposer-*, gmm, diffusion).
        out: folder for fitting.md and images/; by default, nothing is written.
        cache: folder of the cached results.
        quick: use the small included set of poses, and measure only the shipped fit.
        split: split of the poses; settings are chosen on validation, figures reported on test.
        number: number of people.
        seed: seed of the synthetic photos and of the fits.

    Raises:
        ValueError: neither ``data`` nor ``quick`` is given.
    """
    console = Console(width=140)
    with cli_errors("benchmarks.fitting"):
        if data is None and not quick:
            raise ValueError("give poses with --data poses.npz, or use the small included set with --quick")
        poses = Poses.quick() if data is None else Poses.load(data)
        number = min(number, QUICK_PEOPLE) if quick else number
        contenders = shipped() if quick else load_contenders(runs)
        kept = Cache(cache)
        body, guesser = Body.open(), regressor.Regressor.from_pretrained()
        mean_pose = nearest_rotation(axis_angle_to_matrix(poses.train).mean(0))

        def bench(side: str, count: int) -> protocol.Bench:
            of_side = poses.test if side == "test" else poses.validation
            truth = people(body, of_side, count, torch.Generator().manual_seed(seed))
            return protocol.Bench(body, guesser, truth, mean_pose, seed)

        tuning, measured = bench("validation", TUNING_PEOPLE), bench(split, number)
        common = {"poses": poses.digest, "seed": seed}
        rows: report.Rows = {}
        weights = []
        for contender in contenders:
            on = common | {"files": [file_digest(file) for file in _files(contender)], "contender": contender.name}
            chosen = kept.result(f"fitting-weight-{contender.name}", on, partial(protocol.tuned, tuning, contender))
            weighed = contender.weighing(chosen["weight"])
            weights.append(f"{contender.name} {chosen['weight']:.2g}")
            rows[contender.name] = {}
            for condition in protocol.ALL_CONDITIONS:
                which = on | {"weight": chosen["weight"], "condition": condition, "split": split, "number": number}
                measure = partial(protocol.measure, measured, weighed, condition)
                result = kept.result(f"fitting-{contender.name}-{condition}", which, measure)
                rows[contender.name][condition] = result
                error = protocol.mean(result["pa_mpjpe"])
                console.print(f"{contender.name}, {condition}: {error:.1f} mm, {result['seconds']:.2f} s per fit")
        for title, table in report.tables(rows).items():
            console.print(table.for_console(title))
        given = {"--data": data, "--runs": runs, "--out": out}
        options = " ".join(f"{flag} {path}" for flag, path in given.items() if path)
        facts = [
            f"Command: `python -m benchmarks.fitting {options}`, {kept.seconds / 60:.0f} minutes on one core.",
            f"Machine: {machine()}; batches of {protocol.BATCH}.",
            f"Seed: {seed}. Weights of the priors: {', '.join(weights)}.",
        ]
        if out:
            console.print(f"written: {report.write(rows, report.Facts(number, split, facts), out)}")


def _files(contender: Contender) -> list[Path]:
    """Files of weights and code that a contender's results depend on."""
    own = ("codeprior.safetensors", "qposer.safetensors") if isinstance(contender.space, RelaxedCodes) else ()
    code = (Path(str(module.__file__)) for module in _MODULES)
    return [*(asset(name) for name in ("start.safetensors", *own)), *code]


if __name__ == "__main__":
    tyro.cli(main)
