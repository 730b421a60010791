"""Time of landmarks compared with the whole mesh: ``python -m benchmarks.body``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.machine import machine
from fitting.body.body import Body


def main(batch: int = 64, repeats: int = 30) -> None:
    """Time landmarks and mesh on one thread: forward, and with the gradient of pose and shape.

    Args:
        batch: batch size.
        repeats: number of repetitions; the median is printed.
    """
    torch.set_num_threads(1)
    body = Body.open()
    generator = torch.Generator().manual_seed(0)
    pose = (0.3 * torch.randn(batch, 21, 3, generator=generator)).requires_grad_()
    betas = torch.randn(batch, 10, generator=generator).requires_grad_()
    orient = torch.zeros(batch, 3, requires_grad=True)

    def mesh() -> Tensor:
        vertices: Tensor = body(orient, pose, betas).vertices
        return vertices

    def landmarks() -> Tensor:
        return body.landmarks(orient, pose, betas)

    def milliseconds(points: Callable[[], Tensor], backward: bool) -> float:
        started = time.perf_counter()
        with torch.set_grad_enabled(backward):
            total = points().sum()
        if backward:
            total.backward()
        return 1000 * (time.perf_counter() - started)

    table = Table(title=f"batch {batch}; {machine()}", caption="milliseconds, medians of alternating runs")
    for column in ("", "mesh", "landmarks", "speed-up"):
        table.add_column(column, justify="right")
    for name, backward in (("forward", False), ("forward and backward", True)):
        pairs = [(milliseconds(mesh, backward), milliseconds(landmarks, backward)) for _ in range(repeats)]
        whole, few = (statistics.median(times) for times in zip(*pairs, strict=True))
        table.add_row(name, f"{whole:.2f}", f"{few:.2f}", f"{whole / few:.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    tyro.cli(main)
