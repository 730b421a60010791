"""Train the pose sampler: ``python -m fitting.training.train_sampler --data poses.npz --out runs/sampler``.

The training data are those of the regressor (`fitting.training.synthetic_views`). To resume a killed run from its last
checkpoint, run the same command again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from fitting.body.body import Body
from fitting.optimise.pose_sampler import PoseSampler, SamplerConfig
from fitting.optimise.regressor import ROTATIONS, Regressor, network_inputs
from fitting.training.synthetic_views import Views, held_out_views, view_source
from qposer.body_pose.rotations import matrix_to_6d
from qposer.body_pose.skeleton import PARENTS, REST_JOINTS
from qposer.training.config import SubjectsConfig, training_command
from qposer.training.distributed import share
from qposer.training.run import run

LOG_LEVEL = -0.5, 1.3
"""Mean and standard deviation of the logarithm of the noise level (Karras et al., NeurIPS 2022, for unit variance)."""

LEVELS = 2
"""Noise levels for each view; drawing a view costs about as much as a step of the network."""


@dataclass(frozen=True)
class TrainConfig(SubjectsConfig):
    """Settings of a training run of a pose sampler."""

    steps: int = 16_000
    batch_size: int = 256
    width: int = 384
    depth: int = 4
    regressor: Path | None = None
    """Weights of the regressor whose prediction is a part of the condition; default: the shipped ones."""


def train(config: TrainConfig, console: Console) -> Path:
    """Start or resume a training run.

    Args:
        config: settings of the run.
        console: console for the progress.

    Returns:
        The file with the best weights.

    Raises:
        FileNotFoundError: the file of poses does not exist.
        ValueError: the file of poses is invalid, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is no longer finite.
    """
    data, generator = config.begin()
    body, regressor = Body.open(), Regressor.from_pretrained(config.regressor)
    model = PoseSampler(SamplerConfig(config.width, config.depth))
    draw = view_source(body, data.poses(config.subjects), config.batch_size, generator)
    _set_statistics(model, [draw() for _ in range(40)])
    importance = _importance() * model.std[:, 0].square()
    importance = importance / importance.mean()

    def errors(views: Views, generator: torch.Generator) -> Tensor:
        clean = model.standardise(_rotations(views)).expand(LEVELS, -1, -1, -1)
        mean, spread = LOG_LEVEL
        level = (mean + spread * torch.randn(*clean.shape[:2], 1, generator=generator)).exp()
        noisy = clean + level[..., None] * torch.randn(clean.shape, generator=generator)
        clean, level, noisy = (share(each.transpose(0, 1)).transpose(0, 1) for each in (clean, level, noisy))
        views = share(views)
        context, _ = model.encode(regressor, views.keypoints, views.confidence, views.format, views.camera)
        denoised = model.denoiser(noisy, level, context.expand(LEVELS, -1, -1))
        weight = (1 + level.square()) / level.square() * importance
        loss: Tensor = (weight[..., None] * (denoised - clean).square()).mean()
        return loss

    held_out = held_out_views(body, data)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        fixed = torch.Generator().manual_seed(2)
        return {"validation": sum(errors(views, fixed).item() for views in held_out) / len(held_out)}

    return run(
        config, model, generator, lambda: {"loss": errors(draw(), generator)}, validate, lambda: None, console,
        config.subjects,
    )  # fmt: skip


def _rotations(views: Views) -> Float[Tensor, "people 22 3 3"]:
    """Orientation in the network's axes, and body pose."""
    _, frame = network_inputs(views.keypoints, views.confidence, views.format, views.camera)
    return torch.cat([(frame.mT @ views.orient)[:, None], views.body_pose], dim=1)


def _set_statistics(model: PoseSampler, batches: list[Views]) -> None:
    numbers = torch.cat([matrix_to_6d(_rotations(views)) for views in batches])
    model.mean.copy_(numbers.mean(0))
    model.std.copy_((numbers - model.mean).square().mean((0, 2)).sqrt()[:, None])


def _importance() -> Float[Tensor, " 22"]:
    """How far each joint's rotation moves the joints below it, in metres, squared and summed."""
    rest = torch.from_numpy(REST_JOINTS)[:ROTATIONS].float()
    importance = torch.full((ROTATIONS,), 0.01)
    for joint in range(ROTATIONS):
        above = PARENTS[joint]
        while above >= 0:
            importance[above] += (rest[joint] - rest[above]).square().sum()
            above = PARENTS[above]
    return importance.sqrt()


def main() -> None:
    """Command line."""
    training_command(TrainConfig, train, __doc__)


if __name__ == "__main__":
    main()
