"""Photos a second of a folder's run: ``python -m benchmarks.throughput --out docs/benchmarks``. Needs Ray."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import torch
import tyro
from rich.console import Console

from benchmarks.commands import command
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.inputs.detect import Detector, detect
from fitting.inputs.images import read_image
from fitting.output.exports import write_fit
from qposer.io.assets import asset
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

DEMOS = Path(__file__).resolve().parent.parent / "demos"

LOOP, FOLDER = "fit_image.py, one photo after another", "fit_folder.py"
ONE, TWO = "fit_folder.py --ray local --workers 1", "fit_folder.py --ray local --workers 2"
LEAN = f"{TWO}, Parquet only, 1 hypothesis"

FIRST = 8
"""Photos of the run that times the start."""

TIMES, SCALING = 4.0, 1.8
"""Required speed of two workers relative to the loop, and to one worker."""

PAGE = """\
# Throughput

Photos a second, from the photo's file to all files of the result, the detector included. The photos are copies of
`assets/walk_side.jpg` (1768 x 994 pixels). Rates of folders are those of {photos} photos after the first {first}: the
difference of two runs, so that loading does not count; it takes {start:.0f} s for two workers. The loop loads
everything for each photo.

`{command}`; {machine}; load average {load:.1f} at the end.

{rates}

{verdict}

## Where the time goes

Processor time of one photo on one thread, median of {rounds}. Fits in a batch are those of `--ray`.

{parts}
"""


def main(photos: int = 64, loop: int = 6, rounds: int = 5, out: Path | None = None) -> None:
    """Time folders of photos against one process for each photo.

    Args:
        photos: number of photos in a folder's run, besides those of the run that times its start.
        loop: number of photos of the loop.
        rounds: repetitions of each part of a fit.
        out: folder for throughput.md.
    """
    console = Console(width=120)
    with cli_errors("benchmarks.throughput"), tempfile.TemporaryDirectory() as scratch:
        rates, start = _rates(Path(scratch), photos, loop)
        table = Table(
            ["", "photos per second", "relative to the loop"],
            [[name, f"{rate:.2f}", f"{rate / rates[LOOP]:.1f}"] for name, rate in rates.items()],
        )
        parts = Table(["", "seconds"], [[name, f"{seconds:.3f}"] for name, seconds in _parts(rounds).items()])
        conclusion = verdict(rates)
        for title, one in (("Photos per second", table), ("Where the time goes", parts)):
            console.print(one.for_console(title))
        console.print(f"{conclusion}\n{machine()}, load {os.getloadavg()[0]:.1f}", highlight=False)
        if out:
            page = PAGE.format(
                photos=photos,
                first=FIRST,
                start=start,
                command=command("benchmarks.throughput", main, photos=photos, loop=loop, rounds=rounds, out=out),
                machine=machine(),
                load=os.getloadavg()[0],
                rates=table.markdown(),
                verdict=conclusion,
                rounds=rounds,
                parts=parts.markdown(),
            )
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "throughput.md") as temporary:
                temporary.write_text(page, encoding="utf-8")


def _rates(scratch: Path, photos: int, loop: int) -> tuple[dict[str, float], float]:
    """Photos a second of every way, and the seconds that two workers need to start."""
    photo = asset("walk_side.jpg")
    few, many = scratch / "few", scratch / "many"
    for folder, count in ((few, FIRST), (many, FIRST + photos)):
        folder.mkdir()
        for number in range(count):
            shutil.copy(photo, folder / f"{number:04d}.jpg")
    started = time.perf_counter()
    for number in range(loop):
        _run("fit_image.py", photo, scratch / f"loop{number}")
    rates, start = {LOOP: loop / (time.perf_counter() - started)}, 0.0
    ray = ("--ray", "local", "--batch", "4")
    ways: dict[str, Sequence[str]] = {FOLDER: (), ONE: (*ray, "--workers", "1"), TWO: (*ray, "--workers", "2")}
    ways = {**ways, LEAN: (*ways[TWO], "--no-folders", "--hypotheses", "1")}
    for name, options in ways.items():
        seconds = []
        for folder in (few, many):
            started = time.perf_counter()
            _run("fit_folder.py", folder, scratch / f"{name}-{folder.name}", *options)
            seconds.append(time.perf_counter() - started)
        rates[name] = photos / (seconds[1] - seconds[0])
        start = seconds[0] - FIRST / rates[name] if name == TWO else start
    return rates, start


def _run(demo: str, source: Path, out: Path, *options: str) -> None:
    line = [sys.executable, str(DEMOS / demo), str(source), "--out", str(out), *options]
    subprocess.run(line, capture_output=True, check=True)


def _parts(rounds: int) -> dict[str, float]:
    """Processor seconds of the parts of a fit."""
    torch.set_num_threads(1)
    photo = read_image(asset("walk_side.jpg"))
    fitter = Fitter()
    with ExitStack() as stack, tempfile.TemporaryDirectory() as out:
        detector = stack.enter_context(Detector())
        keypoints = detect(photo.rgb, 1, True, detector)
        results = fitter.fit_photo(photo, keypoints=keypoints, hypotheses=5)
        work: dict[str, tuple[int, Callable[[], object]]] = {
            "reading the photo": (1, lambda: read_image(asset("walk_side.jpg"))),
            "detection": (1, lambda: detect(photo.rgb, 1, True, detector)),
            "loading the detector for one photo, once for a folder": (1, lambda: Detector().__enter__().__exit__()),
            "fit, 5 hypotheses": (1, lambda: fitter.fit_photo(photo, keypoints=keypoints, hypotheses=5)),
            "fit, 5 hypotheses, in a batch of 16": (
                16,
                lambda: fitter.fit_photos([photo] * 16, [keypoints] * 16, hypotheses=5),
            ),
            "fit, 1 hypothesis": (1, lambda: fitter.fit_photo(photo, keypoints=keypoints)),
            "fit, 1 hypothesis, in a batch of 16": (16, lambda: fitter.fit_photos([photo] * 16, [keypoints] * 16)),
            "drawing and writing all files": (1, lambda: write_fit(out, "all", photo, results)),
            "writing without pictures and meshes": (
                1,
                lambda: write_fit(out, "few", photo, results, (), pictures=False),
            ),
        }
        return {name: _seconds(call, rounds) / count for name, (count, call) in work.items()}


def _seconds(call: Callable[[], object], rounds: int) -> float:
    found = []
    for _ in range(rounds):
        started = time.process_time()
        call()
        found.append(time.process_time() - started)
    return median(found)


def verdict(rates: Mapping[str, float]) -> str:
    """Compare the rates with what is required.

    Args:
        rates: photos per second by name.

    Returns:
        One line.
    """
    return (
        f"Two workers are {rates[TWO] / rates[LOOP]:.1f} times as fast as the loop (required: {TIMES:g}) and "
        f"{rates[TWO] / rates[ONE]:.2f} times as fast as one worker (required: {SCALING:g})."
    )


if __name__ == "__main__":
    tyro.cli(main)
