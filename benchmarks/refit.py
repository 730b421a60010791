"""Time of a corrected fit: ``python -m benchmarks.refit --out docs/benchmarks``.

Writes refit.md. Run it on a machine without other load.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console

from benchmarks.commands import command
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.output.fit_result import FitResult
from qposer.io.assets import asset
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

PAGE = """# Corrected fits

Seconds of one call on `assets/walk_side.jpg` with loaded models and one thread: medians of {repeats}, with minimum and
maximum in brackets. A *fit* starts from the regressor's prediction; the others are `Fitter.refit` from its result.

{table}

{facts}
"""


def timed(call: Callable[[], object], repeats: int) -> str:
    """Time a call after a warm-up.

    Args:
        call: the call.
        repeats: number of timed calls.

    Returns:
        Median, minimum and maximum in seconds.
    """
    call()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return f"{np.median(seconds):.2f} [{min(seconds):.2f}, {max(seconds):.2f}]"


def corrections(fitter: Fitter, result: FitResult) -> dict[str, Callable[[], object]]:
    """The calls to time.

    Args:
        fitter: models and settings.
        result: a fit.

    Returns:
        Calls by name.
    """
    x, y = result.keypoints.xy[0, result.keypoints.names.index("left_wrist")].tolist()
    size = int(result.image_size[0]), int(result.image_size[1])
    keypoints = dataclasses.replace(result.keypoints, hands=None)
    body = dataclasses.replace(result, keypoints=keypoints, hands=None)
    return {
        "fit": lambda: fitter.fit_keypoints(result.keypoints, size),
        "fit without hands": lambda: fitter.fit_keypoints(keypoints, size),
        "fit with 5 hypotheses": lambda: fitter.fit_keypoints(result.keypoints, size, hypotheses=5),
        "a moved keypoint": lambda: fitter.refit(result, moved={"left_wrist": (x + 10, y)}),
        "a moved keypoint, without hands": lambda: fitter.refit(body, moved={"left_wrist": (x + 10, y)}),
        "a known height": lambda: fitter.refit(result, height=1.7),
        "left hand on the left hip": lambda: fitter.refit(result, holds=("left hand on the left hip",)),
    }


def main(repeats: int = 15, out: Path | None = None) -> None:
    """Time corrected fits, and print the table.

    Args:
        repeats: number of timed calls.
        out: folder for refit.md.
    """
    console = Console(width=120)
    with cli_errors("benchmarks.refit"):
        torch.set_num_threads(1)
        fitter = Fitter()
        (result,) = fitter.fit_photo(asset("walk_side.jpg"))
        rows = [[name, timed(call, repeats)] for name, call in corrections(fitter, result).items()]
        table = Table(["", "seconds"], rows)
        console.print(table.for_console(machine()))
        if out:
            facts = f"Command: `{command('benchmarks.refit', main, repeats=repeats, out=out)}`.\nMachine: {machine()}."
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "refit.md") as temporary:
                page = PAGE.format(repeats=repeats, table=table.markdown(), facts=facts)
                temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
