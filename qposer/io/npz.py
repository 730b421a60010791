"""Archives of plain arrays, read without unpickling and written atomically."""

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
"""Default limit on the bytes of all arrays read from one archive."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: Path, names: Collection[str] | None = None, most: int = MOST_BYTES) -> dict[str, np.ndarray]:
    """Read the arrays ``names`` that the archive contains, or all arrays.

    Declared sizes are checked before reading, so that small files cannot fill the memory.

    Args:
        path: the archive.
        names: names of arrays; others are ignored.
        most: maximum bytes of all arrays together.

    Returns:
        The arrays by name.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not an npz archive, is damaged, contains Python objects, or exceeds ``most``.
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
    """Reject an array larger than its archive member, for which NumPy would allocate memory first."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"{name} has an unsupported format version")
    shape, _, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise ValueError(f"{name} contains Python objects, which are not supported: save it as a plain array")
    if not all(length >= 0 for length in shape) or math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"{name} declares the shape {shape}, but is shorter")


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed archive atomically.

    Args:
        path: the file to write.
        arrays: arrays by name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
