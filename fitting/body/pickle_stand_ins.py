"""Stand-ins for pickled objects of NumPy, SciPy and chumpy that hold plain data, without code of those packages."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from qposer.io.npz import MOST_BYTES


class Room:
    """Remaining memory budget for data beyond a pickle's own bytes."""

    def __init__(self, left: int = MOST_BYTES) -> None:
        self.left = left

    def take(self, size: int) -> None:
        """Use a part of it.

        Raises:
            ValueError: the budget is exceeded.
        """
        self.left -= size
        if self.left < 0:
            raise ValueError(f"found a file whose arrays take more than {MOST_BYTES >> 20} MiB")


class StandIn:
    """Plain data of a pickled object of another package."""

    state: Any = None
    room: Room
    _made: np.ndarray | None = None

    def array(self) -> np.ndarray:
        """The array, created once because objects may share it."""
        if self._made is None:
            self._made = self.make()
        return self._made

    def make(self) -> np.ndarray:
        """Create the array."""
        raise ValueError("found an object that is not an array")


def array_of(value: Any) -> np.ndarray:
    """The array of a stand-in; anything else is rejected."""
    if not isinstance(value, StandIn):
        raise ValueError(f"found a {type(value).__name__} instead of an array")
    return value.array()


class _DType(StandIn):
    """``numpy.dtype``; its state contains the byte order."""

    def __init__(self, code: str = "", *flags: bool) -> None:
        self.code = code

    def dtype(self) -> np.dtype:
        dtype = np.dtype(self.code)
        if dtype.kind not in "fiub":
            raise ValueError(f"found an array of {dtype}")
        return dtype.newbyteorder(self.state[1] if self.state else "=")


class _Array(StandIn):
    """``numpy.ndarray``, whose state is (version, shape, dtype, Fortran order or not, bytes)."""

    def make(self) -> np.ndarray:
        _, shape, dtype, fortran, raw = self.state
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        return np.frombuffer(raw, dtype.dtype()).reshape(shape, order="F" if fortran else "C")


class _Ch(StandIn):
    """``chumpy.ch.Ch``: its values are ``x``."""

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
    """A SciPy matrix, filled with NumPy, which checks indices; SciPy would write out of bounds."""

    def make(self) -> np.ndarray:
        shape = tuple(int(length) for length in self.state["_shape"])
        numbers = array_of(self.state["data"])
        if len(shape) != 2 or min(shape) < 0:
            raise ValueError(f"found a sparse matrix of shape {shape}")
        self.room.take(math.prod(shape) * numbers.itemsize)
        places = [_whole(place) for place in self.places(shape)]
        if any(place.shape != numbers.shape or (place < 0).any() for place in places):
            raise ValueError("found a sparse matrix with entries outside its shape")
        matrix = np.zeros(shape, numbers.dtype)
        np.add.at(matrix, tuple(places), numbers)  # duplicate entries are summed
        return matrix

    @abstractmethod
    def places(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of each entry."""


class _CSR(_Sparse):
    """``scipy.sparse.csr_matrix`` and ``csr_array``."""

    def places(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        return self.compressed(shape[0])

    def compressed(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices along the compressed axis, of a given length, and along the other axis."""
        ends, others = _whole(array_of(self.state["indptr"])), array_of(self.state["indices"])
        counts = np.diff(ends)
        if ends.shape != (length + 1,) or ends[0] != 0 or ends[-1] != len(others) or (counts < 0).any():
            raise ValueError("found a sparse matrix with inconsistent parts")
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
        raise ValueError("found a sparse matrix with indices that are not integers")
    return numbers.astype(np.int64)


def _new(kind: Any, *_: Any) -> StandIn:
    """``copyreg._reconstructor`` and ``numpy.core.multiarray._reconstruct``, which create an object without state."""
    if kind is object:  # Python 2's old-style classes; no array refers to them
        return StandIn()
    if not (isinstance(kind, type) and issubclass(kind, StandIn)):
        raise ValueError("found an object of an unsupported class")
    return kind.__new__(kind)


def _from_buffer(raw: bytes, dtype: _DType, shape: tuple[int, ...], order: str, *_: Any) -> _Array:
    """``numpy.core.numeric._frombuffer`` of pickle protocol 5."""
    array = _Array()
    array.state = (1, shape, dtype, order == "F", raw)
    return array


def _scalar(dtype: _DType, raw: Any) -> _Array:
    """``numpy.core.multiarray.scalar``."""
    array = _Array()
    array.state = (1, (), dtype, False, raw)
    return array


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``, which Python 3 uses for bytes in old protocols."""
    return text.encode("latin1")


def _set(values: Iterable[Any] = ()) -> list[Any]:
    """``set``, whose content is ignored."""
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
"""Functions that copy their arguments, with bytes per item."""
OLD_NAMES = {
    "builtins": "__builtin__",
    "copyreg": "copy_reg",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
    "scipy.sparse._csc": "scipy.sparse.csc",
    "scipy.sparse._csr": "scipy.sparse.csr",
    "scipy.sparse._coo": "scipy.sparse.coo",
}
