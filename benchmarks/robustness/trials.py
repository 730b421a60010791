"""Reads damaged inputs in this process."""

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
    """Outcomes of damaged files of one kind."""

    kind: str
    valid: int = 0
    rejected: int = 0
    uncaught: Counter[str] = field(default_factory=Counter)
    """Numbers of other outcomes by exception or warning."""
    slowest: float = 0.0
    """Longest time to read a file in seconds."""
    kept: list[tuple[str, bytes]] = field(default_factory=list)
    """Names and contents of files with other outcomes."""


def tried(kind: Kind, number: int, seed: int, folder: Path, on_step: Callable[[], None] = lambda: None) -> Tally:
    """Damage and read files of a kind.

    Args:
        kind: kind of file.
        number: number of damaged files.
        seed: seed of the damage.
        folder: folder for temporary files.
        on_step: called after each input.

    Returns:
        Numbers of files by outcome.
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
            tally.valid += 1
        elif fault == "":
            tally.rejected += 1
        else:
            tally.uncaught[fault] += 1
            tally.kept.append((name, content))
        path.unlink()
        on_step()
    return tally


_HIDDEN_WARNINGS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""Warnings that Python does not show by default."""


def _fault(kind: Kind, path: Path) -> str | None:
    """Read a file; None for a valid result, an empty text for a one-line error, else a description of the failure."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fault = _raised(kind, path)
    seen = [warning for warning in caught if not issubclass(warning.category, _HIDDEN_WARNINGS)]
    return fault or (f"{seen[0].category.__name__}: {str(seen[0].message)[:80]}" if seen else fault)


def _raised(kind: Kind, path: Path) -> str | None:
    try:
        kind.read(path)
    except (ValueError, OSError) as error:
        return "" if str(error) and "\n" not in str(error) else f"{type(error).__name__}: no one-line message"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:80]}"
    return None
