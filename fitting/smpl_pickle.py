"""Official SMPL pickles, read without chumpy and without running anything that stands in them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse


def read_arrays(path: Path, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """Those of the arrays called ``keys`` that a pickled dictionary holds, whether of NumPy, SciPy or chumpy.

    Pickles of Python 2 and 3 are read. No class or function that a pickle names is ever imported: each one that
    official files need has a stand-in here, which keeps plain data, and any other is refused.

    Raises:
        ValueError: it is no pickle, is no dictionary, or asks for anything but arrays.
    """
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file, encoding="latin1").load()
        if not isinstance(content, dict):
            raise ValueError(f"found a {type(content).__name__}")
        return {key: _array(content[key]) for key in keys if key in content}
    except Exception as error:  # damaged and crafted pickles raise anything
        raise ValueError(
            f"body file {path} is not an SMPL pickle: expected a dictionary of arrays, {error}; give the file as it "
            "was downloaded"
        ) from error


class _StandIn:
    """What an object of another package leaves in a pickle: plain data."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        raise ValueError("found an object that is no array")


def _array(value: Any) -> np.ndarray:
    return value.array() if isinstance(value, _StandIn) else np.asarray(value)


class _DType(_StandIn):
    """``numpy.dtype``; its state tells the byte order."""

    def __init__(self, code: str, *flags: bool) -> None:
        self.code = code

    def dtype(self) -> np.dtype:
        dtype = np.dtype(self.code)
        if dtype.kind not in "fiub":
            raise ValueError(f"found an array of {dtype}")
        return dtype.newbyteorder(self.state[1] if self.state else "=")


class _Array(_StandIn):
    """``numpy.ndarray``, whose state is (version, shape, dtype, whether in Fortran's order, bytes)."""

    def array(self) -> np.ndarray:
        _, shape, dtype, fortran, raw = self.state
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        return np.frombuffer(raw, dtype.dtype()).reshape(shape, order="F" if fortran else "C")


class _Ch(_StandIn):
    """``chumpy.ch.Ch``: its numbers are ``x``."""

    def array(self) -> np.ndarray:
        return _array(self.state["x"])


class _Select(_StandIn):
    """``chumpy.reordering.Select``: entries of a flattened array."""

    def array(self) -> np.ndarray:
        picked = _array(self.state["a"]).ravel()[_array(self.state["idxs"])]
        return picked.reshape(self.state.get("preferred_shape", picked.shape))


class _Reshape(_StandIn):
    """``chumpy.reordering.Reshape``."""

    def array(self) -> np.ndarray:
        return _array(self.state["a"]).reshape(self.state["newshape"])


class _Transpose(_StandIn):
    """``chumpy.reordering.Transpose``."""

    def array(self) -> np.ndarray:
        return _array(self.state["a"]).transpose(self.state.get("axes"))


class _CSC(_StandIn):
    """``scipy.sparse.csc_matrix``, checked before use, since crafted indices would reach into foreign memory."""

    kind: type = sparse.csc_matrix

    def array(self) -> np.ndarray:
        parts = tuple(_array(self.state[name]) for name in ("data", "indices", "indptr"))
        matrix = self.kind(parts, shape=self.state["_shape"])
        matrix.check_format(full_check=True)
        return matrix.toarray()


class _CSR(_CSC):
    """``scipy.sparse.csr_matrix``."""

    kind = sparse.csr_matrix


def _new(kind: Any, *_: Any) -> _StandIn:
    """``copyreg._reconstructor`` and ``numpy.core.multiarray._reconstruct``, which make an object without a state."""
    return kind.__new__(kind)


def _from_buffer(raw: bytes, dtype: _DType, shape: tuple[int, ...], order: str, *_: Any) -> _Array:
    """``numpy.core.numeric._frombuffer``, of pickles of protocol 5."""
    array = _Array()
    array.state = (1, shape, dtype, order == "F", bytes(raw))
    return array


def _scalar(dtype: _DType, raw: Any) -> _Array:
    """``numpy.core.multiarray.scalar``."""
    array = _Array()
    array.state = (1, (), dtype, False, raw)
    return array


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``, which is how Python 3 writes bytes into old protocols."""
    return text.encode("latin1")


_STAND_INS: dict[str, Callable[..., Any]] = {
    "__builtin__.object": object,
    "__builtin__.set": set,
    "copy_reg._reconstructor": _new,
    "_codecs.encode": _encode,
    "numpy.ndarray": _Array,
    "numpy.dtype": _DType,
    "numpy.core.multiarray._reconstruct": _new,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "scipy.sparse.csc.csc_matrix": _CSC,
    "scipy.sparse.csr.csr_matrix": _CSR,
    "chumpy.ch.Ch": _Ch,
    "chumpy.reordering.Select": _Select,
    "chumpy.reordering.Reshape": _Reshape,
    "chumpy.reordering.Transpose": _Transpose,
}
_OLD_NAMES = {
    "builtins": "__builtin__",
    "copyreg": "copy_reg",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
    "scipy.sparse._csc": "scipy.sparse.csc",
    "scipy.sparse._csr": "scipy.sparse.csr",
}


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler that knows the stand-ins and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a class or function, or an error."""
        full_name = f"{_OLD_NAMES.get(module, module)}.{name}"
        if full_name not in _STAND_INS:
            raise ValueError(f"found {module}.{name}, which is refused because it could run code")
        return _STAND_INS[full_name]
