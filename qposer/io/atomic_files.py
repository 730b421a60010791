"""Atomic and durable writing of files."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME_BYTES = 100
"""Maximum length of the file name within the temporary name; names have at most 255 bytes."""


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """A temporary path next to ``path``, renamed to it if the block succeeds and deleted otherwise.

    Afterwards the file survives a power failure. Temporary files of killed processes are deleted.
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
    """Delete temporary files with this prefix whose processes no longer exist."""
    for left in folder.glob(f"{glob.escape(begin)}*-*"):
        process = left.name.removeprefix(begin).partition("-")[0]
        if process.isdecimal() and not _runs(int(process)):
            left.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    if os.name == "nt":
        return True  # checking would kill the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # another user's process
    return True


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot flush folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Flush a folder and its content to disk."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)
