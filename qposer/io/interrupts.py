"""Ctrl-C while a command loads its modules, when there is nothing to lose: one line and exit status 130."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

STATUS = 130
"""What a command that Ctrl-C stopped exits with: 128 and the number of the signal, as shells have it."""


def end_on_interrupt() -> None:
    """Let Ctrl-C end this process at once, in place of a traceback through somebody's import.

    `qposer.io.cli_errors.cli_errors` brings `KeyboardInterrupt` back while a command works. A process that ignores the
    signal, or handles it in its own way, is left alone.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def ends_on_interrupt() -> bool:
    """Whether `end_on_interrupt` is in force."""
    return signal.getsignal(signal.SIGINT) is _end


def _end(number: int, frame: FrameType | None) -> None:
    program = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] != "-m" else "python"
    os.write(2, f"{program}: stopped\n".encode(errors="backslashreplace"))
    os._exit(STATUS)
