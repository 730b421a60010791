"""Fit SMPLify's mixture: ``python -m benchmarks.baselines.train_mixture --data poses.npz --out runs/gmm``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from sklearn.mixture import GaussianMixture

from benchmarks.baselines.mixture import PoseMixture
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.data.dataset import PoseDataset
from qposer.io.cli_errors import cli_errors, plain_console
from qposer.training.batches import draw_poses


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a fit of a mixture."""

    data: Path
    """Training set (poses.npz), written by ``python -m qposer.data.build``."""
    out: Path
    """Folder of the run: best.safetensors."""
    components: int = 8
    poses: int = 100_000
    """Number of training poses to sample, half of them mirrored."""
    covariance_floor: float = 3e-4
    """Value added to the variances, in squared radians; of 1e-5 to 1e-2, best likelihood on validation poses."""
    seed: int = 0


def train(config: TrainConfig, console: Console) -> PoseMixture:
    """Fit a mixture by expectation maximisation and write it.

    Args:
        config: settings of the run.
        console: console for the progress.

    Returns:
        The mixture.

    Raises:
        FileNotFoundError: the file of poses does not exist.
        ValueError: the file of poses has another layout.
    """
    data = PoseDataset.load(config.data)
    generator = torch.Generator().manual_seed(config.seed)
    poses = matrix_to_axis_angle(draw_poses(data.body_pose("train"), config.poses, generator)).flatten(1)
    fitted = GaussianMixture(
        config.components, covariance_type="full", reg_covar=config.covariance_floor, random_state=config.seed
    ).fit(poses.double().numpy())
    if not fitted.converged_:
        console.print(f"not converged after {fitted.n_iter_} iterations", style="yellow")
    mixture = PoseMixture.of_components(
        *(torch.from_numpy(array) for array in (fitted.weights_, fitted.means_, fitted.covariances_))
    )
    for split in ("train", "validation"):
        console.print(f"{split}: {mixture.energy(data.body_pose(split)).mean():.1f} nats per pose")
    config.out.mkdir(parents=True, exist_ok=True)
    mixture.save(config.out / "best.safetensors")
    return mixture


def main() -> None:
    """Command line."""
    console = plain_console(soft_wrap=False)
    config = tyro.cli(TrainConfig, description=__doc__)
    with cli_errors("train_mixture"):
        train(config, console)
    console.print(f"the mixture: {config.out / 'best.safetensors'}")


if __name__ == "__main__":
    main()
