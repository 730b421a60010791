"""Checkpoints of networks, optimiser and random states, without pickles."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from qposer.io.messages import one_line
from qposer.io.weights import read_tensors, write_tensors


def save_checkpoint(
    path: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator, best: float
) -> None:
    """Atomically write optimiser, random state and model, including non-persistent buffers.

    Args:
        path: the file to write.
        step: number of completed steps.
        model: model to save.
        optimizer: optimiser to save.
        generator: random generator to save.
        best: lowest validation error so far.
    """
    tensors = {f"model.{name}": tensor for name, tensor in _tensors(model).items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{slot}": value for slot, value in slots.items()}
    tensors["generator"] = generator.get_state()
    tensors["global_generator"] = torch.get_rng_state()
    write_tensors(path, tensors, {"step": str(step), "best": repr(best)})


def load_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> tuple[int, float]:
    """Restore a checkpoint in place; returns the step and the lowest validation error so far.

    Args:
        path: file written by `save_checkpoint`.
        model: model to restore.
        optimizer: optimiser to restore.
        generator: random generator to restore.

    Returns:
        The step, and the lowest validation error so far.

    Raises:
        ValueError: the checkpoint belongs to a model of other sizes, or is incomplete.
    """
    tensors, metadata = read_tensors(path)
    current = _tensors(model)
    saved = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    sizes = {name: tensor.shape for name, tensor in current.items()}
    if {name: tensor.shape for name, tensor in saved.items()} != sizes:
        raise ValueError(f"{path} belongs to a model of other sizes{_START_ANEW}")
    try:
        state = _optimizer_state(tensors, optimizer)
        step, best = int(metadata["step"]), float(metadata["best"])
        generators = tensors["generator"], tensors["global_generator"]
    except KeyError as error:
        raise ValueError(f"{path} lacks {error}{_START_ANEW}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not a checkpoint ({one_line(error)}){_START_ANEW}") from None
    try:
        generator.set_state(generators[0])
        torch.set_rng_state(generators[1])
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"{path} has no state of a random generator ({one_line(error)}){_START_ANEW}") from None
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    with torch.no_grad():
        for name, tensor in current.items():
            tensor.copy_(saved[name])
    return step, best


_START_ANEW = ": delete it to start again, or give another --out"

_SLOTS = ("step", "exp_avg", "exp_avg_sq")
"""State of Adam for each parameter."""


def _optimizer_state(
    tensors: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer
) -> dict[int, dict[str, torch.Tensor]]:
    """State of the optimiser for every updated parameter.

    Raises:
        KeyError: some are missing.
        ValueError: an entry matches no parameter, or has another size.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    moved = {int(name.split(".")[1]) for name in tensors if name.startswith("optimizer.")}
    if not moved and parameters:
        raise KeyError("optimizer")
    state = {index: {slot: tensors[f"optimizer.{index}.{slot}"] for slot in _SLOTS} for index in sorted(moved)}
    for index, slots in state.items():
        if index >= len(parameters) or any(slots[slot].shape != parameters[index].shape for slot in _SLOTS[1:]):
            raise ValueError(f"optimizer.{index} matches no parameter")
    return state


def _tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())
