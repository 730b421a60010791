"""Where the files that the product ships are found."""

from __future__ import annotations

import os
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[2] / "assets"

OVERRIDE = "QPOSER_ASSETS"
"""Environment variable that names a folder whose files are used in place of the shipped ones of the same names."""


def asset(name: str) -> Path:
    """Path of the shipped file ``name`` (for instance ``"body.npz"``), or of its replacement in ``$QPOSER_ASSETS``.

    Raises:
        FileNotFoundError: the file is not there; the installation is incomplete.
    """
    replacement = Path(os.environ[OVERRIDE]) / name if os.environ.get(OVERRIDE) else None
    if replacement is not None and replacement.is_file():
        return replacement
    path = ASSETS / name
    if not path.is_file():
        raise FileNotFoundError(
            f"the shipped file {name} is not in {ASSETS}: reinstall, or check out the whole repository"
        )
    return path
