"""Train the latent space that replaces VPoser's: ``python -m qposer.training.train_vposer_latent --data poses.npz``.

It depends on no other weights. Run the same command again to resume from the last checkpoint.
``python -m benchmarks.vposer_latent`` evaluates the space.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.surface import Surface
from qposer.evaluation.metrics import mpjpe
from qposer.prior.latent_space import LatentSpace, LatentSpaceConfig
from qposer.training.averaging import ExponentialMovingAverage
from qposer.training.batches import draw_poses, jitter
from qposer.training.config import training_command
from qposer.training.distributed import share
from qposer.training.reconstruction import ReconstructionConfig
from qposer.training.run import run


@dataclass(frozen=True)
class TrainConfig(ReconstructionConfig):
    """Settings of a training run of a latent space."""

    kl_weight: float = 1e-3
    """Weight of the KL divergence of the posterior from the unit normal, in nats."""
    jittered: float = 0.25
    """Share of each batch that is added with joints perturbed by about 10 degrees. These poses must be reconstructed,
    too, but the length of their latents is not penalised."""
    averaging: float = 0.999
    """Decay of the moving average of the weights, which is validated and saved."""
    device: str = "cpu"
    latent_dim: int = 32
    width: int = 512


def train(config: TrainConfig, console: Console) -> LatentSpace:
    """Start or resume a training run; returns the space with the lowest loss on validation poses.

    Args:
        config: settings of the run.
        console: console for the progress.

    Returns:
        The latent space.

    Raises:
        FileNotFoundError: the file of poses does not exist.
        ValueError: the file of poses has another layout, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite.
    """
    data, generator = config.begin()
    poses = data.body_pose(config.subjects)
    space = LatentSpace(LatentSpaceConfig(config.latent_dim, config.width))
    space.initialize_from(draw_poses(poses, 20_000, generator))
    networks = ExponentialMovingAverage(space).to(config.device)
    surface = Surface.open().to(config.device)
    unit = Normal(torch.zeros((), device=config.device), torch.ones((), device=config.device))
    jittered = round(config.jittered * config.batch_size)
    held_out = axis_angle_to_matrix(data.body_pose("validation")[::4]).to(config.device)

    terms = partial(config.reconstruction_terms, surface)

    def divergence(posterior: Normal) -> Float[Tensor, " poses"]:
        return kl_divergence(posterior, unit).sum(-1)

    def loss() -> dict[str, Tensor]:
        truth = draw_poses(poses, config.batch_size, generator)
        chosen = torch.randint(len(truth), (jittered,), generator=generator)
        truth = torch.cat([truth, jitter(truth[chosen], generator)]).to(config.device)
        noise = share(torch.randn(len(truth), config.latent_dim, generator=generator).to(truth))
        truth, unperturbed = share(truth), len(share(range(config.batch_size)))
        posterior = networks.live.encode(truth)
        found = terms(networks.live.decode(posterior.mean + posterior.stddev * noise), truth)
        found["divergence"] = config.kl_weight * divergence(posterior)[:unperturbed].mean()
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
    training_command(TrainConfig, train, __doc__)


if __name__ == "__main__":
    main()
