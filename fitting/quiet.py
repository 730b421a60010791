"""Silence for native libraries that log to the process's stderr and offer no switch against it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """What is written to file descriptor 2 inside the block is thrown away; exceptions pass as ever.

    Errors are not hidden: a library that fails raises, and what is raised carries its message.
    """
    try:
        saved = os.dup(2)
    except OSError:  # a process without stderr has nothing to silence
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)
