"""Official SMPL pickles, read without chumpy and without running anything that stands in them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from fitting.body.pickle_stand_ins import CLASSES, COPYING, FUNCTIONS, OLD_NAMES, STAND_INS, Room, StandIn, array_of
from qposer.io.messages import one_line
from qposer.io.npz import MOST_BYTES


def read_arrays(path: Path, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """Those of the arrays called ``keys`` that a pickled dictionary holds, whether of NumPy, SciPy or chumpy.

    Pickles of Python 2 and 3 are read. No class or function that a pickle names is ever imported: each one that
    official files need has a stand-in here, which keeps plain data, and any other is refused. So is whatever would
    take more memory than the file itself has bytes, or arrays of more than a gibibyte.

    Args:
        path: the pickle.
        keys: names of arrays; others are not returned.

    Returns:
        The arrays by name.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no pickle, is no dictionary, or asks for anything but arrays.
    """
    with path.open("rb") as file:
        try:
            unpickler = _ArrayUnpickler(_Bounded(file), encoding="latin1")
            unpickler.room = Room()
            content = unpickler.load()
            if not isinstance(content, dict):
                raise ValueError(f"found a {type(content).__name__}")
            return {key: array_of(content[key]) for key in keys if key in content}
        except Exception as error:  # damaged and crafted pickles raise anything
            raise ValueError(
                f"body file {path} is not an SMPL pickle: expected a dictionary of arrays, {one_line(error)}; give the "
                "file as it was downloaded"
            ) from error


class _Bounded:
    """A file of which no more is asked than it has, so that a declared length makes no room for what is not there."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, os.fstat(file.fileno()).st_size
        if self._left > MOST_BYTES:
            raise ValueError(f"found a file of {self._left >> 20} MiB")

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if not 0 <= size <= self._left:
            raise EOFError(f"found one that ends where {size} bytes were to follow")
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
    """An unpickler that knows the stand-ins and nothing else.

    It is the one written in Python: what the one in C makes room for on a pickle's word (the memo, a byte array) cannot
    be bounded. Opcodes that call something or change an object are replaced by ones that do so to stand-ins only.
    """

    room: Room
    stack: list[Any]
    read: Callable[[int], bytes]
    append: Callable[[Any], None]

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a class or function, or an error."""
        full_name = f"{OLD_NAMES.get(module, module)}.{name}"
        if full_name not in STAND_INS:
            raise ValueError(f"found {one_line(f'{module}.{name}', 80)}, which is refused because it could run code")
        return STAND_INS[full_name]

    def _call(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if function not in (*CLASSES, *FUNCTIONS) or not isinstance(arguments, tuple):
            raise ValueError("found a call of what is no function of a body file")
        if function in COPYING:
            self.room.take(COPYING[function] * sum(map(len, arguments)))
        self.stack[-1] = made = function(*arguments)
        if isinstance(made, StandIn):
            made.room = self.room

    def _build(self) -> None:
        state = self.stack.pop()
        changed = self.stack[-1]
        if not isinstance(changed, StandIn):
            raise ValueError("found a state of an object that has none")
        changed.state = state

    def _byte_array(self) -> None:
        (size,) = np.frombuffer(self.read(8), "<u8").tolist()
        self.append(self.read(size))

    def _refused(self) -> None:
        raise ValueError("found an instruction that no body file needs")

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.REDUCE[0]: _call,
        pickle.NEWOBJ[0]: _call,
        pickle.BUILD[0]: _build,
        pickle.BYTEARRAY8[0]: _byte_array,
        **dict.fromkeys(_REFUSED, _refused),
    }
