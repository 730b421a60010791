"""Commands on damaged inputs, and runs that are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.robustness.damage import damaged
from benchmarks.robustness.inputs import Kind
from qposer.io.assets import asset
from qposer.io.npz import read_npz

ROOT = Path(__file__).resolve().parent.parent.parent

LONGEST = 180.0
"""Seconds after which a command counts as hanging."""

_COMMANDS = {
    "images": ("fit_image.py", ()),
    "keypoints": ("fit_image.py", (str(asset("upper_body.png")), "--keypoints")),
    "bodies": ("fit_image.py", (str(asset("upper_body.png")), "--body")),
    "pickles": ("fit_image.py", (str(asset("upper_body.png")), "--body")),
    "poses": ("complete.py", ("--number", "1", "--pose")),
    "results": ("complete.py", ("--number", "1", "--pose")),
    "videos": ("fit_video.py", ()),
}
"""For each kind of input, the demo that reads it and the arguments before the file."""

_UNKNOWN_ERRORS = "reprojection_error_px"
"""The only array in which NaN is valid: no person was detected in that frame."""


@dataclass
class Commands:
    """Outcomes of commands on damaged files."""

    valid: int = 0
    rejected: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    """Numbers of other outcomes by description."""
    slowest: float = 0.0
    """Longest time of a command in seconds."""
    kept: list[tuple[str, bytes]] = field(default_factory=list)
    """Names and contents of files with other outcomes."""


def commands(
    kinds: Sequence[Kind], number: int, seed: int, folder: Path, on_step: Callable[[], None] = lambda: None
) -> Commands:
    """Run commands, each with a damaged file.

    Args:
        kinds: kinds of inputs; those without a command are skipped.
        number: number of commands.
        seed: seed of the damage.
        folder: folder for inputs and results; it is created, and emptied at the end.
        on_step: called after each input.

    Returns:
        Numbers of commands by outcome.
    """
    rng, found = np.random.default_rng(seed), Commands()
    read = [kind for kind in kinds if kind.name in _COMMANDS]
    for index in range(number):
        kind = read[index % len(read)]
        name = list(kind.files)[rng.integers(len(kind.files))]
        content = damaged(kind.files[name], kind.files[name], rng)
        begun = time.monotonic()
        verdict = _verdict(kind, name, content, folder)
        found.slowest = max(found.slowest, time.monotonic() - begun)
        if verdict == "valid":
            found.valid += 1
        elif verdict == "rejected":
            found.rejected += 1
        else:
            found.wrong[f"{kind.name}: {verdict}"] += 1
            found.kept.append((name, content))
        on_step()
    return found


def _verdict(kind: Kind, name: str, content: bytes, folder: Path) -> str:
    """Run the command that reads the file; ``valid``, ``rejected``, or a description of the failure."""
    given, out, temporary = (folder / part for part in ("given", "out", "temporary"))
    for made in (given, temporary):
        made.mkdir(parents=True)
    (given / name).write_bytes(content)
    demo, before = _COMMANDS[kind.name]
    line = [sys.executable, str(ROOT / "demos" / demo), *before, str(given / name), "--out", str(out)]
    try:
        ended = subprocess.run(
            line,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=LONGEST,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        return _judged(ended, out, [*temporary.iterdir(), *(file for file in given.iterdir() if file.name != name)])
    except subprocess.TimeoutExpired:
        return f"runs for more than {LONGEST:g} s"
    finally:
        shutil.rmtree(folder)


def _judged(ended: subprocess.CompletedProcess[str], out: Path, left: list[Path]) -> str:
    if left:
        return f"leaves {', '.join(path.name for path in left)}"
    if ended.returncode == 0 and not ended.stderr:
        return "valid" if _finite(out) else "NaN or no result at exit status 0"
    if ended.returncode == 2 and ended.stderr.count("\n") == 1:
        results = [path.name for path in out.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
        return f"leaves {', '.join(results)} after an error" if results else "rejected"
    return f"status {ended.returncode}, {ended.stderr.count(chr(10))} lines: {ended.stderr[-400:]!r}"


def _finite(out: Path) -> bool:
    """Whether there are results and all their numbers are finite."""
    archives = [read_npz(path) for path in out.rglob("*.npz") if not path.parent.name.startswith(".")]
    arrays = {name: array for archive in archives for name, array in archive.items() if array.dtype.kind == "f"}
    return bool(arrays) and all(np.isfinite(array).all() for name, array in arrays.items() if name != _UNKNOWN_ERRORS)


@dataclass(frozen=True)
class Kills:
    """Effects of kills at random times on a run that is restarted after each."""

    lost: int
    """Number of finished parts that are missing or different after a later run."""
    differing: tuple[str, ...]
    """Files that only the last run or only an uninterrupted run leaves."""


def kills(
    line: Sequence[str],
    out: Path,
    parts: str,
    number: int,
    seed: int,
    wait: Callable[[float], None] = time.sleep,
) -> Kills:
    """Kill a command (SIGKILL) at random times, restart it after each kill, and let the last run finish.

    Args:
        line: the command, without ``--out``.
        out: output folder; the results of an uninterrupted run are written next to it.
        parts: pattern of the files of finished work, relative to ``out``.
        number: number of kills.
        seed: seed of the times of the kills.
        wait: function that waits for a number of seconds.

    Returns:
        Lost parts and differing files.
    """
    rng, uninterrupted = np.random.default_rng(seed), out.with_name(f"{out.name}-uninterrupted")
    begun = time.monotonic()
    subprocess.run([*line, "--out", str(uninterrupted)], capture_output=True, check=True)
    whole, kept, lost = time.monotonic() - begun, dict[Path, bytes](), 0
    for _ in range(number):
        with subprocess.Popen([*line, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            wait(rng.uniform(0, whole))
            run.send_signal(signal.SIGKILL)
        now = _contents(out, parts)
        lost += sum(now.get(path) != content for path, content in kept.items())
        kept = now
    subprocess.run([*line, "--out", str(out)], capture_output=True, check=True)
    now = _contents(out, parts)
    lost += sum(now.get(path) != content for path, content in kept.items())
    return Kills(lost, tuple(sorted(_names(out) ^ _names(uninterrupted))))


def _contents(folder: Path, pattern: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.glob(pattern) if path.is_file()}


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
