"""Train the code prior of a QPoser: ``python -m qposer.training.train_codeprior --data poses.npz --out runs/prior``.

Its denoiser learns to take noise off the latents of the training poses, mirrored ones included and all as other rigs
would record them, at all noise levels, which may differ between parts of the body; then one judge learns to tell poses
from mixtures of the parts of several, and another to find joints that were disturbed.
A run that was killed goes on from its last checkpoint when the same command is given again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control.edits import joints_of
from qposer.data.dataset import PoseDataset, Subjects
from qposer.data.smpl_poses import read_smpl
from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.weights import load_module
from qposer.prior.classifiers import CoherenceClassifier, PerJointDetector, any_of
from qposer.prior.code_prior import FORMAT, CodePrior, CodePriorConfig, CodePriorNetwork
from qposer.prior.denoiser import denoising_error
from qposer.prior.diffusion import SIGMA_MAX, SIGMA_MIN
from qposer.prior.model import QPoser
from qposer.training.averaging import ExponentialMovingAverage
from qposer.training.batches import draw_poses, jitter
from qposer.training.corruptions import disturbed
from qposer.training.latents import LatentPool, encoded
from qposer.training.rig_variation import STRENGTH, vary_rig
from qposer.training.run import run
from qposer.training.swaps import draw_donated


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run of a code prior."""

    data: Path
    """poses.npz, written by ``python -m qposer.data.build``."""
    out: Path
    """Folder of the run: best.safetensors, and a folder for each of the networks with its checkpoints and log."""
    qposer: Path | None = None
    """The QPoser whose latents are learned; the shipped one if left out."""
    subjects: Subjects = "train"
    """Whose poses to train on: "all", validation and test subjects included, keeps the last weights."""
    foreign: Path | None = None
    """SMPL poses of others (npz with ``pose``, ``sequence``), to validate and calibrate on beside those of ``data``."""
    calibration: Path | None = None
    """A code prior trained on the training subjects, whose scales of the energy are taken; needed for "all" subjects,
    as energies of poses that were trained on are too low."""
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
VALIDATION_POSES = 1000
"""Of the validation subjects, and of the poses of others."""
MIXED_PARTS = (("left_arm",), ("right_arm",), ("left_leg",), ("right_leg",), ("torso", "head"))


WOBBLE = math.radians(8)
"""Spread of the largest small turns of all joints that are no disturbance: other people differ by as much."""

JOINT_JUDGE_STRENGTH = 1.3
"""Of the variation of rigs that the judge of joints learns to accept. It looks at every joint by itself, where rigs
differ most; of 0.8, 1.3 and 1.6 this one finds most disturbances of poses of others."""


def draw_levels(config: TrainConfig, number: int, generator: torch.Generator) -> Float[Tensor, "number 21"]:
    """Noise levels of the joints: one for all of a pose, or less for the rest of it than for one part.

    Args:
        config: settings of the run.
        number: of poses.
        generator: of the draws; equal seeds give equal results on one machine.

    Returns:
        Standard deviations.
    """

    def log_normal() -> Float[Tensor, " number"]:
        return (config.noise_log_mean + config.noise_log_std * torch.randn(number, generator=generator)).exp()

    level = log_normal().clamp(SIGMA_MIN, SIGMA_MAX)[:, None]
    known = SIGMA_MIN * (0.3 / SIGMA_MIN) ** torch.rand(number, 1, generator=generator)
    unknown = draw_donated(number, generator) ^ (torch.rand(number, 1, generator=generator) < 0.3)
    partial = torch.rand(number, 1, generator=generator) < config.partial
    return torch.where(partial & ~unknown, torch.minimum(known, level), level)


def seeded() -> torch.Generator:
    """What validation draws with: the same each time, and nothing of what training draws."""
    return torch.Generator().manual_seed(0)


def mixed(poses: Float[Tensor, "poses 21 3 3"], generator: torch.Generator) -> Float[Tensor, "poses 21 3 3"]:
    """Poses of which most parts come from others.

    Args:
        poses: rotations of the body joints.
        generator: of the draws; equal seeds give equal results on one machine.

    Returns:
        The mixtures.
    """
    mixture = poses.clone()
    for parts in MIXED_PARTS:
        strangers = torch.randperm(len(poses), generator=generator)
        swapped = torch.rand(len(poses), generator=generator) < 0.7
        donor = torch.where(swapped, strangers, torch.arange(len(poses))).to(poses.device)
        joints = joints_of(parts)
        mixture[:, joints] = poses[donor][:, joints]
    return mixture


def recorded_poses(config: TrainConfig, data: PoseDataset) -> list[Float[Tensor, "_ 21 3"]]:
    """Poses that nothing is trained on: of validation and test subjects, and of others where they are given.

    Args:
        config: settings of the run.
        data: poses by split.

    Returns:
        Axis-angle in radians, one tensor for each source.
    """
    sources = [data.body_pose("validation"), data.body_pose("test")]
    if config.foreign is not None:
        pose, _ = read_smpl(config.foreign)
        sources.append(torch.from_numpy(pose[:, 1 : NUM_BODY_JOINTS + 1]).float())
    return sources


def _calibration_of(config: TrainConfig) -> Tensor | None:
    """The scales of the energy that the prior is to have; none if they are to be found."""
    if config.calibration is not None:
        return load_module(config.calibration, CodePriorNetwork, CodePriorConfig, FORMAT).calibration
    if config.subjects == "all":
        raise ValueError("--subjects all needs --calibration: a code prior trained on the training subjects")
    return None


def draw_wobbling(
    poses: Float[Tensor, "poses 21 3"], size: int, generator: torch.Generator, strength: float = JOINT_JUDGE_STRENGTH
) -> Float[Tensor, "size 21 3 3"]:
    """Random poses, in random order, of which all joints are turned a little: what the judge of joints shall accept.

    Args:
        poses: axis-angle in radians.
        size: number of poses to draw.
        generator: draws on the CPU.
        strength: of the variation of rigs.

    Returns:
        Rotation matrices relative to the parents.
    """
    real = draw_poses(poses, size, generator, strength)
    real = jitter(real, generator, WOBBLE * torch.rand(len(real), 1, 1, generator=generator))
    return real[torch.randperm(len(real), generator=generator)]


def joints_judged(
    judge: PerJointDetector, real: Float[Tensor, "poses 21 3 3"], generator: torch.Generator
) -> Float[Tensor, ""]:
    """Errors of the logits of joints, and of those of poses that come of them; a half of the poses is disturbed.

    Args:
        judge: the network that judges joints.
        real: recorded poses.
        generator: of the draws; equal seeds give equal results on one machine.

    Returns:
        The loss.
    """
    untouched, rest = real.chunk(2)
    spoilt, chosen = disturbed(rest, generator)
    turned = torch.cat([chosen.new_zeros(len(untouched), NUM_BODY_JOINTS), chosen]).to(real)
    logits = judge(torch.cat([untouched, spoilt]))
    of_poses = F.binary_cross_entropy_with_logits(any_of(logits), turned.amax(-1))
    return 3 * F.binary_cross_entropy_with_logits(logits, turned) + of_poses


def undetected(judge: PerJointDetector, real: Float[Tensor, "poses 21 3 3"], generator: torch.Generator) -> float:
    """How often a pose is judged more disturbed than a disturbed one: one less the area under the ROC curve.

    Args:
        judge: the network that judges joints.
        real: recorded poses.
        generator: of the draws; equal seeds give equal results on one machine.

    Returns:
        0 where all are told apart, 0.5 where the judge guesses.
    """
    untouched, spoilt = any_of(judge(real)), any_of(judge(disturbed(real, generator)[0]))
    return (untouched[:, None] > spoilt).float().mean().item()


def train(config: TrainConfig, console: Console) -> CodePrior:
    """Run, or go on with, a training run; returns the code prior with the lowest validation error.

    Args:
        config: settings of the run.
        console: where the progress is shown.

    Returns:
        The code prior.

    Raises:
        FileNotFoundError: there is no such file of poses.
        ValueError: the poses are not what the build writes, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite any more.
    """
    calibration = _calibration_of(config)
    data = PoseDataset.load(config.data)
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    model = QPoser.from_pretrained(config.qposer, config.device)
    joints, heads, code_dim = model.config.latent_shape
    sizes = CodePriorConfig(joints, heads * code_dim, config.width, config.depth)
    networks = ExponentialMovingAverage(CodePriorNetwork(sizes)).to(config.device)
    network = networks.live

    train_poses = data.body_pose(config.subjects)
    sources = recorded_poses(config, data)
    held_out_poses = [poses[:: max(1, len(poses) // VALIDATION_POSES)] for poses in (sources[0], *sources[2:])]
    held_out_rotations = [axis_angle_to_matrix(poses).to(config.device) for poses in held_out_poses]
    validation_poses = torch.cat(held_out_rotations)
    validation_poses = validation_poses[torch.randperm(len(validation_poses), generator=seeded())]
    pool = LatentPool(model, train_poses, generator)
    soft = pool.latents[0]
    for each in (networks.live, networks.average):
        each.mean.copy_(soft.mean(0))
        each.scale.copy_(soft.std(0))
    held_out = network.standardise(encoded(model, validation_poses)[1])

    def noisy(clean: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
        return clean + level.unsqueeze(-1) * torch.randn(clean.shape, generator=generator).to(clean)

    def draw_clean() -> Float[Tensor, "batch 21 latent"]:
        soft, hard = pool.draw(config.batch_size)
        snapped = torch.rand(config.batch_size, 1, 1, generator=generator).to(soft)
        return (torch.lerp(soft, hard, snapped) - network.mean) / network.scale

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
        best = run(
            part, networks, generator, loss, validate, lambda: networks.follow(config.averaging), console, part.subjects
        )
        weights = load_module(best, CodePriorNetwork, CodePriorConfig, FORMAT).state_dict()
        for each in (networks.live, networks.average):
            each.load_state_dict(weights)

    def judged(
        judge: CoherenceClassifier,
        real: Float[Tensor, "poses 21 3 3"],
        generator: torch.Generator,
        strength: float = 0.0,
    ) -> Float[Tensor, ""]:
        """Errors of the logits; a mixture's parts were recorded by one rig, like a pose's."""
        judgement = judge(vary_rig(torch.cat([real, mixed(real, generator)]), generator, strength))
        is_mixed = (torch.arange(len(judgement), device=real.device) >= len(real)).to(judgement)
        return F.binary_cross_entropy_with_logits(judgement, is_mixed)

    def judge_loss() -> dict[str, Tensor]:
        real = draw_poses(train_poses, config.batch_size, generator, strength=0.0)
        real = real[torch.randperm(len(real), generator=generator)].to(config.device)
        return {"loss": judged(network.judge, real, generator, STRENGTH)}

    @torch.no_grad()
    def validate_judge() -> dict[str, float]:
        return {"validation": judged(networks.average.judge, validation_poses, seeded()).item()}

    def joint_judge_loss() -> dict[str, Tensor]:
        real = draw_wobbling(train_poses, config.batch_size // 2, generator).to(config.device)
        return {"loss": joints_judged(network.joint_judge, real, generator)}

    @torch.no_grad()
    def validate_joint_judge() -> dict[str, float]:
        found = [undetected(networks.average.joint_judge, poses, seeded()) for poses in held_out_rotations]
        return {"validation": sum(found) / len(found)}

    train_part("denoiser", config.steps, denoiser_loss, validate_denoiser)
    for judge, strength in ((network.judge, STRENGTH), (network.joint_judge, JOINT_JUDGE_STRENGTH)):
        judge.fit_features(draw_poses(train_poses, 20_000, generator, strength).to(config.device))
    networks.average.load_state_dict(network.state_dict())
    train_part("judge", config.judge_steps, judge_loss, validate_judge)
    train_part(
        "joint_judge", config.joint_judge_steps, joint_judge_loss, validate_joint_judge, 2 * config.learning_rate
    )
    best = config.out / "best.safetensors"
    prior = CodePrior(model, networks.average.eval())
    if calibration is None:
        prior.calibrate(sources)
    else:
        prior.network.calibration.copy_(calibration)
    prior.save(best, steps=str(config.steps), subjects=config.subjects)
    return prior


def main() -> None:
    """Command line."""
    console = plain_console(soft_wrap=False)
    config = tyro.cli(TrainConfig, description=__doc__)
    with cli_errors("train_codeprior", resumable=True):
        train(config, console)
    console.print(f"best weights: {config.out / 'best.safetensors'}")


if __name__ == "__main__":
    main()
