"""What objects of NumPy, SciPy and chumpy leave in a pickle, as plain data; none of those packages makes them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from qposer.io.npz import MOST_BYTES


class Room:
    """The memory that is left for what a pickle asks for beyond its own bytes."""

    def __init__(self, left: int = MOST_BYTES) -> None:
        self.left = left

    def take(self, size: int) -> None:
        """Use some of it.

        Raises:
            ValueError: it is too little.
        """
        self.left -= size
        if self.left < 0:
            raise ValueError(f"found one whose arrays take more than {MOST_BYTES >> 20} MiB")


class StandIn:
    """What an object of another package leaves in a pickle: plain data."""

    state: Any = None
    room: Room
    _made: np.ndarray | None = None

    def array(self) -> np.ndarray:
        """The array that it stands for; made once, since objects may refer to each other many times."""
        if self._made is None:
            self._made = self.make()
        return self._made

    def make(self) -> np.ndarray:
        """The array anew."""
        raise ValueError("found an object that is no array")


def array_of(value: Any) -> np.ndarray:
    """The array of a stand-in; anything else is refused."""
    if not isinstance(value, StandIn):
        raise ValueError(f"found a {type(value).__name__} in place of an array")
    return value.array()


class _DType(StandIn):
    """``numpy.dtype``; its state tells the byte order."""

    def __init__(self, code: str = "", *flags: bool) -> None:
        self.code = code

    def dtype(self) -> np.dtype:
        dtype = np.dtype(self.code)
        if dtype.kind not in "fiub":
            raise ValueError(f"found an array of {dtype}")
        return dtype.newbyteorder(self.state[1] if self.state else "=")


class _Array(StandIn):
    """``numpy.ndarray``, whose state is (version, shape, dtype, whether in Fortran's order, bytes)."""

    def make(self) -> np.ndarray:
        _, shape, dtype, fortran, raw = self.state
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        return np.frombuffer(raw, dtype.dtype()).reshape(shape, order="F" if fortran else "C")


class _Ch(StandIn):
    """``chumpy.ch.Ch``: its numbers are ``x``."""

    def make(self) -> np.ndarray:
        return array_of(self.state["x"])


class _Select(StandIn):
    """``chumpy.reordering.Select``: entries of a flattened array."""

    def make(self) -> np.ndarray:
        given, chosen = array_of(self.state["a"]).ravel(), array_of(self.state["idxs"])
        self.room.take(chosen.size * given.itemsize)
        picked = given[chosen]
        made: np.ndarray = picked.reshape(self.state.get("preferred_shape", picked.shape))
        return made


class _Reshape(StandIn):
    """``chumpy.reordering.Reshape``."""

    def make(self) -> np.ndarray:
        return array_of(self.state["a"]).reshape(self.state["newshape"])


class _Transpose(StandIn):
    """``chumpy.reordering.Transpose``."""

    def make(self) -> np.ndarray:
        return array_of(self.state["a"]).transpose(self.state.get("axes"))


class _Sparse(StandIn, ABC):
    """A matrix of SciPy, filled in by NumPy, which checks what it is told: SciPy would write into foreign memory."""

    def make(self) -> np.ndarray:
        shape = tuple(int(length) for length in self.state["_shape"])
        numbers = array_of(self.state["data"])
        if len(shape) != 2 or min(shape) < 0:
            raise ValueError(f"found a sparse matrix of shape {shape}")
        self.room.take(math.prod(shape) * numbers.itemsize)
        places = [_whole(place) for place in self.places(shape)]
        if any(place.shape != numbers.shape or (place < 0).any() for place in places):
            raise ValueError("found a sparse matrix with numbers outside of it")
        matrix = np.zeros(shape, numbers.dtype)
        np.add.at(matrix, tuple(places), numbers)  # numbers at one place are summed
        return matrix

    @abstractmethod
    def places(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of each number."""


class _CSR(_Sparse):
    """``scipy.sparse.csr_matrix`` and ``csr_array``."""

    def places(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        return self.compressed(shape[0])

    def compressed(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Along the compressed axis, of a given length, and along the other one."""
        ends, others = _whole(array_of(self.state["indptr"])), array_of(self.state["indices"])
        counts = np.diff(ends)
        if ends.shape != (length + 1,) or ends[0] != 0 or ends[-1] != len(others) or (counts < 0).any():
            raise ValueError("found a sparse matrix whose parts do not belong together")
        return np.repeat(np.arange(length), counts), others


class _CSC(_CSR):
    """``scipy.sparse.csc_matrix`` and ``csc_array``."""

    def places(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        columns, rows = self.compressed(shape[1])
        return rows, columns


class _COO(_Sparse):
    """``scipy.sparse.coo_matrix`` and ``coo_array``."""

    def places(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = self.state["coords"] if "coords" in self.state else (self.state["row"], self.state["col"])
        return array_of(rows), array_of(columns)


def _whole(numbers: np.ndarray) -> np.ndarray:
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ValueError("found a sparse matrix whose places are no whole numbers")
    return numbers.astype(np.int64)


def _new(kind: Any, *_: Any) -> StandIn:
    """``copyreg._reconstructor`` and ``numpy.core.multiarray._reconstruct``, which make an object without a state."""
    if kind is object:  # what Python 2 writes of its old classes; nothing that is read refers to it
        return StandIn()
    if not (isinstance(kind, type) and issubclass(kind, StandIn)):
        raise ValueError("found an object of a class that no body needs")
    return kind.__new__(kind)


def _from_buffer(raw: bytes, dtype: _DType, shape: tuple[int, ...], order: str, *_: Any) -> _Array:
    """``numpy.core.numeric._frombuffer``, of pickles of protocol 5."""
    array = _Array()
    array.state = (1, shape, dtype, order == "F", raw)
    return array


def _scalar(dtype: _DType, raw: Any) -> _Array:
    """``numpy.core.multiarray.scalar``."""
    array = _Array()
    array.state = (1, (), dtype, False, raw)
    return array


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``, which is how Python 3 writes bytes into old protocols."""
    return text.encode("latin1")


def _set(values: Iterable[Any] = ()) -> list[Any]:
    """``set``, of which nothing is read."""
    return []


def _dict(pairs: Iterable[tuple[Any, Any]] = ()) -> dict[Any, Any]:
    """``collections.OrderedDict``."""
    return dict(pairs)


STAND_INS: dict[str, Callable[..., Any]] = {
    "__builtin__.object": object,
    "__builtin__.set": _set,
    "collections.OrderedDict": _dict,
    "copy_reg._reconstructor": _new,
    "_codecs.encode": _encode,
    "numpy.ndarray": _Array,
    "numpy.dtype": _DType,
    "numpy.core.multiarray._reconstruct": _new,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "scipy.sparse.csc.csc_matrix": _CSC,
    "scipy.sparse.csc.csc_array": _CSC,
    "scipy.sparse.csr.csr_matrix": _CSR,
    "scipy.sparse.csr.csr_array": _CSR,
    "scipy.sparse.coo.coo_matrix": _COO,
    "scipy.sparse.coo.coo_array": _COO,
    "chumpy.ch.Ch": _Ch,
    "chumpy.reordering.Select": _Select,
    "chumpy.reordering.Reshape": _Reshape,
    "chumpy.reordering.Transpose": _Transpose,
}
CLASSES = tuple(found for found in STAND_INS.values() if isinstance(found, type) and issubclass(found, StandIn))
FUNCTIONS = (_new, _from_buffer, _scalar, _encode, _set, _dict)
COPYING = {_encode: 1, _dict: 100}
"""Functions that take so many bytes for each item of what they are given."""
OLD_NAMES = {
    "builtins": "__builtin__",
    "copyreg": "copy_reg",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
    "scipy.sparse._csc": "scipy.sparse.csc",
    "scipy.sparse._csr": "scipy.sparse.csr",
    "scipy.sparse._coo": "scipy.sparse.coo",
}
