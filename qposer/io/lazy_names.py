"""Lazy imports of a package's names, because PyTorch takes seconds to load and `--help` does not need it."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # typing takes so long that Ctrl-C may come before commands are ready for it
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


def lazy_names(package: str, names_of: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Create a package's ``__getattr__`` (PEP 562).

    Args:
        package: name of the package, for the error.
        names_of: names by the module that defines them.

    Returns:
        A function that loads a name's module and returns its value, with an AttributeError for other names.
    """
    module_of = {name: module for module, names in names_of.items() for name in names}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module_of[name]), name)

    return load
