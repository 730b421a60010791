"""Train the hand prior: ``python -m qposer.hands.train --data hands.npz --out runs/hand``.

The networks and their training are the body prior's. Run the same command again to resume from the last checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.hands.anatomy import draw_hands
from qposer.hands.angles import rotations_of
from qposer.hands.dataset import HandDataset
from qposer.hands.prior import HandConfig, HandNetworks
from qposer.hands.skeleton import HAND
from qposer.hands.variation import HAND_KIND
from qposer.io.cli_errors import cli_errors, plain_console
from qposer.training import train, train_codeprior
from qposer.training.distributed import is_main, process_group

# fmt: off
SHARES = {
    "signer": 0.34, "moving hand": 0.09, "godot-xr-tools": 0.04, "headset": 0.02, "makehuman": 0.01, "drawn": 0.50,
}
# fmt: on
"""Share of each source in the training poses; ``drawn`` are those of `qposer.hands.anatomy`."""

_DRAWN = "drawn"


@dataclass(frozen=True)
class HandTrainConfig:
    """Settings of the training of a hand prior."""

    data: Path
    """Recorded poses (hands.npz), written by ``python -m qposer.hands.build``."""
    out: Path
    """Folder of the run: hand.safetensors, and one folder per network with its checkpoints and log."""
    poses: int = 24_000
    """Number of training poses; recorded ones are repeated."""
    steps: int = 2400
    """Training steps of the autoencoder."""
    prior_steps: int = 9000
    """Training steps of the denoiser."""
    judge_steps: int = 600
    joint_judge_steps: int = 1200
    batch_size: int = 64
    """Poses in a batch of the autoencoder."""
    prior_batch: int = 256
    """Poses in a batch of the code prior."""
    validate_every: int = 250
    seed: int = 0


class _FingerPoints:
    """Points of the reconstruction loss: the fingertips, and all points of the hand."""

    def points_and_joints(self, rotations: Tensor) -> tuple[Tensor, Tensor]:
        points = HAND.points(rotations)
        return points[..., 1 + HAND.joints :, :], points


def training_poses(data: HandDataset, number: int, generator: torch.Generator) -> Float[Tensor, "poses 15 3"]:
    """Recorded and drawn poses in the proportions of `SHARES`.

    Args:
        data: recorded poses.
        number: approximate number of poses.
        generator: random generator.

    Returns:
        Axis-angle in radians.

    Raises:
        ValueError: a source has no training poses.
    """
    recorded = data.of("train")
    missing = SHARES.keys() - {_DRAWN} - recorded.keys()
    if missing:
        raise ValueError(f"no training poses of {', '.join(sorted(missing))}: build the poses from all recordings")
    chosen = []
    for source, share in SHARES.items():
        count = round(share * number)
        if source == _DRAWN:
            chosen.append(matrix_to_axis_angle(rotations_of(draw_hands(count, generator))))
        else:
            chosen.append(recorded[source][torch.randint(len(recorded[source]), (count,), generator=generator)])
    return torch.cat(chosen)


def train_hands(config: HandTrainConfig, console: Console, sizes: HandConfig | None = None) -> HandNetworks:
    """Start or resume a training run.

    Args:
        config: settings of the run.
        console: console for the progress.
        sizes: sizes of the networks; default: the shipped ones.

    Returns:
        The networks, also written to ``hand.safetensors``.

    Raises:
        FileNotFoundError: the file of poses does not exist.
        ValueError: the file of poses has another layout, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite.
    """
    sizes = sizes or HandConfig()
    data = HandDataset.load(config.data)
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    poses = training_poses(data, config.poses, generator)
    validation = list(data.of("validation").values())
    of_model = train.TrainConfig(
        data=config.data,
        validate_every=config.validate_every,
        seed=config.seed,
        out=config.out / "model",
        steps=config.steps,
        batch_size=config.batch_size,
        joints_weight=100.0,
        vertices_weight=100.0,
        jittered=0.0,
        model=sizes.model(),
    )
    held_out = torch.cat([each[:: max(1, len(each) // 300)] for each in validation])
    model = train.train_on(of_model, HAND_KIND, _FingerPoints(), poses, held_out, generator, console)
    of_prior = train_codeprior.TrainConfig(
        data=config.data,
        validate_every=config.validate_every,
        seed=config.seed,
        out=config.out / "prior",
        steps=config.prior_steps,
        judge_steps=config.judge_steps,
        joint_judge_steps=config.joint_judge_steps,
        batch_size=config.prior_batch,
    )
    fresh = torch.Generator().manual_seed(config.seed + 1)
    material = train_codeprior.Material(HAND_KIND, model, sizes.network(), poses, validation, validation, fresh)
    networks = HandNetworks(sizes)
    networks.network.load_state_dict(train_codeprior.train_on(of_prior, material, console).network.state_dict())
    networks.model.load_state_dict(model.state_dict())
    if is_main():
        shares = {f"share of {name}": f"{share}" for name, share in SHARES.items()}
        networks.save(config.out / "hand.safetensors", **shares)
    return networks


def main() -> None:
    """Command line."""
    config = tyro.cli(HandTrainConfig, description=__doc__)
    with cli_errors("hands.train", resumable=True), process_group("cpu"):
        console = plain_console(soft_wrap=False, quiet=not is_main())
        train_hands(config, console)
        console.print(f"weights: {config.out / 'hand.safetensors'}", soft_wrap=True)


if __name__ == "__main__":
    main()
