"""Compare QPoser with other body pose priors: reconstruction, plausibility, generation, completion, denoising, edits.

``python -m benchmarks.prior --data poses.npz --runs runs --out docs/benchmarks`` writes prior.md and its pictures;
``python -m benchmarks.prior --quick`` prints rough figures of the shipped weights in two minutes.
"""

from __future__ import annotations

from pathlib import Path

import tyro
from rich.console import Console

from benchmarks.cache import Cache
from benchmarks.machine import machine
from benchmarks.prior import report
from benchmarks.prior.contenders import load_baselines, load_qposer
from benchmarks.prior.measurements import QUICK, Sizes, measure_all
from benchmarks.prior.poses import Poses
from qposer.io.cli_errors import cli_errors


def main(
    data: Path | None = None,
    runs: Path = Path("runs"),
    out: Path | None = None,
    cache: Path = Path("runs/benchmarks"),
    quick: bool = False,
    qposer: Path | None = None,
    codeprior: Path | None = None,
) -> None:
    """Measure QPoser and the baselines, print the tables, and write them to ``out`` if given.

    An interrupted run resumes, and results for unchanged weights are read from the cache.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``; not needed with --quick.
        runs: folder of the baselines' runs (vposer-*, gmm, diffusion); missing runs are skipped.
        out: folder for prior.md and images/; by default, nothing is written.
        cache: folder of the cached results.
        quick: use the small included set of poses, without baselines.
        qposer: weights of the autoencoder; default: the shipped ones.
        codeprior: weights of the code prior; default: the shipped ones.

    Raises:
        ValueError: neither ``data`` nor ``quick`` is given.
    """
    console = Console(width=120)
    with cli_errors("benchmarks.prior"):
        if data is None and not quick:
            raise ValueError("give poses with --data poses.npz, or use the small included set with --quick")
        sizes = QUICK if quick else Sizes()
        baselines, missing = ([], ["the baselines, which --quick skips"]) if quick else load_baselines(runs)
        contenders = [load_qposer(qposer, codeprior), *baselines]
        poses = Poses.quick() if data is None else Poses.load(data)
        kept = Cache(cache)
        found = measure_all(contenders, poses, sizes, kept, console)
        given = {"--data": data, "--runs": None if quick else runs, "--out": out}
        options = " ".join([*(f"{flag} {path}" for flag, path in given.items() if path), *["--quick"] * quick])
        facts = [
            f"Command: `python -m benchmarks.prior {options}`, {kept.seconds / 60:.0f} minutes on one core.",
            f"Machine: {machine()}.",
            f"Weights of QPoser: {qposer or 'the shipped ones'}; of its code prior: {codeprior or 'the shipped ones'}.",
            f"Seeds: {sizes.denoising.seed}; {sizes.tuning.seed} for tuning and for samples.",
            *(["Validation poses: included poses of training subjects."] if data is None else []),
            *(f"Missing: {line}." for line in missing),
        ]
        report.show(found, sizes, facts, console)
        if out:
            console.print(f"written: {report.write(found, sizes, facts, out)}")


if __name__ == "__main__":
    tyro.cli(main)
