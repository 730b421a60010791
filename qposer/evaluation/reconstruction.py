"""Reconstruction errors of a QPoser.

``python -m qposer.evaluation.reconstruction --data poses.npz`` prints the table of train, validation and test subjects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import mpjpe
from qposer.io.cli_errors import cli_errors, plain_console
from qposer.prior.model import QPoser
from qposer.prior.quantizer import perplexity


@dataclass(frozen=True)
class Reconstruction:
    """Errors of poses reconstructed from hard codes, root-relative: 22 joints of the mean body, 21 points of a hand."""

    poses: int
    mpjpe_mm: float
    worst_mpjpe_mm: float
    """99th percentile over poses."""
    angle_deg: float
    used: list[float]
    """Share of each head's codes that are used."""
    perplexity: list[float]
    """Perplexity of each head's codes, as a fraction of the codebook's size."""


@torch.no_grad()
def reconstruction(model: QPoser, body_pose: Float[Tensor, "poses joints 3"], chunk: int = 2048) -> Reconstruction:
    """Measure the reconstruction of axis-angle poses by hard codes.

    Args:
        model: the autoencoder.
        body_pose: axis-angle in radians.
        chunk: number of poses per batch.

    Returns:
        The errors.
    """
    points = model.articulation.points
    errors, angles, all_codes = [], [], []
    for part in body_pose.split(chunk):
        truth = axis_angle_to_matrix(part)
        codes = model.encode(truth)
        decoded = model.decode(codes)
        errors.append(mpjpe(points(decoded), points(truth)))
        angles.append(geodesic_angle(decoded, truth).mean(-1))
        all_codes.append(codes)
    error, angle, codes = torch.cat(errors) * 1000, torch.cat(angles), torch.cat(all_codes)
    size = model.config.codes
    return Reconstruction(
        poses=len(body_pose),
        mpjpe_mm=error.mean().item(),
        worst_mpjpe_mm=error.quantile(0.99).item(),
        angle_deg=math.degrees(angle.mean().item()),
        used=[len(head.unique()) / size for head in codes.reshape(-1, model.config.heads).T],
        perplexity=(perplexity(codes, size) / size).tolist(),
    )


def report(model: QPoser, data: PoseDataset, console: Console) -> None:
    """Print the reconstruction errors of each split.

    Args:
        model: the autoencoder.
        data: the dataset.
        console: console for the table.
    """
    bits = round(model.config.heads * math.log2(model.config.codes) * 21)
    table = Table(title=f"Reconstruction, hard codes, {bits} bits a pose")
    for column in ("split", "poses", "MPJPE mm", "99 % mm", "angle deg", "codes used / head", "perplexity / head"):
        table.add_column(column, justify="right")
    for split in ("train", "validation", "test"):
        row = reconstruction(model, data.body_pose(split))
        table.add_row(
            split,
            f"{row.poses}",
            f"{row.mpjpe_mm:.2f}",
            f"{row.worst_mpjpe_mm:.2f}",
            f"{row.angle_deg:.2f}",
            " ".join(f"{used:.0%}" for used in row.used),
            " ".join(f"{part:.2f}" for part in row.perplexity),
        )
    console.print(table)


def main(data: Path, weights: Path | None = None) -> None:
    """Print the reconstruction errors of a QPoser for each split.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        weights: file written by `QPoser.save`; default: the shipped one.
    """
    with cli_errors():
        report(QPoser.from_pretrained(weights), PoseDataset.load(data), plain_console(soft_wrap=False))


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)


if __name__ == "__main__":
    command()
