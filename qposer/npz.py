"""Archives of plain arrays, read without unpickling and written at once or not at all."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from qposer.files import replacing


def read_npz(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Those of the arrays ``names`` that the archive has; all of its arrays where no names are given.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not an npz archive, it is damaged, or one of these arrays needs unpickling.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            present = {member.removesuffix(".npy") for member in archive.namelist()}
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in (present if names is None else names) if name in present}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected an npz archive of plain arrays ({error})") from error


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed archive; whoever reads ``path`` meanwhile finds the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
