"""Train the code prior of a QPoser: ``python -m qposer.training.train_codeprior --data poses.npz --out runs/prior``.

The denoiser learns to remove noise from latents of training poses, with mirroring and rig variation, at all noise
levels, which may differ between body parts. Then one classifier learns to distinguish poses from mixtures of several
poses' parts, and another one to detect perturbed joints.
Run the same command again to resume from the last checkpoint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
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
from qposer.training.config import SubjectsConfig, training_command
from qposer.training.distributed import is_main, share
from qposer.training.judging import (
    JOINT_DETECTOR_STRENGTH,
    coherence_loss,
    detection_error,
    detection_loss,
    draw_jittered,
)
from qposer.training.latents import LatentPool, encoded
from qposer.training.pose_kind import BODY_KIND, PoseKind
from qposer.training.rig_variation import STRENGTH
from qposer.training.run import run
from qposer.training.swaps import draw_donated


@dataclass(frozen=True)
class TrainConfig(SubjectsConfig):
    """Settings of a training run of a code prior."""

    out: Path
    """Folder of the run: best.safetensors, and one folder per network with its checkpoints and log."""
    qposer: Path | None = None
    """QPoser of the latents; default: the shipped one."""
    foreign: Path | None = None
    """External SMPL poses (npz with ``pose``, ``sequence``) for validation and calibration, in addition to ``data``."""
    calibration: Path | None = None
    """Code prior trained on the training subjects, whose energy scales are copied; required for "all" subjects,
    because energies of training poses are too low."""
    steps: int = 10_000
    """Training steps of the denoiser."""
    judge_steps: int = 1500
    """Training steps of the coherence classifier; with many more it overfits."""
    joint_judge_steps: int = 3000
    """Training steps of the per-joint detector, which is small and has twice the learning rate of the others."""
    batch_size: int = 512
    noise_log_mean: float = -0.7
    noise_log_std: float = 1.2
    """Mean and standard deviation of the log-normal noise levels, where denoising is neither trivial nor impossible."""
    partial: float = 0.5
    """Share of each batch in which one body part has more noise than the rest."""
    averaging: float = 0.999
    """Decay of the moving average of the weights, which is validated and saved."""
    device: str = "cpu"
    width: int = 512
    depth: int = 3


@dataclass(frozen=True)
class Material:
    """What a code prior is trained on."""

    kind: PoseKind
    model: QPoser
    """The autoencoder of the latents."""
    sizes: CodePriorConfig
    poses: Float[Tensor, "poses joints 3"]
    """Training poses, axis-angle in radians."""
    validation: Sequence[Float[Tensor, "_ joints 3"]]
    """Held-out poses by source, that select weights."""
    sources: Sequence[Float[Tensor, "_ joints 3"]]
    """Held-out poses by source, that set the scale of the energy."""
    generator: torch.Generator


FEATURE_POSES = 20_000
"""Number of poses that the classifiers' features are standardised with."""

VALIDATION_LEVELS = (0.2, 0.5, 1.0)
VALIDATION_POSES = 1000
"""Number of poses of the validation subjects, and of the external poses."""


def draw_levels(
    config: TrainConfig, number: int, generator: torch.Generator, kind: PoseKind = BODY_KIND
) -> Float[Tensor, "number joints"]:
    """Sample noise levels of the joints: one for the whole pose, or a lower one for all joints except one part.

    Args:
        config: settings of the run.
        number: number of poses.
        generator: random generator.
        kind: the poses.

    Returns:
        Standard deviations.
    """

    def log_normal() -> Float[Tensor, " number"]:
        return (config.noise_log_mean + config.noise_log_std * torch.randn(number, generator=generator)).exp()

    level = log_normal().clamp(SIGMA_MIN, SIGMA_MAX)[:, None]
    known = SIGMA_MIN * (0.3 / SIGMA_MIN) ** torch.rand(number, 1, generator=generator)
    unknown = draw_donated(number, generator, kind) ^ (torch.rand(number, 1, generator=generator) < 0.3)
    partial = torch.rand(number, 1, generator=generator) < config.partial
    return torch.where(partial & ~unknown, torch.minimum(known, level), level)


def seeded() -> torch.Generator:
    """Random generator for validation, with the same seed each time and independent of training."""
    return torch.Generator().manual_seed(0)


def recorded_poses(config: TrainConfig, data: PoseDataset) -> list[Float[Tensor, "_ 21 3"]]:
    """Held-out poses: of validation and test subjects, and external ones if given.

    Args:
        config: settings of the run.
        data: the dataset.

    Returns:
        Axis-angle in radians, one tensor for each source.
    """
    sources = [data.body_pose("validation"), data.body_pose("test")]
    if config.foreign is not None:
        pose, _ = read_smpl(config.foreign)
        sources.append(torch.from_numpy(pose[:, 1 : NUM_BODY_JOINTS + 1]).float())
    return sources


def _calibration_of(config: TrainConfig) -> Tensor | None:
    """Given energy scales; empty if they must be calibrated."""
    if config.calibration is not None:
        return load_module(config.calibration, CodePriorNetwork, CodePriorConfig, FORMAT).calibration
    if config.subjects == "all":
        raise ValueError("--subjects all needs --calibration: a code prior trained on the training subjects")
    return None


class _Training:
    """Sequential training of the networks of a code prior."""

    def __init__(self, config: TrainConfig, material: Material, console: Console) -> None:
        self.config, self.console, self.material = config, console, material
        self.calibration = _calibration_of(config)
        self.generator, self.model, self.kind = material.generator, material.model, material.kind
        self.networks = ExponentialMovingAverage(CodePriorNetwork(material.sizes)).to(config.device)
        self.network = self.networks.live
        self.poses = material.poses
        held_out = [poses[:: max(1, len(poses) // VALIDATION_POSES)] for poses in material.validation]
        self.held_out_rotations = [axis_angle_to_matrix(poses).to(config.device) for poses in held_out]
        validation_poses = torch.cat(self.held_out_rotations)
        self.validation_poses = validation_poses[torch.randperm(len(validation_poses), generator=seeded())]
        self.pool = LatentPool(self.model, self.poses, self.generator, self.kind)
        soft = self.pool.latents[0]
        for each in (self.networks.live, self.networks.average):
            each.mean.copy_(soft.mean(0))
            each.scale.copy_(soft.std(0))
        self.held_out = self.network.standardise(encoded(self.model, self.validation_poses)[1])

    def run(self) -> CodePrior:
        """Train all networks and calibrate the energy."""
        config, network = self.config, self.network
        self._train_part("denoiser", config.steps, self._denoiser_loss, self._validate_denoiser)
        for judge, strength in ((network.judge, STRENGTH), (network.joint_judge, JOINT_DETECTOR_STRENGTH)):
            judge.fit_features(self.kind.draw(self.poses, FEATURE_POSES, self.generator, strength).to(config.device))
        self.networks.average.load_state_dict(network.state_dict())
        self._train_part("judge", config.judge_steps, self._judge_loss, self._validate_judge)
        rate = 2 * config.learning_rate
        self._train_part(
            "joint_judge", config.joint_judge_steps, self._joint_judge_loss, self._validate_joint_judge, rate
        )
        prior = CodePrior(self.model, self.networks.average.eval())
        if self.calibration is None:
            prior.calibrate(self.material.sources)
        else:
            prior.network.calibration.copy_(self.calibration)
        if is_main():
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
        """Train one network, and load its best weights on validation."""
        config, networks = self.config, self.networks
        rate = config.learning_rate if learning_rate is None else learning_rate
        part = dataclasses.replace(config, out=config.out / name, steps=steps, learning_rate=rate)
        networks.steps.zero_()
        networks.live.requires_grad_(False)
        getattr(networks.live, name).requires_grad_(True)
        after = partial(networks.follow, config.averaging)
        best = run(part, networks, self.generator, loss, validate, after, self.console, part.subjects)
        weights = load_module(best, CodePriorNetwork, CodePriorConfig, FORMAT).state_dict()
        for each in (networks.live, networks.average):
            each.load_state_dict(weights)

    def _draw_clean(self) -> Float[Tensor, "batch joints latent"]:
        soft, hard = self.pool.draw(self.config.batch_size)
        snapped = torch.rand(self.config.batch_size, 1, 1, generator=self.generator).to(soft)
        return (torch.lerp(soft, hard, snapped) - self.network.mean) / self.network.scale

    def _denoiser_loss(self) -> dict[str, Tensor]:
        clean = self._draw_clean()
        level = draw_levels(self.config, len(clean), self.generator, self.kind).to(clean)
        clean, level, noisy = map(share, (clean, level, _noisy(clean, level, self.generator)))
        return {"loss": denoising_error(self.network.denoiser(noisy, level), clean, level).mean()}

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
        real = self.kind.draw(self.poses, self.config.batch_size, self.generator, 0.0)
        real = real[torch.randperm(len(real), generator=self.generator)].to(self.config.device)
        return {"loss": coherence_loss(self.network.judge, real, self.generator, STRENGTH, self.kind)}

    @torch.no_grad()
    def _validate_judge(self) -> dict[str, float]:
        judge = self.networks.average.judge
        return {"validation": coherence_loss(judge, self.validation_poses, seeded(), kind=self.kind).item()}

    def _joint_judge_loss(self) -> dict[str, Tensor]:
        size = self.config.batch_size // 2
        real = draw_jittered(self.poses, size, self.generator, kind=self.kind).to(self.config.device)
        return {"loss": detection_loss(self.network.joint_judge, real, self.generator, self.kind)}

    @torch.no_grad()
    def _validate_joint_judge(self) -> dict[str, float]:
        found = [
            detection_error(self.networks.average.joint_judge, poses, seeded(), self.kind)
            for poses in self.held_out_rotations
        ]
        return {"validation": sum(found) / len(found)}


def _noisy(clean: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    return clean + level.unsqueeze(-1) * torch.randn(clean.shape, generator=generator).to(clean)


def train(config: TrainConfig, console: Console) -> CodePrior:
    """Start or resume a training run; returns the code prior with the lowest validation error.

    Args:
        config: settings of the run.
        console: console for the progress.

    Returns:
        The code prior.

    Raises:
        FileNotFoundError: the file of poses does not exist.
        ValueError: the file of poses has another layout, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite.
    """
    data, generator = config.begin()
    model = QPoser.from_pretrained(config.qposer, config.device)
    joints, heads, code_dim = model.config.latent_shape
    sizes = CodePriorConfig(joints, heads * code_dim, config.width, config.depth)
    sources = recorded_poses(config, data)
    poses = data.body_pose(config.subjects)
    material = Material(BODY_KIND, model, sizes, poses, [sources[0], *sources[2:]], sources, generator)
    return train_on(config, material, console)


def train_on(config: TrainConfig, material: Material, console: Console) -> CodePrior:
    """Train a code prior, or resume its training, on any kind of poses.

    Args:
        config: settings of the run; its sizes and files of poses are not used.
        material: poses and model.
        console: console for the progress.

    Returns:
        The code prior.

    Raises:
        ValueError: the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite.
    """
    return _Training(config, material, console).run()


def main() -> None:
    """Command line."""
    training_command(TrainConfig, train, __doc__)


if __name__ == "__main__":
    main()
