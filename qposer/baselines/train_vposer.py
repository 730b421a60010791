"""Train a VPoser: ``python -m qposer.baselines.train_vposer --data poses.npz --out runs/vposer-5e-3 --kl 5e-3``.

Losses and settings are those of the published second version. A run that was killed goes on from its last checkpoint
when the same command is given again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import roma
import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from qposer.baselines.vposer import VPoser, VPoserConfig
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.body_pose.surface import Surface
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import mpjpe
from qposer.io.cli_errors import cli_errors, plain_console
from qposer.training.batches import draw_poses
from qposer.training.run import run


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run of a VPoser."""

    data: Path
    """poses.npz, written by ``python -m qposer.data.build``."""
    out: Path
    """Folder of the run: best.safetensors, last.safetensors, log.csv, config.json."""
    kl: float = 5e-3
    """Weight of the divergence of the posterior from the unit Gaussian, in nats."""
    steps: int = 12_000
    batch_size: int = 128
    learning_rate: float = 1e-3
    """At its peak, after a warm-up and before a cosine decay."""
    weight_decay: float = 1e-5
    surface_weight: float = 4.0
    """Of the mean absolute difference of coordinates of points on the skin, in metres."""
    extra: float = 0.5
    """Part of the steps, the first ones, in which angles and joints are losses, too."""
    angles_weight: float = 2.0
    """Of the mean angle between rotations in radians."""
    joints_weight: float = 2.0
    """Of the mean absolute difference of the joints' coordinates in metres."""
    validate_every: int = 1000
    """Steps; a checkpoint is written then, too."""
    seed: int = 0
    device: str = "cpu"
    latent_dim: int = 32
    width: int = 512


def train(config: TrainConfig, console: Console) -> VPoser:
    """Run, or go on with, a training run; returns the VPoser with the lowest loss on validation poses.

    Args:
        config: settings of the run.
        console: where the progress is shown.

    Returns:
        The model.

    Raises:
        FileNotFoundError: there is no such file of poses.
        ValueError: the poses are not what the build writes, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite any more.
    """
    data = PoseDataset.load(config.data)
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    model = VPoser(VPoserConfig(config.latent_dim, config.width, config.kl)).to(config.device)
    surface = Surface.open().to(config.device)
    unit = Normal(torch.zeros((), device=config.device), torch.ones((), device=config.device))
    poses, held_out = data.body_pose("train"), data.body_pose("validation").to(config.device)
    with torch.no_grad():
        held_out_points, held_out_joints = surface.points_and_joints(axis_angle_to_matrix(held_out))
    extra_steps = config.extra * config.steps
    batches = model.get_buffer("encoder.1.num_batches_tracked")  # of this run: it is part of the checkpoints

    def reconstructed(body_pose: Float[Tensor, "poses 21 3"]) -> tuple[Normal, Float[Tensor, "poses 21 3 3"]]:
        posterior = model.encode(body_pose)
        noise = torch.randn(posterior.mean.shape, generator=generator).to(posterior.mean)
        return posterior, model.decode(posterior.mean + posterior.stddev * noise)

    def bound(posterior: Normal, skin: Tensor) -> Tensor:
        return config.kl * kl_divergence(posterior, unit).sum(-1).mean() + config.surface_weight * skin

    def loss() -> dict[str, Tensor]:
        truth = draw_poses(poses, config.batch_size, generator).to(config.device)
        with torch.no_grad():
            points, joints = surface.points_and_joints(truth)
        posterior, decoded = reconstructed(matrix_to_axis_angle(truth))
        decoded_points, decoded_joints = surface.points_and_joints(decoded)
        skin = (decoded_points - points).abs().mean()
        total = bound(posterior, skin)
        if batches <= extra_steps:
            angles = roma.rotmat_geodesic_distance(decoded, truth, clamping=1 - 1e-4).mean()  # finite gradients
            total = total + config.angles_weight * angles
            total = total + config.joints_weight * (decoded_joints - joints).abs().mean()
        decay = torch.stack([parameter.square().sum() for parameter in model.parameters()]).sum()
        return {
            "loss": total + 0.5 * config.weight_decay * decay,
            "surface_mm": 1000 * skin.detach(),
            "joints_mm": 1000 * mpjpe(decoded_joints.detach(), joints).mean(),
        }

    @torch.no_grad()
    def validate() -> dict[str, float]:
        posterior, decoded = reconstructed(held_out)
        skin = (surface(decoded) - held_out_points).abs().mean()
        joints = body_joints(model.decode(posterior.mean), surface.rest_joints)
        return {
            "validation": bound(posterior, skin).item(),
            "validation_mpjpe_mm": 1000 * mpjpe(joints, held_out_joints).mean().item(),
            "validation_kl": kl_divergence(posterior, unit).sum(-1).mean().item(),
        }

    return VPoser.from_pretrained(run(config, model, generator, loss, validate, lambda: None, console))


def main() -> None:
    """Command line."""
    console = plain_console(soft_wrap=False)
    config = tyro.cli(TrainConfig, description=__doc__)
    with cli_errors("train_vposer", resumable=True):
        train(config, console)
    console.print(f"best weights: {config.out / 'best.safetensors'}")


if __name__ == "__main__":
    main()
