"""Files that are written at once or not at all, and are on the disk when that is said."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME_BYTES = 100
"""Of a file's name in that of its temporary twin: names have 255 bytes at most."""


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, moved there when the block ends well and removed when it does not.

    When it has ended, the file and its name outlast a loss of power. What killed processes left half-written of the
    same file is removed.
    """
    path = Path(path)
    begin = f".{os.fsdecode(os.fsencode(path.name)[:_NAME_BYTES])}."
    _clear_away(path.parent, begin)
    temporary = path.with_name(f"{begin}{os.getpid()}-{threading.get_ident()}")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _clear_away(folder: Path, begin: str) -> None:
    """Remove temporary files whose names begin so and whose processes are no more."""
    for left in folder.glob(f"{glob.escape(begin)}*-*"):
        process = left.name.removeprefix(begin).partition("-")[0]
        if process.isdecimal() and not _runs(int(process)):
            left.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    if os.name == "nt":
        return True  # there is no asking that does not end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # somebody else's
    return True


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no handle of a folder to flush
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Wait until a folder is on the disk with everything in it."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)
