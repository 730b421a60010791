"""Train a pose diffusion: ``python -m benchmarks.baselines.train_diffusion --data poses.npz --out runs/diffusion``.

It learns to remove noise from training poses, with mirroring, at all noise levels. Run the same command again to
resume from the last checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from benchmarks.baselines.diffusion import PoseDiffusion, PoseDiffusionConfig
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.prior.denoiser import denoising_error
from qposer.training.batches import draw_poses
from qposer.training.config import RunConfig, training_command
from qposer.training.distributed import share
from qposer.training.run import run

VALIDATION_LEVELS = (0.2, 0.5, 1.0)


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """Settings of a training run of a pose diffusion."""

    steps: int = 3000
    """Number of steps; with more, results on validation subjects get worse."""
    batch_size: int = 512
    noise_log_mean: float = -0.7
    noise_log_std: float = 1.2
    """Mean and standard deviation of the log-normal noise levels, where denoising is neither trivial nor impossible."""
    validate_every: int = 500
    """Steps between validations; a checkpoint is written with each."""
    device: str = "cpu"
    width: int = 512
    depth: int = 3


def train(config: TrainConfig, console: Console) -> PoseDiffusion:
    """Start or resume a training run; returns the model with the lowest validation error.

    Args:
        config: settings of the run.
        console: console for the progress.

    Returns:
        The model.

    Raises:
        FileNotFoundError: the file of poses does not exist.
        ValueError: the file of poses has another layout, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite.
    """
    data, generator = config.begin()
    model = PoseDiffusion(PoseDiffusionConfig(config.width, config.depth)).to(config.device)
    poses = data.body_pose("train")
    held_out = data.body_pose("validation").to(config.device)

    def draw(size: int) -> Float[Tensor, "size 21 3"]:
        return matrix_to_axis_angle(draw_poses(poses, size, generator)).to(config.device)

    drawn = draw(20_000)
    model.mean.copy_(drawn.mean(0))
    model.scale.copy_(drawn.std(0))

    def error(body_pose: Float[Tensor, "poses 21 3"], level: Float[Tensor, "poses 1"]) -> Float[Tensor, ""]:
        clean = model.standardise(body_pose)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        clean, level, noise = map(share, (clean, level, noise))
        return denoising_error(model.denoise(clean + level[..., None] * noise, level), clean, level).mean()

    def loss() -> dict[str, Tensor]:
        level = config.noise_log_mean + config.noise_log_std * torch.randn(config.batch_size, 1, generator=generator)
        return {"loss": error(draw(config.batch_size), level.exp().to(config.device))}

    @torch.no_grad()
    def validate() -> dict[str, float]:
        errors = [error(held_out, held_out.new_full((len(held_out), 1), level)).item() for level in VALIDATION_LEVELS]
        by_level = {f"validation_{level}": one for level, one in zip(VALIDATION_LEVELS, errors, strict=True)}
        return {"validation": sum(errors) / len(errors), **by_level}

    return PoseDiffusion.from_pretrained(run(config, model, generator, loss, validate, lambda: None, console))


def main() -> None:
    """Command line."""
    training_command(TrainConfig, train, __doc__)


if __name__ == "__main__":
    main()
