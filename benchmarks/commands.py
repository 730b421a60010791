"""Commands that a document was written by, with the options that are not as they are when left out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def command(module: str, main: Callable[..., Any], **given: Any) -> str:
    """The command line that calls ``main`` of a module so.

    Args:
        module: as ``python -m`` is given it.
        main: what tyro calls.
        given: its arguments by name; those that are the default are left out.

    Returns:
        One line.
    """
    words = [f"python -m {module}"]
    defaults = inspect.signature(main).parameters
    for name, value in given.items():
        flag = name.replace("_", "-")
        if value == defaults[name].default:
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            values = value if isinstance(value, tuple) else (value,)
            words.append(" ".join([f"--{flag}", *map(str, values)]))
    return " ".join(words)
