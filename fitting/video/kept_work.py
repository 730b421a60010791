"""Store finished parts of a long computation in files, so that a stopped run can resume."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qposer.io.npz import read_npz, write_npz

Arrays = dict[str, np.ndarray]

Keep = Callable[[str, Callable[[], Arrays]], Arrays]
"""Returns arrays by name, stored by an earlier run or computed now."""


@dataclass(frozen=True)
class KeptWork:
    """A folder of arrays with the requests they belong to; without a folder nothing is stored."""

    folder: Path | None = None

    def kept(self, name: str, request: dict[str, Any], make: Callable[[], Arrays]) -> Arrays:
        """Load the arrays that an earlier run wrote for the same request, or compute and write them.

        Args:
            name: name of the part.
            request: everything that the arrays depend on, as JSON values.
            make: computes the arrays.

        Returns:
            The arrays.
        """
        kept = self.read(name, request)
        if kept is None:
            kept = make()
            self.write(name, request, kept)
        return kept

    def read(self, name: str, request: dict[str, Any]) -> Arrays | None:
        """Load the arrays of a part, if stored for the same request.

        Args:
            name: name of the part.
            request: everything that the arrays depend on.

        Returns:
            The arrays, or None.
        """
        if self.folder is None:
            return None
        try:
            arrays = read_npz(self.folder / f"{name}.npz")
        except (OSError, ValueError):
            return None
        return arrays if str(arrays.pop("request", "")) == _key(request, arrays) else None

    def write(self, name: str, request: dict[str, Any], arrays: Arrays) -> None:
        """Store the arrays of a part.

        Args:
            name: name of the part.
            request: everything that the arrays depend on.
            arrays: the arrays.
        """
        if self.folder is not None:
            key = np.asarray(_key(request, arrays))
            write_npz(self.folder / f"{name}.npz", arrays | {"request": key})

    def clear(self) -> None:
        """Delete all stored parts."""
        if self.folder is not None:
            shutil.rmtree(self.folder)


def _key(request: dict[str, Any], arrays: Arrays) -> str:
    """Key of a stored part: its request and array names, which detects missing arrays."""
    shapes = {name: np.asarray(array).shape for name, array in arrays.items()}
    return json.dumps(request | {"arrays": shapes}, sort_keys=True)
