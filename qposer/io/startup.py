"""Fast start and exit of commands, and their running time."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOADED = time.monotonic()
_STAT = Path("/proc/self/stat")
_STARTED_FIELD = 19
"""Index of the start time, in clock ticks since boot, in the fields after the program's name."""


@contextmanager
def loading() -> Iterator[None]:
    """Load modules and models without garbage collection, and exclude them from later collections.

    They contain a million permanent objects: scanning them takes a fifth of the loading time, and as long again at
    exit.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def seconds_since_start() -> float:
    """Time since this process started, imports included; if unknown, since this module was loaded.

    Returns:
        Seconds.
    """
    since_loaded = time.monotonic() - _LOADED
    try:
        fields = _STAT.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        ticks = int(fields[_STARTED_FIELD])
        since_start = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):
        return since_loaded
    return max(since_loaded, since_start) if ticks else since_loaded
