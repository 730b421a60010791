"""Paths of the shipped files: ``qposer/assets`` where the packages are installed, ``assets`` in the repository."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

_INSTALLED = _PACKAGE / "assets"
ASSETS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "assets"

OVERRIDE = "QPOSER_ASSETS"
"""Environment variable with a folder whose files replace shipped ones of the same name."""


def asset(name: str) -> Path:
    """Path of the shipped file ``name`` (for instance ``"body.npz"``), or of its replacement in ``$QPOSER_ASSETS``.

    Raises:
        FileNotFoundError: the file is missing; the installation is incomplete.
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
