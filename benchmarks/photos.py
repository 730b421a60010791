"""2D errors and times of fits to photos: ``python -m benchmarks.photos assets/walk_side.jpg assets/upper_body.png``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from fitting.output.results import read_result

DEMO = Path(__file__).resolve().parent.parent / "demos" / "fit_image.py"


def main(photos: Annotated[tuple[Path, ...], tyro.conf.Positional], people: int = 1) -> None:
    """Run the demo on each photo in a separate process, and print errors and total seconds.

    Args:
        photos: photos to fit.
        people: maximum number of people on each photo.
    """
    table = Table(
        title=machine(), caption="2D error: mean over visible keypoints; height: standing, at the person's depth"
    )
    for column in ("photo", "person", "2D error px", "% of height", "% of box", "total s"):
        table.add_column(column, justify="right")
    for photo in photos:
        with tempfile.TemporaryDirectory() as out:
            started = time.perf_counter()
            command = [sys.executable, str(DEMO), str(photo), "--out", out, "--people", str(people)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - started
            for folder in sorted(Path(out, photo.stem).iterdir()):
                result = read_result(folder)
                left, top, right, bottom = result.keypoints.boxes[0]
                box = 100 * result.reprojection_error_px / max(bottom - top, right - left)
                table.add_row(
                    photo.name,
                    folder.name,
                    f"{result.reprojection_error_px:.1f}",
                    f"{result.reprojection_error_percent:.2f}",
                    f"{box:.2f}",
                    f"{seconds:.1f}",
                )
    Console(width=120).print(table)


if __name__ == "__main__":
    tyro.cli(main)
