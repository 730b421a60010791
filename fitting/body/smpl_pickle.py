"""Read official SMPL pickles without chumpy and without running code in them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from fitting.body.pickle_stand_ins import CLASSES, COPYING, FUNCTIONS, OLD_NAMES, STAND_INS, Room, StandIn, array_of
from qposer.io.messages import one_line
from qposer.io.npz import MOST_BYTES

DEEPEST = 3
"""Maximum depth of nested dictionaries, which also stops recursive ones."""


def read_arrays(path: Path, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """Read the arrays named ``keys`` from a pickled dictionary, whether of NumPy, SciPy or chumpy.

    Pickles of Python 2 and 3 are supported. No class or function named in a pickle is imported: those that official
    files need have stand-ins here, which hold plain data, and all others are rejected. Data that would take more memory
    than the file has bytes is rejected, too, and arrays of more than a gibibyte.

    Args:
        path: the pickle.
        keys: names of arrays; others are not returned.

    Returns:
        The arrays by name.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not a pickled dictionary, or contains anything but arrays.
    """
    keys = set(keys)
    expected = f"body file {path} is not an SMPL pickle: expected a dictionary of arrays"
    return _read(path, expected, lambda name, _: name in keys)


def read_nested_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a pickled dictionary, nested ones under dotted names; see `read_arrays`.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not a pickled dictionary, or contains anything but arrays.
    """
    expected = f"{path} is not a pickled dictionary of arrays"
    return _read(path, expected, lambda _, value: isinstance(value, StandIn | np.ndarray))


def _read(path: Path, expected: str, wanted: Callable[[str, Any], bool]) -> dict[str, np.ndarray]:
    """The requested arrays of a pickled dictionary and of nested ones."""
    with path.open("rb") as file:
        try:
            unpickler = _ArrayUnpickler(_Bounded(file), encoding="latin1")
            unpickler.room = Room()
            content = unpickler.load()
            if not isinstance(content, dict):
                raise ValueError(f"found a {type(content).__name__}")
            return {name: array_of(value) for name, value in _leaves(content) if wanted(name, value)}
        except Exception as error:  # damaged and crafted pickles raise anything
            raise ValueError(f"{expected}, {one_line(error)}; give the original file") from error


def _leaves(content: dict[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Names and values of a dictionary and of nested ones."""
    for name, value in content.items():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from _leaves(value, f"{prefix}{name}.", depth + 1)
        elif not isinstance(value, dict):
            yield f"{prefix}{name}", value


class _Bounded:
    """A file that rejects reads beyond its end, so that a declared length allocates no memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, os.fstat(file.fileno()).st_size
        if self._left > MOST_BYTES:
            raise ValueError(f"found a file of {self._left >> 20} MiB")

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if not 0 <= size <= self._left:
            raise EOFError(f"found a file that ends before {size} expected bytes")
        self._left -= size
        return self._file.read(size)

    def readline(self) -> bytes:
        """The next line."""
        line = self._file.readline()
        self._left -= len(line)
        return line


_REFUSED = b"".join(
    (
        *(pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4),
        *(pickle.PERSID, pickle.BINPERSID, pickle.NEXT_BUFFER),
    )
)


class _ArrayUnpickler(pickle._Unpickler):
    """An unpickler that knows only the stand-ins.

    It is based on the Python implementation, because the C implementation's allocations (memo, byte arrays) cannot be
    bounded. Opcodes that call a function or change an object are restricted to stand-ins.
    """

    room: Room
    stack: list[Any]
    read: Callable[[int], bytes]
    append: Callable[[Any], None]

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a class or function, or an error."""
        full_name = f"{OLD_NAMES.get(module, module)}.{name}"
        if full_name not in STAND_INS:
            raise ValueError(f"found {one_line(f'{module}.{name}', 80)}, which is rejected because it could run code")
        return STAND_INS[full_name]

    def _call(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if function not in (*CLASSES, *FUNCTIONS) or not isinstance(arguments, tuple):
            raise ValueError("found a call of an unsupported function")
        if function in COPYING:
            self.room.take(COPYING[function] * sum(map(len, arguments)))
        self.stack[-1] = made = function(*arguments)
        if isinstance(made, StandIn):
            made.room = self.room

    def _build(self) -> None:
        state = self.stack.pop()
        changed = self.stack[-1]
        if not isinstance(changed, StandIn):
            raise ValueError("found a state of an object without state")
        changed.state = state

    def _byte_array(self) -> None:
        (size,) = np.frombuffer(self.read(8), "<u8").tolist()
        self.append(self.read(size))

    def _refused(self) -> None:
        raise ValueError("found an unsupported instruction")

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.REDUCE[0]: _call,
        pickle.NEWOBJ[0]: _call,
        pickle.BUILD[0]: _build,
        pickle.BYTEARRAY8[0]: _byte_array,
        **dict.fromkeys(_REFUSED, _refused),
    }
