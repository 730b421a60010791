"""Export of the prior's functions to ONNX, and to programs of ``torch.export`` that load without this package.

A model has named inputs and outputs of a dynamic batch. Nothing in it is random: noise is an input, and the noise of
the energy is a constant of the prior.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from qposer import __version__
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.io.atomic_files import atomic_write
from qposer.prior.code_prior import CodePrior
from qposer.vposer import VPoserV2

ModelName = Literal["encode", "decode", "energy", "pull", "vposer_decode"]

OPSET = 20
"""Version of ONNX's operators; onnxruntime has had it since 1.17."""

INT64 = 7
"""Number of that type in ONNX."""


@dataclass(frozen=True)
class Exportable:
    """A function of tensors, ready for export.

    Attributes:
        module: takes the inputs in order.
        inputs: an example of each input, with a batch of two; a value without a batch is in ``shared``.
        outputs: names of the outputs; all have a batch.
        shared: names of the inputs that the whole batch shares.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    shared: frozenset[str] = frozenset()

    @property
    def dynamic_shapes(self) -> tuple[tuple[dict[int, Dim] | None, ...]]:
        """Which sizes of the inputs are the batch, as ``torch.export`` takes it."""
        batch = Dim("batch", min=1)
        return (tuple(None if name in self.shared else {0: batch} for name in self.inputs),)

    def program(self) -> ExportedProgram:
        """The traced function, for any batch; source files of this machine are not named in it."""
        with torch.no_grad():
            program = torch.export.export(
                self.module.eval(), tuple(self.inputs.values()), dynamic_shapes=self.dynamic_shapes
            )
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)
        return program


def prior_model(name: ModelName, prior: CodePrior | None = None) -> Exportable:
    """A function of the prior, ready for export.

    - ``encode``: body poses, axis-angle, to codes and the latents before quantisation.
    - ``decode``: codes to rotation matrices.
    - ``energy``: body poses, axis-angle, to `CodePrior.energy`.
    - ``pull``: latents, noise levels of each joint and noise to `CodePrior.pull` and its gradient in the latents.
    - ``vposer_decode``: 32 numbers to `VPoserV2.decode`.

    Args:
        name: which function.
        prior: the prior; default: the shipped one. ``vposer_decode`` is always the shipped one.

    Returns:
        The function.

    Raises:
        ValueError: there is no such function.
    """
    if name == "vposer_decode":
        return _vposer_decode(VPoserV2.from_pretrained())
    if name not in _OF_PRIOR:
        raise ValueError(f"there is no model {name!r} to export: use {', '.join([*_OF_PRIOR, 'vposer_decode'])}")
    return _OF_PRIOR[name](prior or CodePrior.from_pretrained())


def export_onnx(model: ModelName | Exportable, path: str | Path) -> None:
    """Write a model as one ONNX file.

    Args:
        model: a name, for the shipped weights, or any function ready for export.
        path: the file to write.

    Raises:
        ValueError: there is no such model, or onnx or onnxscript is not installed.
        OSError: the file cannot be written.
    """
    model = _resolved(model)
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise ValueError("export to ONNX needs two packages: pip install onnx onnxscript") from None
    with _silence():
        written = torch.onnx.export(
            model.program(),
            input_names=list(model.inputs),
            output_names=list(model.outputs),
            opset_version=OPSET,
            dynamic_shapes=model.dynamic_shapes,
            custom_translation_table={torch.ops.aten.searchsorted.Tensor: _searchsorted},
            verbose=False,
        )
    assert written is not None
    _clear_notes(written.model)
    with atomic_write(path) as temporary:
        written.save(temporary)


def export_torch(model: ModelName | Exportable, path: str | Path) -> None:
    """Write a model as a program that ``torch.export.load`` reads without this package.

    Args:
        model: a name, for the shipped weights, or any function ready for export.
        path: the file to write; its name should end in ``.pt2``.

    Raises:
        ValueError: there is no such model.
        OSError: the file cannot be written.
    """
    program = _resolved(model).program()
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        torch.export.save(program, file)


def _resolved(model: ModelName | Exportable) -> Exportable:
    return model if isinstance(model, Exportable) else prior_model(model)


class Function(nn.Module):
    """A function, with the modules whose weights it uses."""

    def __init__(self, function: Callable[..., Tensor | tuple[Tensor, ...]], *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The function's outputs."""
        return self.function(*inputs)


def _encode(prior: CodePrior) -> Exportable:
    model = prior.model

    def encode(body_pose: Float[Tensor, "batch 21 3"]) -> tuple[Tensor, ...]:
        latents = model.latents(body_pose)
        return model.encode_latents(latents), latents

    return Exportable(
        Function(encode, model.encoder, model.quantizer), {"body_pose": _example_pose()}, ("codes", "latents")
    )


def _decode(prior: CodePrior) -> Exportable:
    codes = torch.zeros(2, NUM_BODY_JOINTS, prior.model.config.heads, dtype=torch.long)
    return Exportable(
        Function(prior.model.decode, prior.model.quantizer, prior.model.decoder), {"codes": codes}, ("body_pose",)
    )


def _energy(prior: CodePrior) -> Exportable:
    module = Function(prior.energy, prior.model, prior.network)
    return Exportable(module, {"body_pose": _example_pose()}, ("energy",))


def _pull(prior: CodePrior) -> Exportable:
    network, latent = prior.network, prior.model.config.latent_shape

    def pull(latents: Tensor, noise_level: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        standard = network.standardise(latents)
        away = standard - network.denoised(standard, noise_level, noise)
        gradient = away / (network.scale.numel() * network.scale)
        return 0.5 * away.square().mean((-1, -2)), gradient.reshape(latents.shape)

    inputs = {
        "latents": torch.zeros(2, *latent),
        "noise_level": torch.ones(2, NUM_BODY_JOINTS),
        "noise": torch.zeros(NUM_BODY_JOINTS, network.config.latent_dim),
    }
    return Exportable(Function(pull, network.denoiser), inputs, ("pull", "gradient"), frozenset({"noise"}))


def _vposer_decode(model: VPoserV2) -> Exportable:
    def decode(latents: Float[Tensor, "batch latentD"]) -> tuple[Tensor, ...]:
        return tuple(model.decode(latents).values())

    inputs = {"latents": torch.zeros(2, model.latentD)}
    return Exportable(
        Function(decode, model.space.expand, model.space.decoder), inputs, ("pose_body", "pose_body_matrot")
    )


_OF_PRIOR: dict[str, Callable[[CodePrior], Exportable]] = {
    "encode": _encode,
    "decode": _decode,
    "energy": _energy,
    "pull": _pull,
}


def _example_pose() -> Float[Tensor, "2 21 3"]:
    return torch.full((2, NUM_BODY_JOINTS, 3), 0.1)


@contextmanager
def _silence() -> Iterator[None]:
    """Without the exporter's warnings, which are about absent packages and about its own code."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)


def _clear_notes(model: Any) -> None:
    """Remove what the exporter notes about every node, two thirds of a small file."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    model.producer_name, model.producer_version = "qposer", __version__


def _searchsorted(sorted_sequence: Any, values: Any, **options: Any) -> Any:
    """``torch.searchsorted`` as a binary search, by operators that ONNX has."""
    import onnxscript

    op: Any = onnxscript.opset20
    size = sorted_sequence.shape[-1]
    step = 1 << (size.bit_length() - 1)
    padding = op.Constant(value_ints=[0, 0, 0, 2 * step - 1 - size])
    padded = op.Pad(sorted_sequence, padding, op.Constant(value_float=math.inf))
    found = op.Expand(op.Constant(value_int=0), op.Shape(values))
    while step:
        probed = op.GatherElements(padded, op.Add(found, op.Constant(value_int=step - 1)), axis=-1)
        below = op.Cast(op.Less(probed, values), to=INT64)
        found = op.Add(found, op.Mul(below, op.Constant(value_int=step)))
        step //= 2
    return found
