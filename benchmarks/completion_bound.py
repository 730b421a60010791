"""Lower bound of the mean completion error: ``python -m benchmarks.completion_bound --data poses.npz``.

A network is trained to predict the joint positions of an unseen part from the rest of the pose, with the error of
protocol 4, the mean distance, as its loss. It need not produce a valid pose or diverse hypotheses, so its error bounds
the mean error of priors that learned as much from the same people. The rest of the error comes from differences between
people.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
import tyro
from jaxtyping import Bool, Float
from rich.console import Console
from torch import Tensor, nn

from benchmarks.commands import command
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.prior.completion import PARTS, CompletionSettings, moved_joints
from benchmarks.prior.poses import Poses, drawn
from benchmarks.tables import Table
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_6d
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, REST_JOINTS
from qposer.control.edits import joints_of
from qposer.evaluation.metrics import mpjpe
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.training.batches import draw_poses

VALIDATION_POSES = 2000


@dataclass(frozen=True)
class Setting:
    """Settings of a network and its training; all are tried."""

    hidden: float
    """Maximum dropout and noise of the known input, against overfitting."""
    dropout: float
    width: int = 512
    steps: int = 600
    batch_size: int = 256
    learning_rate: float = 1e-3
    validate_every: int = 50


SETTINGS = tuple(Setting(hidden, dropout) for hidden, dropout in product((0.3, 0.6, 0.9), (0.1, 0.5)))


class PartRegressor(nn.Module):
    """Predicts joint positions of an unseen part from the rotations of the other joints."""

    mean: Tensor
    scale: Tensor
    center: Tensor

    def __init__(
        self, part: str, train: Float[Tensor, "poses 21 3 3"], setting: Setting, generator: torch.Generator
    ) -> None:
        """Predict, with inputs scaled to the training poses; the generator draws dropout and noise in training."""
        super().__init__()
        self._generator = generator
        self.known = known_joints(part)
        self.joints = moved_joints(part)
        self.hidden = setting.hidden
        seen = self._seen(train)
        self.register_buffer("mean", seen.mean(0))
        self.register_buffer("scale", seen.std(0) + 0.01)
        self.register_buffer("center", positions(train)[:, self.joints].mean(0))
        layers: list[nn.Module] = []
        for inputs in (seen.shape[-1], setting.width, setting.width):
            layers += [nn.Linear(inputs, setting.width), nn.SiLU(), nn.Dropout(setting.dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(setting.width, 3 * len(self.joints)))

    def forward(self, rotations: Float[Tensor, "poses 21 3 3"]) -> Float[Tensor, "poses moved 3"]:
        """Target positions, metres, root-relative."""
        seen = (self._seen(rotations) - self.mean) / self.scale
        if self.training:
            rates = self.hidden * torch.rand(2, len(seen), 1, generator=self._generator)
            blur = rates[0] * torch.randn(seen.shape, generator=self._generator)
            seen = (seen + blur) * (torch.rand(seen.shape, generator=self._generator) > rates[1])
        moved: Tensor = self.center + 0.1 * self.layers(seen).unflatten(-1, (len(self.joints), 3))
        return moved

    def _seen(self, rotations: Float[Tensor, "poses 21 3 3"]) -> Float[Tensor, "poses features"]:
        """The known rotations, and joint positions with the unknown joints at rest."""
        rest = torch.where(self.known[:, None, None], rotations, torch.eye(3))
        return torch.cat([matrix_to_6d(rotations[:, self.known]).flatten(1), positions(rest).flatten(1)], dim=1)


def known_joints(part: str) -> Bool[Tensor, "21"]:
    """Mask of the visible body joints when a part is unseen."""
    known = torch.ones(NUM_BODY_JOINTS, dtype=torch.bool)
    known[joints_of(part)] = False
    return known


def positions(rotations: Float[Tensor, "poses 21 3 3"]) -> Float[Tensor, "poses 22 3"]:
    """Joint positions of the mean skeleton, metres."""
    return body_joints(rotations, torch.from_numpy(REST_JOINTS))


def train(part: str, poses: Poses, setting: Setting, seed: int = 0) -> tuple[PartRegressor, float]:
    """Train a network; keep the weights with the lowest validation error.

    Args:
        part: name of the part to predict.
        poses: training and validation poses.
        setting: settings of the network and its training.
        seed: seed of weights and batches.

    Returns:
        Network, and its validation error in millimetres.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = PartRegressor(part, draw_poses(poses.train, 10_000, generator), setting, generator)
    held_out = axis_angle_to_matrix(drawn(poses.validation, VALIDATION_POSES, generator))
    optimizer = torch.optim.Adam(network.parameters(), lr=setting.learning_rate)
    best, best_error = copy.deepcopy(network.state_dict()), math.inf
    for step in range(setting.steps):
        optimizer.param_groups[0]["lr"] = setting.learning_rate * 0.5 * (1 + math.cos(math.pi * step / setting.steps))
        batch = draw_poses(poses.train, setting.batch_size, generator)
        loss = mpjpe(network(batch), positions(batch)[:, network.joints]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % setting.validate_every == 0:
            error = errors_mm(network, held_out).mean().item()
            if error < best_error:
                best, best_error = copy.deepcopy(network.state_dict()), error
    network.load_state_dict(best)
    return network, best_error


@torch.no_grad()
def errors_mm(network: PartRegressor, rotations: Float[Tensor, "poses 21 3 3"]) -> Float[Tensor, " poses"]:
    """Error of each pose as in protocol 4.

    Args:
        network: network of one part.
        rotations: rotation matrices of the body joints.

    Returns:
        Errors in millimetres.
    """
    was_training = network.training
    network.eval()
    errors = 1000 * mpjpe(network(rotations), positions(rotations)[:, network.joints])
    network.train(was_training)
    return errors


def main(data: Path, out: Path | None = None, parts: tuple[str, ...] = PARTS) -> None:
    """Train regressors of each part with all settings, select on validation, and measure on the poses of protocol 4.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        out: Markdown file for the table.
        parts: unseen parts.
    """
    console = Console(width=120)
    torch.set_num_threads(1)
    with cli_errors("benchmarks.completion_bound"):
        poses = Poses.load(data)
        settings = CompletionSettings()
        truth = axis_angle_to_matrix(drawn(poses.test, settings.poses, torch.Generator().manual_seed(settings.seed)))
        rows = []
        for part in parts:
            found = [(*train(part, poses, setting), setting) for setting in SETTINGS]
            network, error, setting = min(found, key=lambda each: each[1])
            measured = mean_interval(errors_mm(network, truth))
            rows.append(
                (part.replace("_", " "), f"{error:.1f}", f"{measured:.1f}", f"{setting.hidden} / {setting.dropout}")
            )
            console.print(
                Table(("unseen", "validation mm", "test mm", "hidden / dropout"), rows).for_console("regressors")
            )
        text = (
            f"{Table(('unseen', 'validation mm', 'test mm', 'hidden / dropout'), rows).markdown()}\n\n"
            f"`{command('benchmarks.completion_bound', main, data=data, out=out, parts=parts)}`; {machine()}.\n"
        )
        if out:
            with atomic_write(out) as temporary:
                temporary.write_text(text)


if __name__ == "__main__":
    tyro.cli(main)
