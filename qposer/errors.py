"""How command lines tell what is wrong with what they were given."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def told_in_one_line(program: str) -> Iterator[None]:
    """Turn errors of input and files into one line on stderr and exit status 2; other errors are faults and pass."""
    try:
        yield
    except (ValueError, OSError, FloatingPointError) as error:
        console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
        console.print(f"{program}: {error}", style="red")
        sys.exit(2)
