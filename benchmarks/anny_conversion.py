"""Error of the conversion to Anny: ``python -m benchmarks.anny_conversion``; needs ``pip install anny==0.6.2``."""

from __future__ import annotations

import time

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.prior.poses import Poses
from fitting.body.body import Body
from fitting.output.anny import to_anny
from fitting.output.body_result import BodyResult


def main(number: int = 8) -> None:
    """Convert recorded poses of random shapes.

    Args:
        number: number of bodies of each kind.
    """
    import anny

    torch.set_num_threads(1)
    model, poses = anny.Anny(), Poses.quick().test
    table = Table(title=f"{number} bodies; {machine()}")
    for column in ("body", "mean error", "99 % of the vertices", "height", "seconds"):
        table.add_column(column, justify="right")
    for body in (Body.open(), Body.ages()):
        generator = torch.Generator().manual_seed(0)
        found, apart, begun = [], [], time.perf_counter()
        for pose in poses[torch.randperm(len(poses), generator=generator)[:number]]:
            betas = torch.randn(body.num_betas, generator=generator)
            if body.data.groups is not None:
                age = 2.0 + 18.0 * torch.rand((), generator=generator).item()
                group = body.data.groups.at(age)
                betas = torch.from_numpy(group.means[0]) + torch.linalg.solve(torch.from_numpy(group.roots[0]), betas)
            place = np.array([np.pi, 0.0, 0.0]), pose.numpy(), betas.numpy(), np.array([0.0, 0.0, 3.0])
            orient, body_pose, shape, transl = (values.astype(np.float32) for values in place)
            result = BodyResult(orient, body_pose, shape, transl, np.zeros((21, 4), int), body.name, "")
            found.append(to_anny(result, body, model))
            rest = torch.zeros(1, 22, 3)
            tall = np.ptp(body(rest[:, 0], rest[:, 1:], betas[None]).vertices[0, :, 1].numpy())
            apart.append(abs(found[-1].height / tall - 1))
        table.add_row(
            body.name,
            f"{np.mean([one.error_mm for one in found]):.1f} mm",
            f"{np.mean([one.worst_mm for one in found]):.0f} mm",
            f"{100 * np.mean(apart):.1f} %",
            f"{(time.perf_counter() - begun) / number:.0f}",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    tyro.cli(main)
