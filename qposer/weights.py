"""Model files: safetensors that carry their configuration, written at once or not at all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from qposer.files import replacing

Module = TypeVar("Module", bound=nn.Module)


def write_tensors(path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file under a temporary name, then move it to its own."""
    with replacing(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from None


def read_note(path: str | Path, name: str) -> str | None:
    """A note that ``save_module`` wrote, or none; the tensors are not read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(name)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from None


def save_module(
    path: str | Path, module: nn.Module, config: Any, format: str, notes: dict[str, str], dtype: torch.dtype
) -> None:
    """Write a module's state, the dataclass that it was built from, and notes on its origin."""
    state = {name: tensor.to(dtype) for name, tensor in module.state_dict().items()}
    write_tensors(path, state, {"format": format, "config": json.dumps(dataclasses.asdict(config)), **notes})


def load_module(path: str | Path, kind: type[Module], config_kind: type, format: str) -> Module:
    """A module that ``save_module`` wrote, in single precision and evaluation mode, its weights frozen.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else, or weights of other sizes than its configuration says.
    """
    weights, metadata = read_tensors(path)
    if metadata.get("format") != format:
        found = metadata.get("format", "none")
        raise ValueError(f"{path} is no {kind.__name__} file: expected format {format}, found {found}")
    try:
        module = kind(config_kind(**json.loads(metadata["config"])))
        module.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"{path} holds weights that do not fit its configuration: {reason}") from None
    return module.eval().requires_grad_(False)
