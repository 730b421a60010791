"""A simulated second device, with values, for tests of device safety without a GPU.

Its tensors report a device that PyTorch knows but cannot use. As on a GPU, an operation on tensors of two devices
raises, except copies, numbers (tensors without dimensions) and indices on the CPU; and tensors must be copied to the
CPU before NumPy reads them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("lazy")

_aten = torch.ops.aten
_COPIES = (_aten._to_copy.default, _aten.copy_.default)
_INDEXED = (
    _aten.index.Tensor,
    _aten.index_put.default,
    _aten.index_put_.default,
    _aten._index_put_impl_.default,
)
"""Operations whose second argument is a list of indices."""


class _Elsewhere(torch.Tensor):
    """A tensor of the other device; ``values`` are on the CPU."""

    values: torch.Tensor

    @staticmethod
    def __new__(cls, values):
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            values.shape,
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=DEVICE,
        )
        made.values = values
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    def __getitem__(self, index):
        return super().__getitem__(_with_tensors(index))

    def __setitem__(self, index, value):
        super().__setitem__(_with_tensors(index), value)

    def tolist(self):
        """Subclasses must implement this."""
        return self.values.tolist()

    def numpy(self, *, force=False):
        """As on a GPU."""
        if not force:
            raise TypeError("copy the tensor to the CPU before it becomes an array")
        return self.values.numpy(force=True)

    def new_tensor(self, data, dtype=None):
        """PyTorch would create it without the mode."""
        return torch.tensor(data, dtype=dtype or self.dtype).to(DEVICE)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError("use tensors of the other device only inside of OtherDevice()")


def _with_tensors(index):
    """An index with tensors in place of sequences, which PyTorch would create without the mode."""
    if isinstance(index, tuple):
        return tuple(_with_tensors(list(part) if isinstance(part, tuple) else part) for part in index)
    if isinstance(index, list):
        return torch.tensor(index, dtype=None if index else torch.long)
    return torch.from_numpy(index) if isinstance(index, np.ndarray) else index


class _Creation(TorchFunctionMode):
    """Creates tensors from numbers on the CPU first; PyTorch would create them without the mode."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func not in (torch.tensor, torch.as_tensor) or kwargs.get("device") is None:
            return func(*args, **kwargs)
        return func(*args, **{**kwargs, "device": "cpu"}).to(kwargs["device"])


class OtherDevice(TorchDispatchMode):
    """A context in which the device computes."""

    def __enter__(self):
        self._creation = _Creation()
        self._creation.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._creation.__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        given = (args[0], args[2:], kwargs) if func in _INDEXED else (args, kwargs)
        tensors = [leaf for leaf in tree_leaves(given) if isinstance(leaf, torch.Tensor)]
        elsewhere = [isinstance(tensor, _Elsewhere) for tensor in tensors]
        here = [tensor for tensor, away in zip(tensors, elsewhere, strict=True) if not away]
        if any(elsewhere) and func not in _COPIES and any(tensor.dim() for tensor in here):
            raise AssertionError(f"{func} of tensors of two devices")
        away = any(elsewhere)
        if func is _aten.copy_.default:
            away = elsewhere[0]
        if kwargs.get("device") is not None:
            away = torch.device(kwargs["device"]) == DEVICE
            kwargs["device"] = torch.device("cpu")
        values, named_values = tree_map_only(_Elsewhere, lambda tensor: tensor.values, (args, kwargs))
        result = func(*values, **named_values)
        if not away:
            return result
        result = tree_map_only(torch.Tensor, lambda tensor: _Elsewhere(tensor.resolve_conj()), result)
        return return_and_correct_aliasing(func, args, kwargs, result)
