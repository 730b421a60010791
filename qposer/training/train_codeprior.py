"""Train the code prior of a QPoser: ``python -m qposer.training.train_codeprior --data poses.npz --out runs/prior``.

It learns to take noise off the latents of the training poses, mirrored ones included, at all noise levels. A run that
was killed goes on from its last checkpoint when the same command is given again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from qposer.codeprior import CodePrior, CodePriorConfig
from qposer.data.dataset import PoseDataset
from qposer.errors import told_in_one_line
from qposer.model import QPoser
from qposer.rotations import axis_angle_to_matrix
from qposer.training.batches import draw_poses
from qposer.training.run import run


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run of a code prior."""

    data: Path
    """poses.npz, written by ``python -m qposer.data.build``."""
    out: Path
    """Folder of the run: best.safetensors, last.safetensors, log.csv, config.json."""
    qposer: Path | None = None
    """The QPoser whose latents are learned; the shipped one if left out."""
    steps: int = 10_000
    batch_size: int = 512
    learning_rate: float = 1e-3
    """At its peak, after a warm-up and before a cosine decay."""
    noise_log_mean: float = -0.7
    noise_log_std: float = 1.2
    """Noise levels are log-normal: most are where denoising is neither trivial nor hopeless."""
    hard: float = 0.5
    """Part of each batch whose latents are snapped to codes, as a fit's are in the end."""
    validate_every: int = 1000
    """Steps; a checkpoint is written then, too."""
    seed: int = 0
    device: str = "cpu"
    width: int = 512
    depth: int = 3


VALIDATION_LEVELS = (0.2, 0.5, 1.0)


def train(config: TrainConfig, console: Console) -> CodePrior:
    """Run, or go on with, a training run; returns the code prior with the lowest validation error.

    Raises:
        FileNotFoundError: there is no such file of poses.
        ValueError: the poses are not what the build writes, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite any more.
    """
    data = PoseDataset.load(config.data)
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    model = QPoser.from_pretrained(config.qposer, config.device)
    latent_dim = model.config.heads * model.config.code_dim
    prior = CodePrior(CodePriorConfig(latent_dim=latent_dim, width=config.width, depth=config.depth)).to(config.device)
    poses = data.body_pose("train")

    @torch.no_grad()
    def encode(rotations: Float[Tensor, "poses 21 3 3"], hard: float) -> Float[Tensor, "poses 21 latent"]:
        latents = model.latents(rotations.to(config.device))
        snapped = round(hard * len(latents))
        codes = model.quantizer.nearest(latents[:snapped])
        return prior.standardise(torch.cat([model.quantizer.lookup(codes), latents[snapped:]]))

    sample = encode(draw_poses(poses, 20_000, generator), hard=0.0)
    prior.mean.copy_(sample.mean(0))
    prior.scale.copy_(sample.std(0))

    def denoising_error(clean: Float[Tensor, "poses 21 latent"], level: Float[Tensor, "poses"]) -> Float[Tensor, ""]:
        """Squared error in the units in which the network's own output has unit variance (Karras et al., table 1)."""
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        denoised = prior.denoise(clean + level[:, None, None] * noise, level)
        weight = (1 + level.square()) / level.square()
        return (weight * (denoised - clean).square().mean((-1, -2))).mean()

    def loss() -> dict[str, torch.Tensor]:
        clean = encode(draw_poses(poses, config.batch_size, generator), config.hard)
        drawn = torch.randn(len(clean), generator=generator)
        return {"loss": denoising_error(clean, (config.noise_log_mean + config.noise_log_std * drawn).exp().to(clean))}

    held_out = encode(axis_angle_to_matrix(data.body_pose("validation")[::4]), hard=1.0)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        levels = torch.tensor(VALIDATION_LEVELS).to(held_out)
        errors = [denoising_error(held_out, level.expand(len(held_out))).item() for level in levels]
        by_level = {f"validation_{level}": error for level, error in zip(VALIDATION_LEVELS, errors, strict=True)}
        return {"validation": sum(errors) / len(errors), **by_level}

    return CodePrior.from_pretrained(run(config, prior, generator, loss, validate, lambda: None, console))


def main() -> None:
    """Command line."""
    console = Console()
    config = tyro.cli(TrainConfig, description=__doc__)
    with told_in_one_line("train_codeprior"):
        train(config, console)
    console.print(f"best weights: {config.out / 'best.safetensors'}")


if __name__ == "__main__":
    main()
