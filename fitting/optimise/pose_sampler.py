"""Bodies that 2D keypoints leave possible, drawn by a conditional diffusion model.

One view is ambiguous: a limb may bend towards the camera or away from it, a body may lean either way. The regressor
predicts one body. This model draws from the distribution of all of them: a denoiser of orientation and body pose
(6D rotations), conditioned on the keypoints and on the regressor's prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName
from fitting.optimise.regressor import INPUTS, ROTATIONS, Regressor, network_inputs
from qposer.body_pose.rotations import matrix_from_6d, matrix_to_6d
from qposer.io.assets import asset
from qposer.io.weights import load_module, save_module
from qposer.prior.denoiser import Denoiser
from qposer.prior.diffusion import dpm_solver, karras_sigmas
from qposer.prior.seeding import normal_noise

FORMAT = "qposer-sampler-1"

SIGMA_MAX, STEPS = 10.0, 12
"""First noise level and number of steps of the sampler."""


@dataclass(frozen=True)
class SamplerConfig:
    """Sizes of a pose sampler."""

    width: int = 384
    depth: int = 4
    context: int = 256


class PoseSampler(nn.Module):
    """Draws orientations and body poses, given keypoints of any format."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: SamplerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SamplerConfig()
        self.denoiser = Denoiser(ROTATIONS, 6, config.width, config.depth, context=config.context)
        self.context = nn.Sequential(
            nn.Linear(INPUTS + 6 * ROTATIONS, config.width),
            nn.SiLU(),
            nn.Linear(config.width, config.width),
            nn.SiLU(),
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.context),
        )
        self.register_buffer("mean", torch.zeros(ROTATIONS, 6))
        self.register_buffer("std", torch.ones(ROTATIONS, 1))

    def encode(
        self,
        regressor: Regressor,
        keypoints: Float[Tensor, "people joints 2"],
        confidence: Float[Tensor, "people joints"],
        format: FormatName,
        camera: Camera,
    ) -> tuple[Float[Tensor, "people context"], Float[Tensor, "people 3 3"]]:
        """The conditioning vectors, and the rotations from the network's axes to the camera's.

        Args:
            regressor: its prediction is a part of the condition.
            keypoints: pixels.
            confidence: zero where a keypoint is unseen.
            format: keypoint format.
            camera: one for each person.

        Returns:
            Vectors and rotation matrices.
        """
        inputs, frame = network_inputs(keypoints, confidence, format, camera)
        with torch.no_grad():
            predicted = regressor.layers(inputs)
        return self.context(torch.cat([inputs, predicted], dim=-1)), frame

    def standardise(self, rotations: Float[Tensor, "*batch 22 3 3"]) -> Float[Tensor, "*batch 22 6"]:
        """Rotation matrices as 6D numbers of about zero mean and unit variance per joint."""
        return (matrix_to_6d(rotations) - self.mean) / self.std

    @torch.no_grad()
    def sample(
        self,
        regressor: Regressor,
        keypoints: Float[Tensor, "people joints 2"],
        confidence: Float[Tensor, "people joints"],
        format: FormatName,
        camera: Camera,
        draws: int,
        generator: torch.Generator,
    ) -> tuple[Float[Tensor, "draws people 3 3"], Float[Tensor, "draws people 21 3 3"]]:
        """Draw bodies. The noise is shared by all people, so that a person's draws do not depend on the others.

        Args:
            regressor: its prediction is a part of the condition.
            keypoints: pixels.
            confidence: zero where a keypoint is unseen.
            format: keypoint format.
            camera: one for each person.
            draws: number of bodies for each person.
            generator: source of the noise.

        Returns:
            Orientations in the camera's axes and body poses.
        """
        context, frame = self.encode(regressor, keypoints, confidence, format, camera)
        context = context.expand(draws, -1, -1)
        noise = normal_noise((draws, 1, ROTATIONS, 6), context, generator)
        levels = karras_sigmas(STEPS, SIGMA_MAX)
        noisy = (SIGMA_MAX * noise).expand(-1, len(keypoints), -1, -1)
        clean = dpm_solver(lambda values, level: self.denoiser(values, level, context), noisy, levels)
        rotations = matrix_from_6d(clean * self.std + self.mean)
        return frame @ rotations[:, :, 0], rotations[:, :, 1:]

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights (in half precision), configuration and notes atomically.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        save_module(path, self, self.config, FORMAT, notes, torch.float16)

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None, device: str | torch.device = "cpu") -> PoseSampler:
        """Load the shipped weights, or those of ``path``, in evaluation mode.

        Args:
            path: a file written by `save`; default: the shipped one.
            device: device of the network.

        Returns:
            The network with frozen weights.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is not a pose sampler, or its weights do not match its configuration.
        """
        return load_module(path or asset("sampler.safetensors"), cls, SamplerConfig, FORMAT).to(device)
