"""Update rate and accuracy of dragging points of a body and fingertips: ``python -m benchmarks.dragging``."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.machine import machine
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.control.finger_inverse_kinematics import solve_fingertips
from qposer.control.hand_instructions import instruct_hands
from qposer.control.hand_measures import PosedHand
from qposer.control.inverse_kinematics import solve_ik
from qposer.hands.prior import load_hand_prior
from qposer.hands.smplh import NUM_HAND_JOINTS
from qposer.prior.code_prior import CodePrior

_Pose = TypeVar("_Pose")
_Update = tuple[_Pose, float, float]
"""A pose, the distance of its point from the target in metres, and its energy."""

PATHS = {
    "left_hand": (0.15, 0.3, 0.2),
    "right_hand": (-0.1, 0.4, 0.25),
    "left_ankle": (0.05, 0.2, 0.25),
    "right_toes": (-0.05, 0.3, 0.25),
    "crown": (0.1, -0.05, 0.15),
}
"""Displacement of each dragged point: left, up and forward, metres."""

FINGER_PATHS = {
    "thumb": (0.015, -0.015, -0.02),
    "index": (0.05, -0.04, 0.0),
    "middle": (0.03, -0.03, 0.0),
    "ring": (0.06, -0.04, 0.005),
    "pinky": (0.02, -0.02, -0.01),
}
"""Displacement of each fingertip of a relaxed right hand: towards the wrist, to the back of the hand, to the thumb's
side, metres."""


def main(updates: int = 40) -> None:
    """Drag points of the neutral posture, and fingertips, back and forth; each solve starts from the last solution.

    Args:
        updates: number of targets on the way there and back.
    """
    torch.set_num_threads(1)
    prior, hand_prior = CodePrior.from_pretrained(), load_hand_prior()
    caption = "cm from the target, which moves after every update"
    table = Table(title=machine(), caption=caption)
    for column in ("point", "updates per second", "slowest, ms", "error, cm", "maximum error, cm", "final energy"):
        table.add_column(column, justify="left" if column == "point" else "right")
    for name, way in PATHS.items():
        start = PosedSkeleton.of(neutral_pose()).point(name)

        def drag(posture: OrientedPose, target: list[float], name: str = name) -> _Update[OrientedPose]:
            solution = solve_ik(posture, {name: target}, prior=prior)
            return solution.posture, solution.distance[name], solution.energy

        table.add_row(name, *_dragged(drag, neutral_pose(), start, torch.tensor(way), updates))
    hand = instruct_hands(torch.eye(3).repeat(30, 1, 1), "relax the right hand").hand_pose[NUM_HAND_JOINTS:]
    for name, way in FINGER_PATHS.items():
        start = PosedHand.of(hand).place(f"{name}_tip") / 100

        def drag_tip(pose: Tensor, target: list[float], name: str = name) -> _Update[Tensor]:
            solution = solve_fingertips(pose, {name: target}, prior=hand_prior)
            return solution.hand_pose, solution.distance[name], solution.energy

        table.add_row(f"tip of {name}", *_dragged(drag_tip, hand, start, torch.tensor(way), updates))
    Console(width=110).print(table)


def _dragged(
    drag: Callable[[_Pose, list[float]], _Update[_Pose]], pose: _Pose, start: Tensor, way: Tensor, updates: int
) -> list[str]:
    """Cells of a row: rate, slowest update, errors and energy of a drag there and back."""
    drag(pose, start.tolist())
    seconds, off, energy = [], [], 0.0
    for update in range(1, updates + 1):
        part = 0.5 - 0.5 * math.cos(2 * math.pi * update / updates)
        started = time.perf_counter()
        pose, distance, energy = drag(pose, (start + part * way).tolist())
        seconds.append(time.perf_counter() - started)
        off.append(100 * distance)
    rate, miss = 1 / statistics.median(seconds), statistics.median(off)
    return [f"{rate:.0f}", f"{1000 * max(seconds):.0f}", f"{miss:.1f}", f"{max(off):.1f}", f"{energy:.2f}"]


if __name__ == "__main__":
    tyro.cli(main)
