"""Console output of commands: plain lines, one-line errors of input and files, and one line after Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from qposer.io.interrupts import STATUS, end_on_interrupt, ends_on_interrupt, program_name, raise_on_interrupt
from qposer.io.messages import one_line


def plain_console(stderr: bool = False, **options: Any) -> Console:
    """A console that prints text unchanged: no markup, no emoji (``:-1:``), no wrapping.

    Characters that the stream cannot encode, such as in file names that are not UTF-8, are escaped.

    Args:
        stderr: print to stderr instead of stdout.
        options: options of `rich.console.Console`.

    Returns:
        The console.
    """
    stream = sys.stderr if stderr else sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    plain = {"soft_wrap": True, "markup": False, "emoji": False, "highlight": False}
    return Console(stderr=stderr, **plain | options)


_GOES_ON = ": run the same command again to resume"


@contextmanager
def cli_errors(program: str | None = None, resumable: bool = False) -> Iterator[None]:
    """Convert errors of input and files to one line on stderr and exit status 2, and Ctrl-C to one line and status 130.

    Other exceptions are bugs and pass through.

    Args:
        program: prefix of the line; default: the name of the running command.
        resumable: whether the same command can resume after Ctrl-C.
    """
    program = program or program_name()
    loading = ends_on_interrupt()
    if loading:
        raise_on_interrupt()
    try:
        yield
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        plain_console(stderr=True).print(f"{program}: {one_line(error, longest=2000)}", style="red")
        sys.exit(2)
    except KeyboardInterrupt:
        if loading:
            end_on_interrupt()  # a second Ctrl-C is quiet, too
        plain_console(stderr=True).print(f"{program}: stopped{_GOES_ON * resumable}", style="red")
        sys.exit(STATUS)
    finally:
        if loading:
            end_on_interrupt()
