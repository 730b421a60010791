"""Official SMPL pickles, read without chumpy and without running anything that stands in them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse


def read_arrays(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle of arrays, written by Python 2 or 3; chumpy's and SciPy's arrays become numpy's.

    Raises:
        ValueError: it is no pickle, is no dictionary, or asks for anything but arrays; nothing has been run then.
    """
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file, encoding="latin1").load()
    except ValueError as error:
        raise ValueError(f"body file {path} is not an SMPL pickle: {error}") from error
    except Exception as error:  # damaged pickles raise anything
        raise ValueError(
            f"body file {path} is not an SMPL pickle: expected a dictionary of arrays, found {error or 'an early end'}"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"body file {path} is not an SMPL pickle: expected a dictionary, found {type(content).__name__}")
    return {key: value.array() if isinstance(value, _StandIn) else value for key, value in content.items()}


class _StandIn:
    """What an array of another package leaves in a pickle: its attributes, as plain data."""

    state: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise ValueError(f"expected the attributes of an array, found {type(state).__name__}")
        self.state = state

    def array(self) -> np.ndarray:
        raise NotImplementedError

    def source(self) -> np.ndarray:
        """The array that this one reorders."""
        inner = self.state["a"]
        return inner.array() if isinstance(inner, _StandIn) else np.asarray(inner)


class _Ch(_StandIn):
    """``chumpy.ch.Ch``: holds its numbers as ``x``."""

    def array(self) -> np.ndarray:
        return np.asarray(self.state["x"])


class _Select(_StandIn):
    """``chumpy.reordering.Select``: picks entries of a flattened array."""

    def array(self) -> np.ndarray:
        picked = self.source().ravel()[np.asarray(self.state["idxs"])]
        return picked.reshape(self.state.get("preferred_shape", picked.shape))


class _Reshape(_StandIn):
    """``chumpy.reordering.Reshape``."""

    def array(self) -> np.ndarray:
        return self.source().reshape(self.state["newshape"])


class _Transpose(_StandIn):
    """``chumpy.reordering.transpose``."""

    def array(self) -> np.ndarray:
        return self.source().transpose(self.state.get("axes"))


class _Compressed(_StandIn):
    """SciPy's compressed sparse matrices, checked, since a crafted one would make SciPy read foreign memory."""

    kind: Callable[..., Any]

    def array(self) -> np.ndarray:
        parts = (self.state["data"], self.state["indices"], self.state["indptr"])
        matrix = self.kind(parts, shape=self.state["_shape"])
        matrix.check_format(full_check=True)
        return matrix.toarray()


class _CSC(_Compressed):
    kind = sparse.csc_matrix


class _CSR(_Compressed):
    kind = sparse.csr_matrix


def _new(kind: Any, base: Any, state: Any) -> Any:
    """``copyreg._reconstructor`` for stand-ins."""
    if not (isinstance(kind, type) and issubclass(kind, _StandIn)):
        raise ValueError(f"expected arrays, found an object of {kind!r}")
    return kind()


_ARRAY_PARTS = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
    ("copy_reg", "_reconstructor"): _new,
    ("copyreg", "_reconstructor"): _new,
    ("_codecs", "encode"): lambda text, encoding: text.encode("latin1"),
    ("chumpy.ch", "Ch"): _Ch,
    ("chumpy.reordering", "Select"): _Select,
    ("chumpy.reordering", "Reshape"): _Reshape,
    ("chumpy.reordering", "transpose"): _Transpose,
    ("chumpy.reordering", "Transpose"): _Transpose,
}
