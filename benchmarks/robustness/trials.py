"""Damaged inputs in this process, one after the other."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.robustness.damage import damaged
from benchmarks.robustness.inputs import Kind


@dataclass
class Tally:
    """What became of the damaged files of a kind."""

    kind: str
    sound: int = 0
    refused: int = 0
    uncaught: Counter[str] = field(default_factory=Counter)
    """By the name of the exception, or of what is wrong with a message."""
    slowest: float = 0.0
    """Seconds."""
    kept: list[tuple[str, bytes]] = field(default_factory=list)
    """Names and contents of files that ended otherwise."""


def tried(kind: Kind, number: int, seed: int, folder: Path, on_step: Callable[[], None] = lambda: None) -> Tally:
    """Damage and read files of a kind.

    Args:
        kind: kind of file.
        number: number of samples.
        seed: seed of the damage.
        folder: folder for temporary files.
        on_step: called after each input.

    Returns:
        Numbers of files by what became of them.
    """
    rng, tally = np.random.default_rng(seed), Tally(kind.name)
    names: Sequence[str] = list(kind.files)
    for _ in range(number):
        name, other = (names[int(rng.integers(len(names)))] for _ in range(2))
        content = damaged(kind.files[name], kind.files[other], rng)
        path = folder / name
        path.write_bytes(content)
        begun = time.perf_counter()
        fault = _fault(kind, path)
        tally.slowest = max(tally.slowest, time.perf_counter() - begun)
        if fault is None:
            tally.sound += 1
        elif fault == "":
            tally.refused += 1
        else:
            tally.uncaught[fault] += 1
            tally.kept.append((name, content))
        path.unlink()
        on_step()
    return tally


_UNTOLD = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""Warnings that Python shows to nobody who runs a command."""


def _fault(kind: Kind, path: Path) -> str | None:
    """None for a sound result, nothing for a refusal in one line, else what happened."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fault = _raised(kind, path)
    seen = [warning for warning in told if not issubclass(warning.category, _UNTOLD)]
    return fault or (f"{seen[0].category.__name__}: {str(seen[0].message)[:80]}" if seen else fault)


def _raised(kind: Kind, path: Path) -> str | None:
    try:
        kind.read(path)
    except (ValueError, OSError) as error:
        return "" if str(error) and "\n" not in str(error) else f"{type(error).__name__} of no or several lines"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:80]}"
    return None
