"""Evaluation of the latent space that replaces VPoser: ``python -m benchmarks.vposer_latent --data poses.npz``.

Measures the reconstruction of poses of unseen subjects and of SMPL poses from other sources (if available), how well
the squared norm of the latents separates real from corrupted poses, and the energies of poses decoded from random
latents. VPosers of ``benchmarks.baselines``, trained on the same poses, are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from scipy.stats import mannwhitneyu
from torch import Tensor
from torch.distributions import Normal

from benchmarks.baselines.vposer import VPoser
from benchmarks.foreign.poses import FOREIGN_FILE, foreign_poses
from benchmarks.machine import machine
from benchmarks.tables import Table
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle, matrix_to_axis_angle
from qposer.body_pose.surface import Surface
from qposer.control.edits import joints_of
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import mpjpe
from qposer.io.cli_errors import cli_errors
from qposer.prior.code_prior import CodePrior
from qposer.prior.latent_space import LatentSpace
from qposer.training.batches import jitter
from qposer.training.judging import mixed

LENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Factors on unit normal latents for the energies of decoded poses."""

STEP = 0.1
"""Length of the step in the latent space for the measurement of smoothness."""


@dataclass(frozen=True)
class Contender:
    """An encoder and a decoder."""

    name: str
    encode: Callable[[Float[Tensor, "poses 21 3 3"]], Normal]
    decode: Callable[[Float[Tensor, "poses latent"]], Float[Tensor, "poses 21 3 3"]]


def load_contenders(space: Path | None, vposers: tuple[Path, ...]) -> list[Contender]:
    """Load the latent space and VPosers.

    Args:
        space: file of the latent space; the shipped one if None.
        vposers: weight files of VPosers, named by their folders.

    Returns:
        The contenders.
    """
    own = LatentSpace.from_pretrained(space)
    found = [Contender("ours", own.encode, own.decode)]
    for path in vposers:
        other = VPoser.from_pretrained(path)

        def encode(rotations: Float[Tensor, "poses 21 3 3"], other: VPoser = other) -> Normal:
            return other.encode(matrix_to_axis_angle(rotations))

        found.append(Contender(path.parent.name, encode, other.decode))
    return found


@torch.no_grad()
def reconstruction(contender: Contender, truth: Float[Tensor, "poses 21 3 3"]) -> tuple[float, float, float]:
    """Measure root-relative reconstruction errors on the mean body.

    Args:
        contender: encoder and decoder.
        truth: body poses as rotation matrices.

    Returns:
        Mean errors: joints in millimetres, skin points in millimetres, rotations in degrees.
    """
    surface = Surface.open()
    found = contender.decode(contender.encode(truth).mean)
    (points, joints), (true_points, true_joints) = (surface.points_and_joints(r) for r in (found, truth))
    of_joints, of_skin = (mpjpe(*pair).mean().item() for pair in ((joints, true_joints), (points, true_points)))
    return 1000 * of_joints, 1000 * of_skin, geodesic_angle(found, truth).mean().rad2deg().item()


@torch.no_grad()
def detection_auroc(contender: Contender, truth: Float[Tensor, "poses 21 3 3"], seed: int) -> dict[str, float]:
    """Measure how well the squared norm of the latents separates poses from corrupted ones.

    Args:
        contender: encoder.
        truth: body poses as rotation matrices.
        seed: seed of the corruptions.

    Returns:
        Area under the ROC curve for each kind of corruption.
    """
    generator = torch.Generator().manual_seed(seed)
    bent = truth.clone()
    hinges = joints_of(["left_knee", "right_knee", "left_elbow", "right_elbow"])
    bent[:, hinges] = bent[:, hinges].mT
    negatives = {"mixed": mixed(truth, generator), "jittered": jitter(truth, generator, 0.2), "bent": bent}
    lengths = {
        name: contender.encode(poses).mean.square().sum(-1) for name, poses in ({"real": truth} | negatives).items()
    }
    real = lengths.pop("real")
    return {
        name: float(mannwhitneyu(longer, real).statistic) / (len(longer) * len(real))
        for name, longer in lengths.items()
    }


@torch.no_grad()
def energies(contender: Contender, prior: CodePrior, latent_dim: int, seed: int) -> list[float]:
    """Measure median energies of poses decoded from scaled unit normal latents.

    Args:
        contender: decoder.
        prior: prior that gives the energies.
        latent_dim: dimension of the latent space.
        seed: seed of the random generator.

    Returns:
        Median energy for each factor in `LENGTHS`.
    """
    drawn = torch.randn(256, latent_dim, generator=torch.Generator().manual_seed(seed))
    return [prior.energy(contender.decode(length * drawn)).median().item() for length in LENGTHS]


@torch.no_grad()
def smoothness(contender: Contender, latent_dim: int, seed: int) -> tuple[float, float]:
    """Measure the joint displacement for a small step of the latent in a random direction.

    Args:
        contender: decoder.
        latent_dim: dimension of the latent space.
        seed: seed of the random generator.

    Returns:
        Mean and maximum displacement in millimetres.
    """
    surface = Surface.open()
    drawn, direction = torch.randn(2, 256, latent_dim, generator=torch.Generator().manual_seed(seed))
    moved = drawn + STEP * torch.nn.functional.normalize(direction, dim=-1)
    distance = 1000 * mpjpe(*(surface.points_and_joints(contender.decode(where))[1] for where in (drawn, moved)))
    return distance.mean().item(), distance.max().item()


def tables(
    contenders: list[Contender], sets: dict[str, Float[Tensor, "poses 21 3 3"]], prior: CodePrior, seed: int
) -> dict[str, Table]:
    """Measure all contenders.

    Args:
        contenders: latent spaces to compare.
        sets: body poses as rotation matrices, by the name of the set.
        prior: prior that gives the energies.
        seed: seed of the random generator.

    Returns:
        Tables by title.
    """
    found = {}
    for name, truth in sets.items():
        rows = []
        for contender in contenders:
            errors = (f"{value:.1f}" for value in reconstruction(contender, truth))
            length = contender.encode(truth).mean.square().mean().item()
            apart = detection_auroc(contender, truth, seed)
            rows.append([contender.name, *errors, f"{length:.2f}", *(f"{value:.2f}" for value in apart.values())])
        columns = ["latents", "MPJPE mm", "skin mm", "angle deg", "|z|²/D", *(f"AUROC {kind}" for kind in apart)]
        found[f"{name}, {len(truth)} poses"] = Table(columns, rows)
    rows = []
    for contender in contenders:
        dims = contender.encode(truth[:1]).mean.shape[-1]
        figures = (*energies(contender, prior, dims, seed), *smoothness(contender, dims, seed))
        rows.append([contender.name, *(f"{value:.1f}" for value in figures)])
    columns = ["latents", *(f"energy at {length:g} z" for length in LENGTHS), f"mm per step of {STEP:g}", "largest"]
    found["Unit normal latents z"] = Table(columns, rows)
    return found


def main(
    data: Path,
    space: Path | None = None,
    vposers: tuple[Path, ...] = (),
    foreign: Path = FOREIGN_FILE,
    seed: int = 0,
) -> None:
    """Measure the latent space and VPosers, and print the tables.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``; every fourth validation pose is used.
        space: weights from ``qposer.training.train_vposer_latent``; by default, the shipped ones.
        vposers: weights from ``benchmarks.baselines.train_vposer`` to compare with.
        foreign: SMPL poses from other sources, as in ``benchmarks.foreign``; skipped if missing.
        seed: seed of the random generator.
    """
    console = Console(width=140)
    with cli_errors("benchmarks.vposer_latent"):
        sets = {"Validation": axis_angle_to_matrix(PoseDataset.load(data).body_pose("validation")[::4])}
        if foreign.is_file():
            sets["SMPL poses from other sources"] = axis_angle_to_matrix(foreign_poses(foreign).body_pose[::4])
        found = tables(load_contenders(space, vposers), sets, CodePrior.from_pretrained(), seed)
        for title, table in found.items():
            console.print(title, table.markdown(), "", sep="\n", highlight=False)
        console.print(f"{machine()}", highlight=False)


if __name__ == "__main__":
    tyro.cli(main)
