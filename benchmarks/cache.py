"""A cache of results: an interrupted benchmark resumes, and only changed parts are measured again."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line

Result = dict[str, Any]
"""Measurements of one protocol on one prior: numbers and lists of numbers by name."""


class Cache:
    """A folder of JSON files, one for each result, each with the inputs of the result.

    Attributes:
        folder: folder of the files.
        seconds: total processor time of all requested results, cached ones included.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.seconds = 0.0

    def result(self, name: str, depends_on: dict[str, Any], measure: Callable[[], Result]) -> Result:
        """Return the cached result, or compute and cache it.

        Args:
            name: readable prefix of the file name.
            depends_on: inputs of the result, as JSON: digests of files, settings.
            measure: computes the result if none is cached for these inputs.

        Returns:
            The result.

        Raises:
            ValueError: the file of the result is damaged.
        """
        text = json.dumps(depends_on, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        file = self.folder / f"{re.sub(r'[^a-z0-9.-]+', '-', name.lower())}-{digest}.json"
        if file.is_file():
            kept = _read(file)
        else:
            started = time.process_time()
            result = measure()
            kept = {"depends_on": depends_on, "seconds": time.process_time() - started, "result": result}
            with atomic_write(file) as temporary:
                temporary.write_text(json.dumps(kept))
        self.seconds += kept["seconds"]
        measured: Result = kept["result"]
        return measured


def _read(file: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(kept["result"], dict) and isinstance(kept["seconds"], int | float):
            return kept
        what = "no result"
    except (KeyError, TypeError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else one_line(error)
    raise ValueError(f"{file} is not a cached result ({what}): delete it to measure again")
