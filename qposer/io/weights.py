"""Model files: safetensors with their configuration, written atomically."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line

_LARGEST = 1e6

Module = TypeVar("Module", bound=nn.Module)


def write_tensors(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file under a temporary name, then move it to its own.

    Args:
        path: the file to write.
        tensors: tensors by name.
        metadata: strings by name.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_write(path) as temporary:
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        except SafetensorError as error:  # for example a full disk
            raise OSError(f"cannot write {path}: {one_line(error)}") from None


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {one_line(error)}") from None


def read_note(path: str | Path, name: str) -> str | None:
    """Read a note that ``save_module`` wrote, without the tensors.

    Args:
        path: a safetensors file.
        name: name of the note.

    Returns:
        The note, or None.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(name)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {one_line(error)}") from None


def save_module(
    path: str | Path, module: nn.Module, config: Any, format: str, notes: dict[str, str], dtype: torch.dtype
) -> None:
    """Write a module's state, its configuration, and notes on its origin.

    Args:
        path: the file to write.
        module: the module.
        config: its configuration, a dataclass.
        format: name of the format, which `load_module` checks.
        notes: strings stored in the file with the weights.
        dtype: type of the floating-point numbers in the file.
    """
    state = {name: tensor.to(dtype) for name, tensor in module.state_dict().items()}
    write_tensors(path, state, {"format": format, "config": json.dumps(dataclasses.asdict(config)), **notes})


def load_module(path: str | Path, kind: type[Module], config_kind: type, format: str) -> Module:
    """Load a module that ``save_module`` wrote, in single precision and evaluation mode, with frozen weights.

    Sizes are checked before allocation, because the configuration may contain any.

    Args:
        path: the file.
        kind: class of the module, created from its configuration.
        config_kind: class of the configuration, a dataclass.
        format: required name of the format.

    Returns:
        The module.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is invalid, its weights do not match its configuration, or they are not finite.
    """
    weights, metadata = read_tensors(path)
    if metadata.get("format") != format:
        found = metadata.get("format", "none")
        raise ValueError(f"{path} is not a {kind.__name__} file: expected format {format}, found {found}")
    try:
        config = _config(config_kind, metadata["config"], weights)
        with torch.device("meta"):
            planned = kind(config).state_dict()
        _check_weights(weights, planned)
        module = kind(config)
        module.load_state_dict(weights)
    except Exception as error:  # invalid configurations may raise any exception in a layer
        raise ValueError(f"{path} contains weights that do not match its configuration: {one_line(error)}") from None
    return module.float().eval().requires_grad_(False)


def _config(kind: type, text: str, weights: dict[str, Tensor]) -> Any:
    """The configuration, if its sizes are plausible for the weights in the file."""
    values = json.loads(text)
    largest = max((max(tensor.shape, default=1) for tensor in weights.values() if tensor.numel()), default=0)
    for field in dataclasses.fields(kind):
        value = values.get(field.name, field.default)
        kinds = (float, int) if type(field.default) is float else (type(field.default),)
        if type(value) not in kinds or not -math.inf < value < math.inf:
            raise ValueError(f"{field.name} is {one_line(value, 40)}, but must be like {field.default}")
        most = len(weights) if field.name == "depth" else max(largest, len(weights))
        if type(field.default) is int and not 0 <= value <= most:
            raise ValueError(f"{field.name} is {one_line(value, 40)}, but no size in the file exceeds {most}")
    return kind(**values)


def _check_weights(weights: dict[str, Tensor], planned: dict[str, Tensor]) -> None:
    sizes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    expected = {name: tuple(tensor.shape) for name, tensor in planned.items()}
    for name in sorted(sizes.keys() | expected.keys()):
        if sizes.get(name) != expected.get(name):
            raise ValueError(f"{name} is {sizes.get(name, 'absent')}, but must be {expected.get(name, 'absent')}")
        if not (weights[name].abs() <= _LARGEST).all():
            raise ValueError(f"{name} contains NaN or numbers beyond {_LARGEST:g}")
