"""Train the latent space that takes VPoser's place: ``python -m qposer.training.train_vposer_latent --data poses.npz``.

It depends on no other weights. A run that was killed goes on from its last checkpoint when the same command is given
again. ``python -m benchmarks.vposer_latent`` measures what the space is good for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.surface import Surface
from qposer.data.dataset import PoseDataset, Subjects
from qposer.evaluation.metrics import mpjpe
from qposer.io.cli_errors import cli_errors, plain_console
from qposer.prior.latent_space import LatentSpace, LatentSpaceConfig
from qposer.training.averaging import ExponentialMovingAverage
from qposer.training.batches import draw_poses, jitter
from qposer.training.run import run


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run of a latent space."""

    data: Path
    """poses.npz, written by ``python -m qposer.data.build``."""
    out: Path
    """Folder of the run: best.safetensors, last.safetensors, log.csv, config.json."""
    subjects: Subjects = "train"
    """Whose poses to train on: "all", validation and test subjects included, keeps the last weights."""
    steps: int = 10_000
    batch_size: int = 128
    learning_rate: float = 1e-3
    """At its peak, after a warm-up and before a cosine decay."""
    kl_weight: float = 1e-3
    """Of the divergence of the posterior from the unit normal, in nats."""
    joints_weight: float = 10.0
    """Of the mean joint distance in metres."""
    vertices_weight: float = 5.0
    """Of the mean distance in metres of 256 points of the open body's skin."""
    rotations_weight: float = 1.0
    """Of the mean chordal distance of the rotations."""
    jittered: float = 0.25
    """Part of each batch that comes on top of it with joints turned by about 10 degrees. These poses are to come back,
    too, but their latents may be as long as they need."""
    averaging: float = 0.999
    """Decay of the moving average of the weights; the average is what is validated and kept."""
    validate_every: int = 1000
    """Steps; a checkpoint is written then, too."""
    seed: int = 0
    device: str = "cpu"
    latent_dim: int = 32
    width: int = 512


def train(config: TrainConfig, console: Console) -> LatentSpace:
    """Run, or go on with, a training run; returns the space with the lowest loss on validation poses.

    Args:
        config: settings of the run.
        console: where the progress is shown.

    Returns:
        The space of latents.

    Raises:
        FileNotFoundError: there is no such file of poses.
        ValueError: the poses are not what the build writes, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite any more.
    """
    data = PoseDataset.load(config.data)
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    poses = data.body_pose(config.subjects)
    space = LatentSpace(LatentSpaceConfig(config.latent_dim, config.width))
    space.begin_with(draw_poses(poses, 20_000, generator))
    networks = ExponentialMovingAverage(space).to(config.device)
    surface = Surface.open().to(config.device)
    unit = Normal(torch.zeros((), device=config.device), torch.ones((), device=config.device))
    jittered = round(config.jittered * config.batch_size)
    held_out = axis_angle_to_matrix(data.body_pose("validation")[::4]).to(config.device)

    def terms(found: Float[Tensor, "poses 21 3 3"], truth: Float[Tensor, "poses 21 3 3"]) -> dict[str, Tensor]:
        (skin, joints), (true_skin, true_joints) = (surface.points_and_joints(pose) for pose in (found, truth))
        return {
            "joints": config.joints_weight * mpjpe(joints, true_joints).mean(),
            "vertices": config.vertices_weight * mpjpe(skin, true_skin).mean(),
            "rotations": config.rotations_weight * torch.linalg.matrix_norm(found - truth).mean(),
        }

    def divergence(posterior: Normal) -> Float[Tensor, " poses"]:
        return kl_divergence(posterior, unit).sum(-1)

    def loss() -> dict[str, Tensor]:
        truth = draw_poses(poses, config.batch_size, generator)
        chosen = torch.randint(len(truth), (jittered,), generator=generator)
        truth = torch.cat([truth, jitter(truth[chosen], generator)]).to(config.device)
        posterior = networks.live.encode(truth)
        noise = torch.randn(posterior.mean.shape, generator=generator).to(truth)
        found = terms(networks.live.decode(posterior.mean + posterior.stddev * noise), truth)
        found["divergence"] = config.kl_weight * divergence(posterior)[: config.batch_size].mean()
        return {"loss": torch.stack(list(found.values())).sum()} | {name: term.detach() for name, term in found.items()}

    @torch.no_grad()
    def validate() -> dict[str, float]:
        posterior = networks.average.encode(held_out)
        noise = torch.randn(posterior.mean.shape, generator=torch.Generator().manual_seed(0)).to(held_out)
        lost = sum(terms(networks.average.decode(posterior.mean + posterior.stddev * noise), held_out).values())
        error = mpjpe(*(surface.points_and_joints(r)[1] for r in (networks.average.decode(posterior.mean), held_out)))
        return {
            "validation": float(lost) + config.kl_weight * divergence(posterior).mean().item(),
            "validation_mpjpe_mm": 1000 * error.mean().item(),
            "validation_kl": divergence(posterior).mean().item(),
            "validation_norm": posterior.mean.square().mean().item(),
        }

    best = run(
        config, networks, generator, loss, validate, lambda: networks.follow(config.averaging), console, config.subjects
    )
    return LatentSpace.from_pretrained(best)


def main() -> None:
    """Command line."""
    console = plain_console(soft_wrap=False)
    config = tyro.cli(TrainConfig, description=__doc__)
    with cli_errors("train_vposer_latent"):
        train(config, console)
    console.print(f"best weights: {config.out / 'best.safetensors'}")


if __name__ == "__main__":
    main()
