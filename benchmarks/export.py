"""Exported models in onnxruntime against PyTorch: ``python -m benchmarks.export --folder out/export``.

The folder contains the files that ``python demos/export_model.py onnx --out out/export`` writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from torch import Tensor

from benchmarks.commands import command
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.export import regressor_model
from qposer.export import Exportable, ModelName, prior_model
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.prior.code_prior import CodePrior

OF_PRIOR: tuple[ModelName, ...] = ("encode", "decode", "energy", "pull", "vposer_decode")
BATCHES = (1, 256)

PAGE = """\
# Exported models

Milliseconds of a call on one thread, the fastest of {calls}, PyTorch and onnxruntime in turns; and the largest
difference of any output.

`{command}`; {machine}, onnxruntime {runtime}.

{table}
"""


def main(folder: Path = Path("out/export"), calls: int = 50, out: Path | None = None) -> None:
    """Time the exported models.

    Args:
        folder: folder with the ONNX files.
        calls: calls of each model and batch.
        out: folder for export.md.

    Raises:
        ValueError: onnxruntime is not installed, or a file is absent.
    """
    console = Console(width=120)
    with cli_errors("benchmarks.export"), torch.no_grad():
        try:
            import onnxruntime
        except ImportError:
            raise ValueError("onnxruntime is not installed: pip install onnxruntime") from None
        torch.set_num_threads(1)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        prior = CodePrior.from_pretrained()
        models = {name: prior_model(name, prior) for name in OF_PRIOR} | {"regressor": regressor_model()}
        rows = []
        for name, model in models.items():
            path = folder / f"{name}.onnx"
            if not path.is_file():
                raise ValueError(f"{path} does not exist: run python demos/export_model.py onnx --out {folder}")
            run = partial(onnxruntime.InferenceSession(path, options).run, None)
            cells = [cell for batch in BATCHES for cell in compared(model, run, batch, calls)]
            rows.append([name, f"{path.stat().st_size / 1e6:.1f}", *cells])
    heads = [f"{what}, batch {batch}" for batch in BATCHES for what in ("PyTorch", "onnxruntime", "difference")]
    table = Table(["model", "MB", *heads], rows)
    console.print(table.for_console("Milliseconds a call"))
    if out:
        text = PAGE.format(
            calls=calls,
            command=command("benchmarks.export", main, calls=calls, out=out),
            machine=machine(),
            runtime=onnxruntime.__version__,
            table=table.markdown(),
        )
        with atomic_write(out / "export.md") as temporary:
            temporary.write_text(text, encoding="utf-8")


def compared(
    model: Exportable, run: Callable[[dict[str, np.ndarray]], list[np.ndarray]], batch: int, calls: int
) -> list[str]:
    """Compare a model with its exported form.

    Args:
        model: the model.
        run: the exported form: outputs for inputs by name.
        batch: batch size.
        calls: calls of each, in turns.

    Returns:
        Milliseconds of the fastest call of each, and their largest difference.
    """
    inputs = [_varied(value, batch, name in model.shared) for name, value in model.inputs.items()]
    arrays = dict(zip(model.inputs, (value.numpy() for value in inputs), strict=True))
    ours = model.module(*inputs)
    pairs = zip(ours if isinstance(ours, tuple) else (ours,), run(arrays), strict=True)
    difference = max(float(np.abs(one.numpy() - other).max()) for one, other in pairs)
    seconds = [(_seconds(lambda: model.module(*inputs)), _seconds(lambda: run(arrays))) for _ in range(calls)]
    return [*(f"{1000 * min(column):.2f}" for column in zip(*seconds, strict=True)), f"{difference:.1e}"]


def _varied(example: Tensor, batch: int, shared: bool) -> Tensor:
    """The example repeated, with small differences."""
    repeated = example if shared else example[:1].expand(batch, *example.shape[1:]).contiguous()
    if not example.is_floating_point():
        return torch.randint(256, repeated.shape, generator=torch.Generator().manual_seed(0))
    return repeated + 0.1 * torch.rand(repeated.shape, generator=torch.Generator().manual_seed(0))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
