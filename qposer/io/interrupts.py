"""Ctrl-C in commands: one line and exit status 130 at every moment, also while modules are loaded.

A `KeyboardInterrupt` in an import may be caught by what is imported, and leaves modules half made.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType  # pathlib and others take so long that Ctrl-C may come meanwhile

STATUS = 130
"""Exit status after Ctrl-C: 128 plus the signal number, as in shells."""

_AGAIN = 0.02
"""Seconds after which an interrupt that came during an import comes again."""

_finished_first = {"<frozen importlib._bootstrap>"}
"""Files whose functions are not interrupted by `KeyboardInterrupt`."""


def end_on_interrupt() -> None:
    """Let Ctrl-C end this process at once, without a traceback from an import.

    `qposer.io.cli_errors.cli_errors` calls `raise_on_interrupt` while a command works. A process that ignores the
    signal, or handles it in its own way, is left alone.
    """
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _raise):
        signal.signal(signal.SIGINT, _end)


def finish_first(file: str) -> None:
    """Let Ctrl-C wait for the functions of a file, which would leave something half done, as it does for imports.

    Args:
        file: the module's ``__file__``.
    """
    _finished_first.add(file)


def raise_on_interrupt() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt`, as soon as no module is being imported, and see `finish_first`."""
    signal.signal(signal.SIGINT, _raise)


def ends_on_interrupt() -> bool:
    """Whether `end_on_interrupt` is active."""
    return signal.getsignal(signal.SIGINT) is _end


def program_name() -> str:
    """Name of the running command, for its messages: ``qposer fit``, or the script's without folder and ending."""
    script = sys.argv[0] if sys.argv and sys.argv[0] != "-m" else "python"
    return script.replace("\\", "/").rpartition("/")[2].removesuffix(".py")


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, f"{program_name()}: stopped\n".encode(errors="backslashreplace"))
    os._exit(STATUS)


def _raise(number: int, frame: FrameType | None) -> None:
    caller = frame
    while caller is not None:
        if caller.f_code.co_filename in _finished_first:
            import _thread
            import threading

            timer = threading.Timer(_AGAIN, _thread.interrupt_main)
            timer.daemon = True
            timer.start()
            return
        caller = caller.f_back
    raise KeyboardInterrupt
