"""A training run's state on disk: everything that the next step depends on, without pickles."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from qposer.weights import read_tensors, write_tensors


def save_checkpoint(
    path: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator, best: float
) -> None:
    """Write optimiser, random state and model, with the buffers that a saved model leaves out, all or nothing."""
    tensors = {f"model.{name}": tensor for name, tensor in _tensors(model).items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{slot}": value for slot, value in slots.items()}
    tensors["generator"] = generator.get_state()
    tensors["global_generator"] = torch.get_rng_state()
    write_tensors(path, tensors, {"step": str(step), "best": repr(best)})


def load_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> tuple[int, float]:
    """Restore what ``save_checkpoint`` wrote, in place; returns the step and the best validation error so far.

    Raises:
        ValueError: the checkpoint belongs to a model of other sizes.
    """
    tensors, metadata = read_tensors(path)
    current = _tensors(model)
    saved = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    sizes = {name: tensor.shape for name, tensor in current.items()}
    if {name: tensor.shape for name, tensor in saved.items()} != sizes:
        raise ValueError(f"{path} belongs to a model of other sizes: give another --out, or delete it to start anew")
    with torch.no_grad():
        for name, tensor in current.items():
            tensor.copy_(saved[name])
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, slot = name.split(".")
            state.setdefault(int(index), {})[slot] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    generator.set_state(tensors["generator"])
    torch.set_rng_state(tensors["global_generator"])
    return int(metadata["step"]), float(metadata["best"])


def _tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())
