"""Where the files that the product ships are found."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"


def asset(name: str) -> Path:
    """Path of the shipped file ``name`` (for instance ``"body.npz"``).

    Raises:
        FileNotFoundError: the file is not there; the installation is incomplete.
    """
    path = ASSETS / name
    if not path.is_file():
        raise FileNotFoundError(
            f"the shipped file {name} is not in {ASSETS}: reinstall, or check out the whole repository"
        )
    return path
