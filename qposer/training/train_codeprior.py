"""Train the code prior of a QPoser: ``python -m qposer.training.train_codeprior --data poses.npz --out runs/prior``.

Its denoiser learns to take noise off the latents of the training poses, mirrored ones included and all as other rigs
would record them, at all noise levels, which may differ between parts of the body; then one judge learns to tell poses
from mixtures of the parts of several, and another to find joints that were disturbed.
A run that was killed goes on from its last checkpoint when the same command is given again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.data.dataset import PoseDataset
from qposer.data.smpl_poses import read_smpl
from qposer.io.weights import load_module
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import FORMAT, CodePriorConfig, CodePriorNetwork
from qposer.prior.denoiser import denoising_error
from qposer.prior.diffusion import SIGMA_MAX, SIGMA_MIN
from qposer.prior.model import QPoser
from qposer.training.averaging import ExponentialMovingAverage
from qposer.training.batches import draw_poses
from qposer.training.config import SubjectsConfig, training_command
from qposer.training.judging import JOINT_JUDGE_STRENGTH, coherence_loss, draw_wobbling, joints_judged, undetected
from qposer.training.latents import LatentPool, encoded
from qposer.training.rig_variation import STRENGTH
from qposer.training.run import run
from qposer.training.swaps import draw_donated


@dataclass(frozen=True)
class TrainConfig(SubjectsConfig):
    """Settings of a training run of a code prior."""

    out: Path
    """Folder of the run: best.safetensors, and a folder for each of the networks with its checkpoints and log."""
    qposer: Path | None = None
    """The QPoser whose latents are learned; the shipped one if left out."""
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
    noise_log_mean: float = -0.7
    noise_log_std: float = 1.2
    """Noise levels are log-normal: most are where denoising is neither trivial nor hopeless."""
    partial: float = 0.5
    """Part of each batch in which one part of the body has less noise than the rest."""
    averaging: float = 0.999
    """Decay of the moving average of the weights; the average is what is validated and kept."""
    device: str = "cpu"
    width: int = 512
    depth: int = 3


VALIDATION_LEVELS = (0.2, 0.5, 1.0)
VALIDATION_POSES = 1000
"""Of the validation subjects, and of the poses of others."""


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


class _Training:
    """The parts of a network that are trained one after the other, and what they share."""

    def __init__(self, config: TrainConfig, console: Console) -> None:
        self.config, self.console = config, console
        self.calibration = _calibration_of(config)
        data, self.generator = config.begin()
        self.model = QPoser.from_pretrained(config.qposer, config.device)
        joints, heads, code_dim = self.model.config.latent_shape
        sizes = CodePriorConfig(joints, heads * code_dim, config.width, config.depth)
        self.networks = ExponentialMovingAverage(CodePriorNetwork(sizes)).to(config.device)
        self.network = self.networks.live
        self.poses = data.body_pose(config.subjects)
        self.sources = recorded_poses(config, data)
        held_out = [poses[:: max(1, len(poses) // VALIDATION_POSES)] for poses in (self.sources[0], *self.sources[2:])]
        self.held_out_rotations = [axis_angle_to_matrix(poses).to(config.device) for poses in held_out]
        validation_poses = torch.cat(self.held_out_rotations)
        self.validation_poses = validation_poses[torch.randperm(len(validation_poses), generator=seeded())]
        self.pool = LatentPool(self.model, self.poses, self.generator)
        soft = self.pool.latents[0]
        for each in (self.networks.live, self.networks.average):
            each.mean.copy_(soft.mean(0))
            each.scale.copy_(soft.std(0))
        self.held_out = self.network.standardise(encoded(self.model, self.validation_poses)[1])

    def run(self) -> CodePrior:
        """Train all parts and set the scales of the energy."""
        config, network = self.config, self.network
        self._train_part("denoiser", config.steps, self._denoiser_loss, self._validate_denoiser)
        for judge, strength in ((network.judge, STRENGTH), (network.joint_judge, JOINT_JUDGE_STRENGTH)):
            judge.fit_features(draw_poses(self.poses, 20_000, self.generator, strength).to(config.device))
        self.networks.average.load_state_dict(network.state_dict())
        self._train_part("judge", config.judge_steps, self._judge_loss, self._validate_judge)
        rate = 2 * config.learning_rate
        self._train_part(
            "joint_judge", config.joint_judge_steps, self._joint_judge_loss, self._validate_joint_judge, rate
        )
        prior = CodePrior(self.model, self.networks.average.eval())
        if self.calibration is None:
            prior.calibrate(self.sources)
        else:
            prior.network.calibration.copy_(self.calibration)
        prior.save(config.out / "best.safetensors", steps=str(config.steps), subjects=config.subjects)
        return prior

    def _train_part(
        self,
        name: str,
        steps: int,
        loss: Callable[[], dict[str, Tensor]],
        validate: Callable[[], dict[str, float]],
        learning_rate: float | None = None,
    ) -> None:
        """Train a part of the network, and go on with the weights that were best on validation."""
        config, networks = self.config, self.networks
        rate = config.learning_rate if learning_rate is None else learning_rate
        part = dataclasses.replace(config, out=config.out / name, steps=steps, learning_rate=rate)
        networks.steps.zero_()
        after = partial(networks.follow, config.averaging)
        best = run(part, networks, self.generator, loss, validate, after, self.console, part.subjects)
        weights = load_module(best, CodePriorNetwork, CodePriorConfig, FORMAT).state_dict()
        for each in (networks.live, networks.average):
            each.load_state_dict(weights)

    def _draw_clean(self) -> Float[Tensor, "batch 21 latent"]:
        soft, hard = self.pool.draw(self.config.batch_size)
        snapped = torch.rand(self.config.batch_size, 1, 1, generator=self.generator).to(soft)
        return (torch.lerp(soft, hard, snapped) - self.network.mean) / self.network.scale

    def _denoiser_loss(self) -> dict[str, Tensor]:
        clean = self._draw_clean()
        level = draw_levels(self.config, len(clean), self.generator).to(clean)
        denoised = self.network.denoiser(_noisy(clean, level, self.generator), level)
        return {"loss": denoising_error(denoised, clean, level).mean()}

    @torch.no_grad()
    def _validate_denoiser(self) -> dict[str, float]:
        average, held_out, drawn = self.networks.average, self.held_out, seeded()
        errors = {}
        for level in VALIDATION_LEVELS:
            levels = held_out.new_full((len(held_out), 1), level)
            denoised = average.denoiser(_noisy(held_out, levels, drawn), levels)
            errors[f"validation_{level}"] = denoising_error(denoised, held_out, levels).mean().item()
        return {"validation": sum(errors.values()) / len(errors), **errors}

    def _judge_loss(self) -> dict[str, Tensor]:
        real = draw_poses(self.poses, self.config.batch_size, self.generator, strength=0.0)
        real = real[torch.randperm(len(real), generator=self.generator)].to(self.config.device)
        return {"loss": coherence_loss(self.network.judge, real, self.generator, STRENGTH)}

    @torch.no_grad()
    def _validate_judge(self) -> dict[str, float]:
        return {"validation": coherence_loss(self.networks.average.judge, self.validation_poses, seeded()).item()}

    def _joint_judge_loss(self) -> dict[str, Tensor]:
        real = draw_wobbling(self.poses, self.config.batch_size // 2, self.generator).to(self.config.device)
        return {"loss": joints_judged(self.network.joint_judge, real, self.generator)}

    @torch.no_grad()
    def _validate_joint_judge(self) -> dict[str, float]:
        found = [undetected(self.networks.average.joint_judge, poses, seeded()) for poses in self.held_out_rotations]
        return {"validation": sum(found) / len(found)}


def _noisy(clean: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    return clean + level.unsqueeze(-1) * torch.randn(clean.shape, generator=generator).to(clean)


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
    return _Training(config, console).run()


def main() -> None:
    """Command line."""
    training_command(TrainConfig, train, __doc__, "train_codeprior")


if __name__ == "__main__":
    main()
