"""Command lines for generated documents; options with default values are omitted."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def command(module: str, main: Callable[..., Any], **given: Any) -> str:
    """Compose the command line that calls a module's ``main`` with these arguments.

    Args:
        module: module name, as for ``python -m``.
        main: function that tyro calls.
        given: arguments by name; defaults are left out.

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
