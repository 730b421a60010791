"""Train the code prior of a QPoser: ``python -m qposer.training.train_codeprior --data poses.npz --out runs/prior``.

Its denoiser learns to take noise off the latents of the training poses, mirrored ones included, at all noise levels,
which may differ between parts of the body; then one judge learns to tell poses from mixtures of the parts of several,
and another to find joints that were disturbed.
A run that was killed goes on from its last checkpoint when the same command is given again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from qposer.codeprior import FORMAT, CodePrior, CodePriorConfig, CodePriorNetwork
from qposer.control import joints_of
from qposer.data.dataset import PoseDataset
from qposer.denoiser import denoising_error
from qposer.diffusion import HIGHEST, LOWEST
from qposer.errors import told_in_one_line
from qposer.judge import JointJudge, Judge, any_of
from qposer.kinematics import mirror_body_pose
from qposer.model import QPoser
from qposer.rotations import axis_angle_to_matrix
from qposer.training.averaging import Averaged
from qposer.training.batches import draw_poses, jitter
from qposer.training.disturbances import disturbed
from qposer.training.run import run
from qposer.training.swaps import draw_donated
from qposer.weights import load_module


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run of a code prior."""

    data: Path
    """poses.npz, written by ``python -m qposer.data.build``."""
    out: Path
    """Folder of the run: best.safetensors, and a folder for each of the networks with its checkpoints and log."""
    qposer: Path | None = None
    """The QPoser whose latents are learned; the shipped one if left out."""
    steps: int = 10_000
    """Of the denoiser."""
    judge_steps: int = 1500
    """Of the judge of mixtures: after many more, it knows the poses on record by heart."""
    joint_judge_steps: int = 3000
    """Of the judge of joints, which is small and learns at twice the rate of the others."""
    batch_size: int = 512
    learning_rate: float = 1e-3
    """At its peak, after a warm-up and before a cosine decay."""
    noise_log_mean: float = -0.7
    noise_log_std: float = 1.2
    """Noise levels are log-normal: most are where denoising is neither trivial nor hopeless."""
    partial: float = 0.5
    """Part of each batch in which one part of the body has less noise than the rest."""
    averaging: float = 0.999
    """Decay of the moving average of the weights; the average is what is validated and kept."""
    validate_every: int = 1000
    """Steps; a checkpoint is written then, too."""
    seed: int = 0
    device: str = "cpu"
    width: int = 512
    depth: int = 3


VALIDATION_LEVELS = (0.2, 0.5, 1.0)
MIXED_PARTS = (("left_arm",), ("right_arm",), ("left_leg",), ("right_leg",), ("torso", "head"))


WOBBLE = math.radians(4)
"""Spread of the largest small turns of all joints that are no disturbance: other people differ by as much."""


@torch.no_grad()
def encoded(model: QPoser, rotations: Float[Tensor, "poses 21 3 3"]) -> Float[Tensor, "2 poses 21 heads dim"]:
    """Latents of poses, before and after they are snapped to codes."""

    def chunks() -> Iterator[Tensor]:
        for part in rotations.to(model.quantizer.codebooks.device).split(4096):
            latents = model.latents(part)
            yield torch.stack([latents, model.quantizer.lookup(model.encode_latents(latents))])

    return torch.cat(list(chunks()), dim=1)


def draw_levels(config: TrainConfig, number: int, generator: torch.Generator) -> Float[Tensor, "number 21"]:
    """Noise levels of the joints: one for all of a pose, or less for the rest of it than for one part."""

    def log_normal() -> Float[Tensor, "number"]:
        return (config.noise_log_mean + config.noise_log_std * torch.randn(number, generator=generator)).exp()

    level = log_normal().clamp(LOWEST, HIGHEST)[:, None]
    known = LOWEST * (0.3 / LOWEST) ** torch.rand(number, 1, generator=generator)
    unknown = draw_donated(number, generator) ^ (torch.rand(number, 1, generator=generator) < 0.3)
    partial = torch.rand(number, 1, generator=generator) < config.partial
    return torch.where(partial & ~unknown, torch.minimum(known, level), level)


def seeded() -> torch.Generator:
    """What validation draws with: the same each time, and nothing of what training draws."""
    return torch.Generator().manual_seed(0)


def mixed(poses: Float[Tensor, "poses 21 3 3"], generator: torch.Generator) -> Float[Tensor, "poses 21 3 3"]:
    """Poses of which most parts come from others."""
    mixture = poses.clone()
    for parts in MIXED_PARTS:
        strangers = torch.randperm(len(poses), generator=generator)
        swapped = torch.rand(len(poses), generator=generator) < 0.7
        donor = torch.where(swapped, strangers, torch.arange(len(poses))).to(poses.device)
        joints = joints_of(parts)
        mixture[:, joints] = poses[donor][:, joints]
    return mixture


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
    joints, heads, code_dim = model.config.latent_shape
    sizes = CodePriorConfig(joints, heads * code_dim, config.width, config.depth)
    networks = Averaged(CodePriorNetwork(sizes)).to(config.device)
    network = networks.live

    train_poses = data.body_pose("train")
    validation_poses = axis_angle_to_matrix(data.body_pose("validation")[::4]).to(config.device)
    validation_poses = validation_poses[torch.randperm(len(validation_poses), generator=seeded())]
    rotations = axis_angle_to_matrix(train_poses)
    soft, hard = encoded(model, torch.cat([rotations, mirror_body_pose(rotations)])).flatten(-2)
    for each in (networks.live, networks.average):
        each.mean.copy_(soft.mean(0))
        each.scale.copy_(soft.std(0))
    held_out = network.standardise(encoded(model, validation_poses)[1])

    def noisy(clean: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
        return clean + level.unsqueeze(-1) * torch.randn(clean.shape, generator=generator).to(clean)

    def draw_clean() -> Float[Tensor, "batch 21 latent"]:
        chosen = torch.randint(soft.shape[0], (config.batch_size,), generator=generator)
        snapped = torch.rand(config.batch_size, 1, 1, generator=generator).to(soft)
        return (torch.lerp(soft[chosen], hard[chosen], snapped) - network.mean) / network.scale

    def denoiser_loss() -> dict[str, Tensor]:
        clean = draw_clean()
        level = draw_levels(config, len(clean), generator).to(clean)
        return {"loss": denoising_error(network.denoiser(noisy(clean, level, generator), level), clean, level).mean()}

    @torch.no_grad()
    def validate_denoiser() -> dict[str, float]:
        average, drawn = networks.average, seeded()
        errors = {}
        for level in VALIDATION_LEVELS:
            levels = held_out.new_full((len(held_out), 1), level)
            denoised = average.denoiser(noisy(held_out, levels, drawn), levels)
            errors[f"validation_{level}"] = denoising_error(denoised, held_out, levels).mean().item()
        return {"validation": sum(errors.values()) / len(errors), **errors}

    def train_part(
        name: str,
        steps: int,
        loss: Callable[[], dict[str, Tensor]],
        validate: Callable[[], dict[str, float]],
        learning_rate: float = config.learning_rate,
    ) -> None:
        """Train a part of the network, and go on with the weights that were best on validation."""
        part = dataclasses.replace(config, out=config.out / name, steps=steps, learning_rate=learning_rate)
        networks.steps.zero_()
        best = run(part, networks, generator, loss, validate, lambda: networks.follow(config.averaging), console)
        weights = load_module(best, CodePriorNetwork, CodePriorConfig, FORMAT).state_dict()
        for each in (networks.live, networks.average):
            each.load_state_dict(weights)

    def judged(judge: Judge, real: Float[Tensor, "poses 21 3 3"], generator: torch.Generator) -> Float[Tensor, ""]:
        judgement = judge(torch.cat([real, mixed(real, generator)]))
        is_mixed = (torch.arange(len(judgement), device=real.device) >= len(real)).to(judgement)
        return F.binary_cross_entropy_with_logits(judgement, is_mixed)

    def judge_loss() -> dict[str, Tensor]:
        real = draw_poses(train_poses, config.batch_size, generator)
        real = real[torch.randperm(len(real), generator=generator)].to(config.device)
        return {"loss": judged(network.judge, real, generator)}

    @torch.no_grad()
    def validate_judge() -> dict[str, float]:
        return {"validation": judged(networks.average.judge, validation_poses, seeded()).item()}

    def joints_judged(
        judge: JointJudge, real: Float[Tensor, "poses 21 3 3"], generator: torch.Generator
    ) -> Float[Tensor, ""]:
        """Errors of the logits of joints, and of those of poses that come of them; a half of the poses is disturbed."""
        untouched, rest = real.chunk(2)
        spoilt, chosen = disturbed(rest, generator)
        turned = torch.cat([chosen.new_zeros(len(untouched), joints), chosen]).to(real)
        logits = judge(torch.cat([untouched, spoilt]))
        of_poses = F.binary_cross_entropy_with_logits(any_of(logits), turned.amax(-1))
        return 3 * F.binary_cross_entropy_with_logits(logits, turned) + of_poses

    def joint_judge_loss() -> dict[str, Tensor]:
        real = draw_poses(train_poses, config.batch_size // 2, generator)
        real = jitter(real, generator, WOBBLE * torch.rand(len(real), 1, 1, generator=generator))
        real = real[torch.randperm(len(real), generator=generator)].to(config.device)
        return {"loss": joints_judged(network.joint_judge, real, generator)}

    @torch.no_grad()
    def validate_joint_judge() -> dict[str, float]:
        return {"validation": joints_judged(networks.average.joint_judge, validation_poses, seeded()).item()}

    train_part("denoiser", config.steps, denoiser_loss, validate_denoiser)
    for judge in (network.judge, network.joint_judge):
        judge.fit_features(draw_poses(train_poses, 20_000, generator).to(config.device))
    networks.average.load_state_dict(network.state_dict())
    train_part("judge", config.judge_steps, judge_loss, validate_judge)
    train_part(
        "joint_judge", config.joint_judge_steps, joint_judge_loss, validate_joint_judge, 2 * config.learning_rate
    )
    best = config.out / "best.safetensors"
    prior = CodePrior(model, networks.average.eval())
    prior.calibrate(data.body_pose("validation"), data.body_pose("test"))
    prior.save(best, steps=str(config.steps))
    return prior


def main() -> None:
    """Command line."""
    console = Console()
    config = tyro.cli(TrainConfig, description=__doc__)
    with told_in_one_line("train_codeprior"):
        train(config, console)
    console.print(f"best weights: {config.out / 'best.safetensors'}")


if __name__ == "__main__":
    main()
