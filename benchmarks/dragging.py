"""Update rate and accuracy of dragging points of a body: ``python -m benchmarks.dragging``."""

from __future__ import annotations

import math
import statistics
import time

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from qposer.body_pose.posed_skeleton import PosedSkeleton, neutral_pose
from qposer.control.inverse_kinematics import solve_ik
from qposer.prior.code_prior import CodePrior

PATHS = {
    "left_hand": (0.15, 0.3, 0.2),
    "right_hand": (-0.1, 0.4, 0.25),
    "left_ankle": (0.05, 0.2, 0.25),
    "right_toes": (-0.05, 0.3, 0.25),
    "crown": (0.1, -0.05, 0.15),
}
"""Displacement of each dragged point: left, up and forward, metres."""


def main(updates: int = 40) -> None:
    """Drag points of the neutral posture back and forth; each solve starts from the last solution.

    Args:
        updates: number of targets on the way there and back.
    """
    torch.set_num_threads(1)
    prior = CodePrior.from_pretrained()
    solve_ik(neutral_pose(), {"left_hand": (0.4, 0.0, 0.1)}, prior=prior)
    table = Table(title=machine(), caption="medians; cm from the target, which moves after every update")
    for column in ("point", "updates per second", "error, cm", "maximum error, cm", "final energy"):
        table.add_column(column, justify="left" if column == "point" else "right")
    for name, way in PATHS.items():
        posture = neutral_pose()
        start = PosedSkeleton.of(posture).point(name)
        seconds, off = [], []
        for update in range(1, updates + 1):
            part = 0.5 - 0.5 * math.cos(2 * math.pi * update / updates)
            target = (start + part * torch.tensor(way)).tolist()
            started = time.perf_counter()
            solution = solve_ik(posture, {name: target}, prior=prior)
            seconds.append(time.perf_counter() - started)
            off.append(100 * solution.distance[name])
            posture = solution.posture
        rate, miss = 1 / statistics.median(seconds), statistics.median(off)
        table.add_row(name, f"{rate:.0f}", f"{miss:.1f}", f"{max(off):.1f}", f"{solution.energy:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    tyro.cli(main)
