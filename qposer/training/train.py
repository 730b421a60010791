"""Train a QPoser: ``python -m qposer.training.train --data poses.npz --out runs/x``.

A run that was killed goes on from its last checkpoint when the same command is given again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro
from rich.console import Console

from qposer.data.dataset import PoseDataset
from qposer.errors import told_in_one_line
from qposer.kinematics import body_joints
from qposer.metrics import mpjpe
from qposer.model import QPoser, QPoserConfig
from qposer.skeleton import REST_JOINTS
from qposer.training.batches import draw_poses
from qposer.training.evaluate import reconstruction, report
from qposer.training.run import run


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run."""

    data: Path
    """poses.npz, written by ``python -m qposer.data.build``."""
    out: Path
    """Folder of the run: best.safetensors, last.safetensors, log.csv, config.json."""
    steps: int = 26_000
    batch_size: int = 128
    learning_rate: float = 2e-3
    """At its peak, after a warm-up and before a cosine decay."""
    joints_weight: float = 10.0
    """Of the mean joint distance in metres."""
    rotations_weight: float = 1.0
    """Of the mean chordal distance of the rotations."""
    commitment_weight: float = 1.0
    unquantised: float = 0.2
    """Part of each batch that is decoded from its continuous latents, so that the decoder is smooth between codes."""
    validate_every: int = 1000
    """Steps; a checkpoint is written then, too."""
    seed: int = 0
    device: str = "cpu"
    model: QPoserConfig = field(default_factory=QPoserConfig)


def train(config: TrainConfig, console: Console) -> QPoser:
    """Run, or go on with, a training run; returns the model with the lowest validation MPJPE.

    Raises:
        FileNotFoundError: there is no such file of poses.
        ValueError: the poses are not what the build writes, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite any more.
    """
    data = PoseDataset.load(config.data)
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    model = QPoser(config.model).to(config.device)
    poses, held_out = data.body_pose("train"), data.body_pose("validation").to(config.device)
    rest = torch.from_numpy(REST_JOINTS).to(config.device)
    unquantised = round(config.unquantised * config.batch_size)
    assigned: list[torch.Tensor] = []

    def loss() -> dict[str, torch.Tensor]:
        truth = draw_poses(poses, config.batch_size, generator)
        truth = truth[torch.randperm(len(truth), generator=generator)].to(config.device)
        decoded, latents, codes, commitment = model(truth, unquantised)
        assigned[:] = latents.detach(), codes
        joints = mpjpe(body_joints(decoded, rest), body_joints(truth, rest)).mean()
        rotations = torch.linalg.matrix_norm(decoded - truth).mean()
        total = config.joints_weight * joints + config.rotations_weight * rotations
        return {
            "loss": total + config.commitment_weight * commitment,
            "joints_mm": 1000 * joints.detach(),
            "rotations": rotations.detach(),
            "commitment": commitment.detach(),
        }

    def follow_latents() -> None:
        latents, codes = assigned
        model.quantizer.update(latents, codes, generator)

    def validate() -> dict[str, float]:
        measured = reconstruction(model, held_out)
        return {"validation_mpjpe_mm": measured.mpjpe_mm, "lowest_perplexity": min(measured.perplexity)}

    return QPoser.from_pretrained(run(config, model, generator, loss, validate, follow_latents, console))


def main() -> None:
    """Command line."""
    console = Console()
    config = tyro.cli(TrainConfig, description=__doc__)
    with told_in_one_line("train"):
        model = train(config, console)
        report(model, PoseDataset.load(config.data), console)
    console.print(f"best weights: {config.out / 'best.safetensors'}")


if __name__ == "__main__":
    main()
