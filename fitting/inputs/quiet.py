"""Silence for native libraries that log to the process's stderr and offer no switch against it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_saved = -1


@contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """What is written to file descriptor 2 inside the block is thrown away; exceptions pass as ever.

    Errors are not hidden: a library that fails raises, and what is raised carries its message. Blocks may be inside
    each other and in several threads: stderr is back when the last of them has ended.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _saved
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        try:
            _saved = os.dup(2)
        except OSError:  # a process without stderr has nothing to silence
            _saved = -1
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _leave() -> None:
    global _inside, _saved
    with _lock:
        _inside -= 1
        if _inside == 0 and _saved >= 0:
            os.dup2(_saved, 2)
            os.close(_saved)
            _saved = -1
