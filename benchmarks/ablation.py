"""Ablation of QPoser: training runs of the same length, each without one component.

``python -m benchmarks.ablation --data poses.npz --train`` trains the unfinished runs, then measures all. With
``--out docs/benchmarks`` it writes ablation.md.
"""

from __future__ import annotations

import csv
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from benchmarks.baselines.mixture import PoseMixture
from benchmarks.intervals import Interval, auroc_interval, mean_interval
from benchmarks.machine import machine
from benchmarks.prior import edits
from benchmarks.prior.negatives import mixed_parts
from benchmarks.prior.poses import drawn
from benchmarks.prior.protocol import in_chunks, joints_mm
from benchmarks.tables import Table
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import mpjpe
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.prior.model import QPoser
from qposer.prior.quantizer import perplexity
from qposer.training.train import TrainConfig, train

Row = Literal[
    "full",
    "no-glif",
    "single-head",
    "shared-codebook",
    "no-adversarial",
    "strong-adversarial",
    "no-swap",
    "pairs",
    "small",
    "large",
]

FLAGS: dict[Row, str] = {
    "full": "",
    "no-glif": "--model.global-tokens 0",
    "single-head": "--model.heads 1 --model.code-dim 4",
    "shared-codebook": "--model.shared-codebook",
    "no-adversarial": "--adversarial-weight 0",
    "strong-adversarial": "--adversarial-weight 0.2",
    "no-swap": "--swap-weight 0",
    "pairs": "--model.code-dim 2",
    "small": "--model.heads 3 --model.codes 64",
    "large": "--model.codes 1024",
}
"""Training options of each run, in addition to `LENGTH`."""

STEPS = 1500
LENGTH = f"--steps {STEPS} --validate-every 500"

POSES = 5000
"""Maximum number of validation and of test poses to reconstruct."""

SCORED = 2000
"""Number of test poses, and of decoded shuffled codes, to score for plausibility."""


def train_row(name: Row, data: Path, runs: Path, device: str, console: Console) -> None:
    """Train or resume one run; a finished run is not changed.

    Args:
        name: name of the run.
        data: poses.npz.
        runs: folder of the runs.
        device: training device.
        console: console for progress.
    """
    flags = f"{LENGTH} {FLAGS[name]}"
    console.print(f"{name}: {flags}")
    places = ["--data", str(data), "--out", str(runs / name), "--device", device]
    train(tyro.cli(TrainConfig, args=[*places, *shlex.split(flags)]), console)


@dataclass(frozen=True)
class Figures:
    """Results of one run's best weights."""

    bits: int
    parameters: int
    """Number of parameters, codebooks included."""
    validation_mm: Interval
    test_mm: Interval
    perplexity: float
    """As a fraction of the codebook's size, mean over heads, on test poses."""
    inside_deg: float
    outside_deg: float
    shuffled: Interval
    """AUROC of the scorer between test poses and decoded codes with parts of different test poses."""


@torch.no_grad()
def measure(model: QPoser, scorer: PoseMixture, data: PoseDataset) -> Figures:
    """Measure reconstruction, edits of parts, and plausibility of decoded shuffled codes.

    Args:
        model: the autoencoder of the run.
        scorer: GMM that scores plausibility.
        data: poses by split.

    Returns:
        The figures of a row.
    """
    generator = torch.Generator().manual_seed(0)
    validation, test = (drawn(data.body_pose(side), POSES, generator) for side in ("validation", "test"))
    codes = in_chunks(model.encode, test)
    scored = test[:SCORED]
    shuffled = matrix_to_axis_angle(model.decode(mixed_parts(codes[:SCORED], generator)))
    angles = edits.angles(model, test, edits.EditsSettings())
    inside, outside = (fmean(fmean(angles[part][key]) for part in edits.PARTS) for key in ("inside_deg", "outside_deg"))
    return Figures(
        bits=round(codes[0].numel() * math.log2(model.config.codes)),
        parameters=sum(tensor.numel() for tensor in model.state_dict().values()),
        validation_mm=mean_interval(_errors(model, validation)),
        test_mm=mean_interval(_errors(model, test)),
        perplexity=(perplexity(codes, model.config.codes) / model.config.codes).mean().item(),
        inside_deg=inside,
        outside_deg=outside,
        shuffled=auroc_interval(scorer.energy(scored), scorer.energy(shuffled)),
    )


@torch.no_grad()
def _errors(model: QPoser, poses: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
    """Reconstruction errors through hard codes, millimetres."""
    return mpjpe(joints_mm(in_chunks(model.reconstruct, poses)), joints_mm(poses))


def scored_mixtures(scorer: PoseMixture, data: PoseDataset) -> Interval:
    """AUROC of the scorer between test poses and poses with parts of different test poses, without codes.

    Args:
        scorer: GMM that scores plausibility.
        data: poses by split.

    Returns:
        Area under the ROC curve with its interval.
    """
    generator = torch.Generator().manual_seed(0)
    poses = drawn(data.body_pose("test"), SCORED, generator)
    return auroc_interval(scorer.energy(poses), scorer.energy(mixed_parts(poses, generator)))


def table(found: dict[Row, Figures]) -> Table:
    """Make a table with a row for each run."""
    columns = (
        "run",
        "bits",
        "parameters",
        "validation mm",
        "test mm",
        "perplexity",
        "inside °",
        "outside °",
        "shuffled AUROC",
    )
    rows = [
        (
            name,
            f"{figures.bits}",
            f"{figures.parameters:,}".replace(",", " "),
            f"{figures.validation_mm:.2f}",
            f"{figures.test_mm:.2f}",
            f"{figures.perplexity:.2f}",
            f"{figures.inside_deg:.2f}",
            f"{figures.outside_deg:.2f}",
            f"{figures.shuffled:.3f}",
        )
        for name, figures in found.items()
    ]
    return Table(columns, rows)


def markdown(found: dict[Row, Figures], mixtures: Interval, left_out: Sequence[str]) -> str:
    """Compose the document.

    Args:
        found: figures by run.
        mixtures: result of `scored_mixtures`.
        left_out: names of unfinished runs.

    Returns:
        Text in Markdown.
    """
    commands = Table(
        ("run", "change"),
        [(name, f"`{FLAGS[name]}`" if FLAGS[name] else "none: the settings of the shipped QPoser") for name in found],
    )
    text = f"""# Ablation

The effect of each component of QPoser. Each row is a separate training run, {STEPS} steps long, from the same seed
on the same poses. The shipped weights were trained for longer and have smaller errors, so compare
the rows only with each other.

    python -m qposer.training.train --data poses.npz --out runs/ablation/NAME {LENGTH} FLAGS

with these flags; `python -m benchmarks.ablation --data poses.npz --train --out docs/benchmarks` trains all
runs and writes this page.

{commands.markdown()}

{table(found).markdown()}

- *bits*: size of a pose's codes. *parameters*: number of parameters, codebooks included.
- *validation*, *test*: MPJPE in mm of reconstructions from hard codes; 22 joints, root-relative, mean shape, at
  most {POSES} poses, of people not in the training set.
- *perplexity*: how evenly the codes are used (exponential of their entropy), as a fraction of the codebook's size, mean
  over heads.
- *inside*, *outside*: codes of a part are taken from another pose; mean angle in degrees between the part and the
  donor's, and between the other joints before and after the edit; mean over left arm, right leg and upper body.
- *shuffled AUROC*: codes of both arms, both legs, and the torso with the head are taken from five different poses and
  decoded. A fixed score, the energy of a GMM over axis-angle poses, compares the results with {SCORED} test poses; the
  figure is the probability that a result has the higher energy. Lower is better: the decoder turns combinations of
  codes that never occur together into human poses. Poses with mixed parts, without codes, have {mixtures:.3f}; an
  equal value means that the codes have no effect on plausibility.

Square brackets hold bootstrap 95 % intervals over poses. They do not include the variation over
training seeds. Seed 0. Machine: {machine()}.
"""
    return text + "".join(f"\n{line}\n" for line in left_out)


def finished(run: Path) -> bool:
    """Whether a run has weights, and a log with the last step."""
    log = run / "log.csv"
    if not (run / "best.safetensors").is_file() or not log.is_file():
        return False
    with log.open(newline="") as stream:
        return max(int(float(row["step"])) for row in csv.DictReader(stream)) >= STEPS


def main(
    data: Path,
    runs: Path = Path("runs/ablation"),
    out: Path | None = None,
    rows: tuple[Row, ...] = tuple(FLAGS),
    scorer: Path = Path("runs/gmm/best.safetensors"),
    train: bool = False,
    device: str = "cpu",
) -> None:
    """Measure the runs, print the table, and write ablation.md to ``out`` if given.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        runs: folder of the runs.
        out: folder for ablation.md.
        rows: runs to include.
        scorer: weights of the GMM that scores plausibility.
        train: first train the unfinished runs.
        device: training device.

    Raises:
        FileNotFoundError: none of the runs is finished.
    """
    console = Console(width=150)
    with cli_errors("ablation"):
        for name in rows if train else ():
            train_row(name, data, runs, device, console)
        done = [name for name in rows if finished(runs / name)]
        if not done:
            raise FileNotFoundError(f"no finished run of the ablation in {runs}: use --train to train them")
        dataset, mixture = PoseDataset.load(data), PoseMixture.from_pretrained(scorer)
        found = {
            name: measure(QPoser.from_pretrained(runs / name / "best.safetensors"), mixture, dataset) for name in done
        }
        left_out = [f"Skipped, training not finished: {name}." for name in rows if name not in done]
        console.print(table(found).for_console("Ablation"), *left_out)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "ablation.md") as temporary:
                temporary.write_text(markdown(found, scored_mixtures(mixture, dataset), left_out))
            console.print(f"written: {out / 'ablation.md'}")


if __name__ == "__main__":
    tyro.cli(main)
