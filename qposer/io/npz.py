"""Archives of plain arrays, read without unpickling and written at once or not at all."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import numpy as np

from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line

MOST_BYTES = 2**30
"""Of all arrays that are read of one archive, unless the caller allows more."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: Path, names: Collection[str] | None = None, most: int = MOST_BYTES) -> dict[str, np.ndarray]:
    """Those of the arrays ``names`` that the archive has; all of its arrays where no names are given.

    Nothing is read before its declared size is known to be within bounds, so small files cannot fill the memory.

    Args:
        path: the archive.
        names: of arrays; others are not looked at.
        most: bytes of all arrays together.

    Returns:
        The arrays by their names.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not an npz archive, it is damaged, one of these arrays needs unpickling, or they are larger
            than ``most``.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                wanted = {name: info for name, info in members.items() if names is None or name in names}
                if sum(info.file_size for info in wanted.values()) > most:
                    raise ValueError(f"its arrays take more than {most >> 20} MiB")
                return {name: _read(archive, name, info) for name, info in wanted.items()}
        except Exception as error:  # zipfile and its decoders raise anything on damaged and crafted archives
            raise ValueError(f"{path}: expected an npz archive of plain arrays ({one_line(error)})") from error


def _read(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as stream:
        _check_header(stream, name, info.file_size)
    with archive.open(info) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _check_header(stream: IO[bytes] | BufferedIOBase, name: str, size: int) -> None:
    """Refuse an array that is larger than its member of the archive, for which NumPy would make room first."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"{name} is of a format that plain arrays do not need")
    shape, _, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not read: save it as a plain array")
    if not all(length >= 0 for length in shape) or math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"{name} is said to be of shape {shape}, and is shorter")


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed archive; whoever reads ``path`` meanwhile finds the old one or the new one, whole.

    Args:
        path: the file to write.
        arrays: by the names that they get in the archive.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
