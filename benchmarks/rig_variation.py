"""Effect of rig variation in training on other poses: ``python -m benchmarks.rig_variation --data poses.npz``.

Small per-joint detectors are trained on poses varied at several strengths (``qposer.training.rig_variation``). Each is
tested on validation subjects, recorded with the rig of the training poses, and on SMPL poses from another source: the
share of these that it accepts at the threshold that 95 % of the validation poses pass, and how well it detects
corrupted poses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from benchmarks.commands import command
from benchmarks.intervals import auroc_interval
from benchmarks.machine import machine
from benchmarks.prior.negatives import noisy, wrong_bends
from benchmarks.prior.poses import Poses, drawn
from benchmarks.tables import Table
from qposer.body_pose.poses import read_poses
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.prior.classifiers import PerJointDetector, any_of
from qposer.training.batches import draw_poses
from qposer.training.judging import detection_loss, draw_jittered

SMPL_POSES = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "smpl_dev" / "asap.npz"
MEASURED = 2000
"""Number of poses of each source."""
ACCEPTED = 0.95
"""Share of the validation poses that pass the threshold."""
COLUMNS = (
    "strength",
    "SMPL: accepted, %",
    "SMPL: AUROC of turned joints",
    "of wrong bends",
    "validation: AUROC of turned joints",
    "of wrong bends",
)


@dataclass(frozen=True)
class Training:
    """Training of each detector."""

    steps: int = 600
    batch_size: int = 128
    learning_rate: float = 4e-3
    width: int = 32
    seed: int = 0


def train(poses: Float[Tensor, "poses 21 3"], strength: float, training: Training) -> PerJointDetector:
    """Train a per-joint detector on poses varied at a strength.

    Args:
        poses: body poses, axis-angle in radians.
        strength: strength of the rig variation.
        training: training settings.

    Returns:
        The detector.
    """
    torch.manual_seed(training.seed)
    generator = torch.Generator().manual_seed(training.seed)
    detector = PerJointDetector(training.width)
    detector.fit_features(draw_poses(poses, 10_000, generator, strength))
    optimizer = torch.optim.Adam(detector.parameters(), lr=training.learning_rate, betas=(0.9, 0.98))
    for step in range(training.steps):
        rate = 0.5 * (1 + math.cos(math.pi * step / training.steps)) * min(1.0, (step + 1) / 100)
        optimizer.param_groups[0]["lr"] = training.learning_rate * rate
        loss = detection_loss(detector, draw_jittered(poses, training.batch_size, generator, strength), generator)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 1.0)
        optimizer.step()
    return detector.eval()


@torch.no_grad()
def scores(detector: PerJointDetector, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
    """Log odds that poses are corrupted.

    Args:
        detector: per-joint detector.
        body_pose: body poses, axis-angle in radians.

    Returns:
        One number for each pose.
    """
    return torch.cat([any_of(detector(axis_angle_to_matrix(part))) for part in body_pose.split(1000)])


def row(
    detector: PerJointDetector,
    strength: float,
    smpl: Float[Tensor, "smpl 21 3"],
    validation: Float[Tensor, "validation 21 3"],
) -> list[str]:
    """Measure a detector.

    Args:
        detector: per-joint detector.
        strength: strength of the rig variation in training.
        smpl: poses of SMPL fits, axis-angle in radians.
        validation: poses of the validation split, axis-angle in radians.

    Returns:
        Cells of a table.
    """
    real = {"smpl": scores(detector, smpl), "validation": scores(detector, validation)}
    accepted = (real["smpl"] < real["validation"].quantile(ACCEPTED)).float().mean().item()
    cells = [f"{strength:g}", f"{100 * accepted:.0f}"]
    for poses, of_poses in ((smpl, real["smpl"]), (validation, real["validation"])):
        for distort in (noisy, wrong_bends):
            of_distorted = scores(detector, distort(poses, torch.Generator().manual_seed(0)))
            cells.append(f"{auroc_interval(of_poses, of_distorted):.2f}")
    return cells


def main(
    data: Path,
    out: Path | None = None,
    smpl: Path = SMPL_POSES,
    strengths: tuple[float, ...] = (0.0, 0.3, 0.6, 0.8, 1.0, 1.3),
    steps: int = Training.steps,
) -> None:
    """Train a detector at each strength, and measure it.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        out: folder for the table.
        smpl: npz file of SMPL poses from another source.
        strengths: strengths of the variation of training poses.
        steps: training steps of each detector.
    """
    console = Console(width=140)
    torch.set_num_threads(1)
    with cli_errors("benchmarks.rig_variation"):
        generator = torch.Generator().manual_seed(0)
        others = drawn(read_poses(smpl), MEASURED, generator)
        poses = Poses.load(data)
        validation = drawn(poses.validation, MEASURED, generator)
        rows = []
        for strength in strengths:
            detector = train(poses.train, strength, Training(steps))
            rows.append(row(detector, strength, others, validation))
            console.print(Table(COLUMNS, rows).for_console("per-joint detectors"))
        if out:
            given = {"data": data, "out": out, "strengths": strengths, "steps": steps}
            text = (
                "# Per-joint detectors trained with rig variation\n\n"
                "[rig-variation.md](../notes/rig-variation.md) describes the variation. Intervals are 95 % over poses. "
                "Corrupted poses\nhave three joints rotated by 20 degrees, or "
                "one knee or elbow bent by 30 to 90 degrees in the wrong direction.\n\n"
                f"{Table(COLUMNS, rows).markdown()}\n\n"
                f"`{command('benchmarks.rig_variation', main, **given)}`; {machine()}.\n"
            )
            with atomic_write(out / "rig-variation.md") as temporary:
                temporary.write_text(text)


if __name__ == "__main__":
    tyro.cli(main)
