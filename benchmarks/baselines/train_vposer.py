"""Train a VPoser: ``python -m benchmarks.baselines.train_vposer --data poses.npz --out runs/vposer-5e-3 --kl 5e-3``.

Losses and settings are those of the published second version. Run the same command again to resume from the last
checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from benchmarks.baselines.vposer import VPoser, VPoserConfig
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle, matrix_to_axis_angle
from qposer.body_pose.surface import Surface
from qposer.evaluation.metrics import mpjpe
from qposer.training.batches import draw_poses
from qposer.training.config import RunConfig, training_command
from qposer.training.distributed import share
from qposer.training.run import run


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """Settings of a training run of a VPoser."""

    kl: float = 5e-3
    """Weight of the divergence of the posterior from the unit Gaussian, in nats."""
    steps: int = 12_000
    weight_decay: float = 1e-5
    surface_weight: float = 4.0
    """Weight of the mean absolute difference of skin point coordinates, in metres."""
    extra: float = 0.5
    """Initial share of the steps with additional losses on angles and joints."""
    angles_weight: float = 2.0
    """Weight of the mean angle between rotations in radians."""
    joints_weight: float = 2.0
    """Weight of the mean absolute difference of joint coordinates in metres."""
    device: str = "cpu"
    latent_dim: int = 32
    width: int = 512


def train(config: TrainConfig, console: Console) -> VPoser:
    """Start or resume a training run; returns the VPoser with the lowest loss on validation poses.

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
    model = VPoser(VPoserConfig(config.latent_dim, config.width, config.kl)).to(config.device)
    surface = Surface.open().to(config.device)
    unit = Normal(torch.zeros((), device=config.device), torch.ones((), device=config.device))
    poses, held_out = data.body_pose("train"), data.body_pose("validation").to(config.device)
    with torch.no_grad():
        held_out_points, held_out_joints = surface.points_and_joints(axis_angle_to_matrix(held_out))
    extra_steps = config.extra * config.steps
    batches = model.get_buffer("encoder.1.num_batches_tracked")  # of this run: it is part of the checkpoints

    def reconstructed(body_pose: Float[Tensor, "poses 21 3"]) -> tuple[Normal, Float[Tensor, "poses 21 3 3"]]:
        noise = share(torch.randn(len(body_pose), config.latent_dim, generator=generator).to(body_pose))
        posterior = model.encode(share(body_pose))
        return posterior, model.decode(posterior.mean + posterior.stddev * noise)

    def bound(posterior: Normal, skin: Tensor) -> Tensor:
        return config.kl * kl_divergence(posterior, unit).sum(-1).mean() + config.surface_weight * skin

    def loss() -> dict[str, Tensor]:
        truth = draw_poses(poses, config.batch_size, generator).to(config.device)
        posterior, decoded = reconstructed(matrix_to_axis_angle(truth))
        truth = share(truth)
        with torch.no_grad():
            points, joints = surface.points_and_joints(truth)
        decoded_points, decoded_joints = surface.points_and_joints(decoded)
        skin = (decoded_points - points).abs().mean()
        total = bound(posterior, skin)
        if batches <= extra_steps:
            angles = geodesic_angle(decoded, truth, largest_sine=1 - 1e-4).mean()
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
    training_command(TrainConfig, train, __doc__)


if __name__ == "__main__":
    main()
