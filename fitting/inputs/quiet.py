"""Silence native libraries that log to stderr and have no option to turn it off."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from qposer.io.interrupts import finish_first

finish_first(__file__)  # else Ctrl-C could leave stderr silent, and its message would be lost

_lock = threading.Lock()
_inside = 0
_saved = -1


@contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """Discard output to file descriptor 2 inside the block; exceptions pass through.

    Errors are not hidden: a library that fails raises an exception with its message. Blocks may be nested and used in
    several threads; stderr is restored when the last one ends.
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
        except OSError:  # the process has no stderr
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
