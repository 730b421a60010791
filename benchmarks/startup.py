"""Total run time of commands: ``python -m benchmarks.startup --out docs/benchmarks``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import tyro
from rich.console import Console

from benchmarks.commands import command
from benchmarks.machine import machine
from benchmarks.tables import Table
from qposer.io.assets import asset
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

DEMOS = Path(__file__).resolve().parent.parent / "demos"

TORCH = 'python -c "import torch"'
DETECTOR = "the detector alone: its imports, one photo"
FIT = "demos/fit_image.py PHOTO --no-hands"
WITH_HANDS = "demos/fit_image.py PHOTO"
TIMES = 2.5
"""Time limit of a fit without the detector, as a multiple of importing torch."""

_DETECT = """\
from fitting.inputs.detect import detect
from fitting.inputs.images import read_image
detect(read_image({photo!r}).rgb)
"""

PAGE = """\
# Start-up

Run time of complete processes in seconds: medians of {rounds}, minimum and maximum in brackets.
All commands alternate in one run. The photo is `assets/walk_side.jpg`.

`{command}`; {machine}.

## A photo

{photo}

{verdict}

## `--help`

{help}
"""


def main(rounds: int = 5, out: Path | None = None) -> None:
    """Time complete processes: imports, the detector, a fit of the shipped photo, and `--help` of every demo.

    Args:
        rounds: number of runs of each command.
        out: folder for startup.md.

    Raises:
        ValueError: ``rounds`` is below 1.
    """
    console = Console(width=120)
    with cli_errors("benchmarks.startup"):
        if rounds < 1:
            raise ValueError(f"{rounds} rounds are too few: use at least 1")
        with tempfile.TemporaryDirectory() as folder:
            photo = photo_commands(asset("walk_side.jpg"), Path(folder))
            helps = help_commands()
            seconds = measure({**photo, **helps}, rounds)
        tables = [table({name: seconds[name] for name in names}) for names in (photo, helps)]
        for title, rows in zip(("A photo", "--help"), tables, strict=True):
            console.print(rows.for_console(title))
        conclusion = verdict({name: median(values) for name, values in seconds.items()})
        console.print(f"{conclusion}\n{machine()}", highlight=False)
        if out:
            run = command("benchmarks.startup", main, rounds=rounds, out=out)
            page = PAGE.format(
                rounds=rounds,
                command=run,
                machine=machine(),
                photo=tables[0].markdown(),
                verdict=conclusion,
                help=tables[1].markdown(),
            )
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "startup.md") as temporary:
                temporary.write_text(page, encoding="utf-8")


def photo_commands(photo: Path, out: Path) -> dict[str, list[str]]:
    """The parts of a fit to a photo, and the whole fit, by name.

    Args:
        photo: photo to fit.
        out: output folder of the fit.

    Returns:
        Python arguments.
    """
    return {
        TORCH: ["-c", "import torch"],
        "import qposer": ["-c", "import qposer"],
        "import fitting": ["-c", "import fitting"],
        "from qposer import CodePrior": ["-c", "from qposer import CodePrior"],
        "from fitting import Fitter": ["-c", "from fitting import Fitter"],
        DETECTOR: ["-c", _DETECT.format(photo=str(photo))],
        FIT: [str(DEMOS / "fit_image.py"), str(photo), "--out", str(out), "--no-hands"],
        WITH_HANDS: [str(DEMOS / "fit_image.py"), str(photo), "--out", str(out)],
    }


def help_commands() -> dict[str, list[str]]:
    """`--help` of every demo, by its command."""
    demos = [path for path in sorted(DEMOS.glob("*.py")) if "run(" in path.read_text(encoding="utf-8")]
    return {f"demos/{path.name} --help": [str(path), "--help"] for path in demos}


def measure(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[float]]:
    """Time each command in alternating rounds.

    Args:
        commands: Python arguments by name.
        rounds: number of runs of each command.

    Returns:
        Wall-clock seconds by name, one for each round.

    Raises:
        subprocess.CalledProcessError: a command failed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], cwd=DEMOS.parent, capture_output=True, check=True)
            seconds[name].append(time.perf_counter() - started)
    return seconds


def table(seconds: Mapping[str, Sequence[float]]) -> Table:
    """A row for each command: median, lowest and highest."""
    rows = [[name, f"{median(s):.2f} [{min(s):.2f}, {max(s):.2f}]"] for name, s in seconds.items()]
    return Table(["", "seconds"], rows)


def verdict(seconds: Mapping[str, float]) -> str:
    """Compare the time of a fit with its limit.

    Args:
        seconds: median seconds of each command, by name.

    Returns:
        One line.
    """
    allowed = TIMES * seconds[TORCH] + seconds[DETECTOR]
    without = (seconds[FIT] - seconds[DETECTOR]) / seconds[TORCH]
    return (
        f"A fit takes {seconds[FIT]:.2f} s; {TIMES:g} times importing torch plus the detector are {allowed:.2f} s. "
        f"Without the detector it takes {without:.1f} times as long as importing torch."
    )


if __name__ == "__main__":
    tyro.cli(main)
