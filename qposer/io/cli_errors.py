"""What commands print: plain lines, errors of input and files in one line, and one line where Ctrl-C stopped them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from qposer.io.interrupts import STATUS, end_on_interrupt, ends_on_interrupt
from qposer.io.messages import one_line


def plain_console(stderr: bool = False, **options: Any) -> Console:
    """A console that prints texts as they are: no markup, no emoji (``:-1:``), no wrapping.

    What the stream cannot encode, such as names of files that are not UTF-8, is printed as escapes.

    Args:
        stderr: print there in place of stdout.
        options: of `rich.console.Console`.

    Returns:
        The console.
    """
    stream = sys.stderr if stderr else sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    plain = {"soft_wrap": True, "markup": False, "emoji": False, "highlight": False}
    return Console(stderr=stderr, **plain | options)


_GOES_ON = ", and the same command goes on from here"


@contextmanager
def cli_errors(program: str, resumable: bool = False) -> Iterator[None]:
    """Turn errors of input and files into one line on stderr and exit status 2, and Ctrl-C into one and status 130.

    Other errors are faults of the program, and pass.

    Args:
        program: what the line begins with.
        resumable: whether the same command goes on from where Ctrl-C stopped it.
    """
    loading = ends_on_interrupt()
    if loading:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        plain_console(stderr=True).print(f"{program}: {one_line(error, longest=2000)}", style="red")
        sys.exit(2)
    except KeyboardInterrupt:
        if loading:
            end_on_interrupt()  # a second one is quiet, too
        plain_console(stderr=True).print(f"{program}: stopped{_GOES_ON * resumable}", style="red")
        sys.exit(STATUS)
    finally:
        if loading:
            end_on_interrupt()
