"""Fit the latent space of the stand-in for VPoser: ``python -m qposer.training.train_vposer_latent --data poses.npz``.

It takes a minute or two and no steps: principal components of the latents of the training poses, mirrored ones
included, where the length of a difference is how far it moves the skin. What the space is good for is then measured on
the validation poses, beside any VPosers of ``qposer.baselines`` that are given, and printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from scipy.stats import mannwhitneyu
from torch import Tensor
from torch.distributions import Normal

from qposer.assets import ASSETS
from qposer.baselines.vposer import VPoser as TrainedVPoser
from qposer.codeprior import CodePrior
from qposer.control import joints_of
from qposer.data.dataset import PoseDataset
from qposer.errors import told_in_one_line
from qposer.kinematics import mirror_body_pose
from qposer.metrics import mpjpe
from qposer.model import QPoser
from qposer.rotations import axis_angle_to_matrix, geodesic_angle, matrix_to_axis_angle
from qposer.skeleton import NUM_BODY_JOINTS
from qposer.surface import Surface
from qposer.training.batches import jitter
from qposer.training.train_codeprior import mixed
from qposer.vposer import SPACE_FILE, LatentSpace, LatentSpaceConfig, VPoserV2

STEP = 0.5
"""Standard deviations by which latents are moved to see how the skin follows: as far as poses differ."""

NEGLIGIBLE = 1e-6
"""Movers of the skin weaker than this part of the strongest count as this strong: the metric must be invertible."""

NORMS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Multiples of unit normal latents of which the energy is looked at."""


@dataclass(frozen=True)
class FitConfig:
    """Settings of a fit."""

    data: Path
    """poses.npz, written by ``python -m qposer.data.build``."""
    out: Path = ASSETS / SPACE_FILE
    """The file to write."""
    qposer: Path | None = None
    """The QPoser whose latents they are; the shipped one if left out."""
    metric_poses: int = 200
    """Training poses around which the movement of the skin is measured."""
    seed: int = 0
    """Of the choice of these, and of what is drawn to measure."""
    measured: tuple[int, ...] = (16, 32, 48, 63)
    """Numbers of components that are measured."""
    vposers: tuple[Path, ...] = field(default=())
    """Weights of ``qposer.baselines.train_vposer`` to measure beside them."""


@torch.no_grad()
def skin_metric(
    model: QPoser,
    latents: Float[Tensor, "poses latents"],
    steps: Float[Tensor, " latents"],
    surface: Surface,
) -> Float[Tensor, "latents latents"]:
    """The quadratic form that tells how far differences of latents move the skin: mean squared metres over points.

    It is the mean over poses of ``J^T J``, and ``J`` is found by central differences.
    """
    total = torch.zeros(len(steps), len(steps))
    moves = torch.diag(steps)
    for pose in latents:
        moved = torch.cat([pose + moves, pose - moves]).unflatten(-1, model.config.latent_shape)
        ahead, behind = surface(model.decode_latents(moved)).flatten(-2).chunk(2)
        slopes = (ahead - behind) / (2 * steps[:, None])
        total += slopes @ slopes.T / len(surface.vertices)
    return total / len(latents)


def fit(
    model: QPoser,
    body_pose: Float[Tensor, "poses 21 3"],
    metric_poses: int = FitConfig.metric_poses,
    *,
    generator: torch.Generator,
) -> LatentSpace:
    """Principal components of the latents of poses and their mirror images, under the metric of the skin.

    Args:
        model: whose latents they are.
        body_pose: axis-angle, more poses than there are numbers in a pose's latents.
        metric_poses: around how many of them the movement of the skin is measured.
        generator: chooses these.

    Raises:
        ValueError: there are too few poses.
    """
    rotations = axis_angle_to_matrix(body_pose)
    rotations = torch.cat([rotations, mirror_body_pose(rotations)])
    with torch.no_grad():
        latents = torch.cat([model.latents(part).flatten(-3) for part in rotations.split(4096)])
    numbers = latents.shape[1]
    if len(body_pose) <= numbers:
        raise ValueError(f"more than {numbers} poses are needed for as many components, not {len(body_pose)}")
    centre, scale = latents.mean(0), latents.std(0)
    chosen = latents[torch.randperm(len(latents), generator=generator)[:metric_poses]]
    metric = skin_metric(model, chosen, STEP * scale, Surface.open())
    strength, movers = torch.linalg.eigh((scale * metric * scale[:, None]).double())
    root = strength.clamp(min=NEGLIGIBLE * strength[-1]).sqrt()
    to_skin = scale.reciprocal()[:, None].double() * movers * root  # latents to where equal lengths move alike
    from_skin = (movers / root).T * scale.double()
    variance, axes = torch.linalg.eigh(to_skin.T @ torch.cov(latents.T.double()) @ to_skin)
    variance, axes = variance.flip(0), axes.flip(1)
    config = LatentSpaceConfig(components=3 * NUM_BODY_JOINTS, latents=numbers)
    kept = variance[: config.components].sqrt()
    space = LatentSpace(config)
    space.centre.copy_(centre)
    space.basis.copy_(kept[:, None] * (axes.T[: config.components] @ from_skin))
    space.projection.copy_(to_skin @ axes[:, : config.components] / kept)
    space.variance.copy_(variance)
    space.t_pose.copy_(model.latents(torch.zeros(NUM_BODY_JOINTS, 3)).flatten())
    return space.eval()


Encoded = Callable[[Float[Tensor, "poses 21 3"]], Normal]
Decoded = Callable[[Float[Tensor, "poses dims"]], Float[Tensor, "poses 21 3 3"]]


@dataclass(frozen=True)
class Measured:
    """What a latent space is good for, on poses that it was not fitted to."""

    name: str
    joints_mm: float
    """Error of 22 joints after a way through the latents, root-relative, mean shape."""
    skin_mm: float
    """That of 256 points of the skin."""
    angle_deg: float
    norm: float
    """Mean squared length of the latents, over their number: 1 for a calibrated prior."""
    auroc: dict[str, float]
    """How well the squared length tells poses from what was made of them."""
    energies: list[float]
    """Median energy, by the code prior, of what normal latents of spread ``NORMS`` decode to."""
    smoothness_mm: tuple[float, float]
    """Mean movement of the joints for a step of 0.1 in a random direction from a unit normal latent: mean, largest."""


@torch.no_grad()
def measure(
    name: str,
    encode: Encoded,
    decoded: Decoded,
    body_pose: Float[Tensor, "poses 21 3"],
    prior: CodePrior,
    generator: torch.Generator,
) -> Measured:
    """Measure a way to latents and back."""
    surface = Surface.open()
    truth = axis_angle_to_matrix(body_pose)
    bent = truth.clone()
    hinges = joints_of(["left_knee", "right_knee", "left_elbow", "right_elbow"])
    bent[:, hinges] = bent[:, hinges].mT
    spoilt = {"mixed": mixed(truth, generator), "jittered": jitter(truth, generator, 0.2), "bent": bent}
    latents = encode(body_pose).mean
    found = decoded(latents)
    (points, joints), (true_points, true_joints) = (surface.points_and_joints(r) for r in (found, truth))
    length = latents.square().sum(-1)

    def auroc(spoilt: Float[Tensor, "poses 21 3 3"]) -> float:
        longer = encode(matrix_to_axis_angle(spoilt)).mean.square().sum(-1)
        return float(mannwhitneyu(longer, length).statistic) / (len(longer) * len(length))

    drawn, direction = torch.randn(2, 256, latents.shape[1], generator=generator)
    step = 0.1 * torch.nn.functional.normalize(direction, dim=-1)
    start, end = (surface.points_and_joints(decoded(where))[1] for where in (drawn, drawn + step))
    moved = 1000 * mpjpe(start, end)
    return Measured(
        name,
        1000 * mpjpe(joints, true_joints).mean().item(),
        1000 * mpjpe(points, true_points).mean().item(),
        geodesic_angle(found, truth).mean().rad2deg().item(),
        length.mean().item() / latents.shape[1],
        {kind: auroc(poses) for kind, poses in spoilt.items()},
        [prior.energy(decoded(spread * drawn)).median().item() for spread in NORMS],
        (moved.mean().item(), moved.max().item()),
    )


def tables(rows: list[Measured]) -> tuple[Table, Table]:
    """A row a space: what comes back and what is told apart; what unit normal latents and their multiples decode to."""
    errors, energies = Table(title="Validation poses"), Table(title="Median energy of multiples of unit normal latents")
    for column in ("space", "MPJPE mm", "skin mm", "angle deg", "|z|²/D", *(f"AUROC {kind}" for kind in rows[0].auroc)):
        errors.add_column(column, justify="right")
    for column in ("space", *(f"{norm:g}" for norm in NORMS), "mm a step of 0.1", "largest"):
        energies.add_column(column, justify="right")
    for row in rows:
        lengths = (f"{value:.1f}" for value in (row.joints_mm, row.skin_mm, row.angle_deg))
        errors.add_row(row.name, *lengths, f"{row.norm:.2f}", *(f"{value:.2f}" for value in row.auroc.values()))
        energies.add_row(row.name, *(f"{value:.1f}" for value in (*row.energies, *row.smoothness_mm)))
    return errors, energies


def main() -> None:
    """Command line."""
    console = Console()
    config = tyro.cli(FitConfig, description=__doc__)
    with told_in_one_line("train_vposer_latent"):
        data = PoseDataset.load(config.data)
        model = QPoser.from_pretrained(config.qposer)
        generator = torch.Generator().manual_seed(config.seed)
        space = fit(model, data.body_pose("train"), config.metric_poses, generator=generator)
        space.save(config.out, qposer=str(config.qposer or "shipped"))
        console.print(f"wrote {config.out}")
        console.print(*tables(measure_all(config, model, space, data.body_pose("validation")[::4])))


def measure_all(
    config: FitConfig, model: QPoser, space: LatentSpace, body_pose: Float[Tensor, "poses 21 3"]
) -> list[Measured]:
    """Measure the space at several widths, and the VPosers that are given, all with the same draws."""
    prior = CodePrior.from_pretrained()

    def row(name: str, encode: Encoded, decoded: Decoded) -> Measured:
        generator = torch.Generator().manual_seed(config.seed)
        return measure(name, encode, decoded, body_pose, prior, generator)

    rows = []
    for dims in config.measured:
        own = VPoserV2(model, space, dims)
        rows.append(row(f"{dims} numbers", own.encode, own.rotations))
    for path in config.vposers:
        other = TrainedVPoser.from_pretrained(path)
        rows.append(row(str(path.parent.name), other.encode, other.decode))
    return rows


if __name__ == "__main__":
    main()
