"""A lock on an output folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def output_lock(out: Path) -> Iterator[None]:
    """Create the output folder and lock it against other runs; a killed run leaves no lock.

    Raises:
        ValueError: another run holds the lock, or ``out`` is a file.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file: give a folder as --out")
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".fit_folder.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another run is writing into {out}: wait until it ends, or give another --out") from None
    try:
        yield
    finally:
        lock.release()
