"""A low-dimensional latent space of body poses, in which zeros are a neutral pose and long vectors are unlikely poses.

It is a variational autoencoder with a unit normal prior (Kingma, Welling, ICLR 2014). The way to latents and the way
from them are linear maps, which begin as principal components, and what two small networks add.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import matrix_from_6d, matrix_to_6d
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.io.assets import asset
from qposer.io.weights import load_module, save_module

FORMAT = "qposer-vposer-latent-2"
SPACE_FILE = "vposer_latent.safetensors"

POSE = 6 * NUM_BODY_JOINTS
"""Size of a pose for the networks: the first two columns of each rotation."""

FIRST_LOG_SPREAD, LEAST_LOG_SPREAD, MOST_LOG_SPREAD = -2.0, -7.0, 0.0


@dataclass(frozen=True)
class LatentSpaceConfig:
    """Sizes of a latent space."""

    latent_dim: int = 32
    width: int = 512


_IDENTITY_6D = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class LatentSpace(nn.Module):
    """Maps poses to normal distributions of latents and latents to poses, with gradients everywhere.

    Attributes:
        neutral: the pose that zeros decode to, exactly.
    """

    neutral: Float[Tensor, " pose"]

    def __init__(self, config: LatentSpaceConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LatentSpaceConfig()
        self.register_buffer("neutral", torch.tensor(_IDENTITY_6D * NUM_BODY_JOINTS))
        self.project = nn.Linear(POSE, config.latent_dim, bias=False)
        self.expand = nn.Linear(config.latent_dim, POSE, bias=False)
        self.encoder = _network(POSE, config.width, 2 * config.latent_dim)
        self.decoder = _network(config.latent_dim, config.width, POSE)

    @torch.no_grad()
    def initialize_from(self, rotations: Float[Tensor, "poses 21 3 3"]) -> None:
        """Make the linear maps the principal components of poses and their mirror images, and set the networks to zero.

        Raises:
            ValueError: there are too few poses.
        """
        if len(rotations) <= self.config.latent_dim:
            raise ValueError(f"more than {self.config.latent_dim} poses are required, not {len(rotations)}")
        poses = matrix_to_6d(torch.cat([rotations, mirror_body_pose(rotations)])).flatten(1)
        mean = matrix_from_6d(poses.mean(0).unflatten(0, (NUM_BODY_JOINTS, 6)))
        self.neutral.copy_(matrix_to_6d(mean).flatten())
        variance, axes = torch.linalg.eigh(torch.cov(poses.T.double()))
        kept = slice(-self.config.latent_dim, None)
        deviation = variance[kept].clamp(min=1e-8).sqrt()
        self.project.weight.copy_((axes[:, kept] / deviation).T)
        self.expand.weight.copy_(axes[:, kept] * deviation)
        for last in (*list(self.encoder.parameters())[-2:], *list(self.decoder.parameters())[-2:]):
            last.zero_()
        list(self.encoder.parameters())[-1][self.config.latent_dim :] = FIRST_LOG_SPREAD

    def encode(self, rotations: Float[Tensor, "*batch 21 3 3"]) -> Normal:
        """The distribution of the latents of poses; the mean decodes to the pose up to the reconstruction error."""
        pose = matrix_to_6d(rotations).flatten(-2) - self.neutral
        mean, log_spread = self.encoder(pose).chunk(2, dim=-1)
        log_spread = log_spread.clamp(LEAST_LOG_SPREAD, MOST_LOG_SPREAD)
        return Normal(self.project(pose) + mean, log_spread.exp(), validate_args=False)

    def decode(self, latents: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch 21 3 3"]:
        """Rotation matrices of latents."""
        bent = self.decoder(latents) - self.decoder(torch.zeros_like(latents[..., :1, :]))
        pose = self.neutral + self.expand(latents) + bent
        return matrix_from_6d(pose.unflatten(-1, (NUM_BODY_JOINTS, 6)))

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights (in half precision), sizes and notes atomically.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        save_module(path, self, self.config, FORMAT, notes, torch.float16)

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None) -> LatentSpace:
        """Load the shipped space, or that of ``path``, in evaluation mode with frozen weights.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is invalid, or its weights do not match its configuration.
        """
        return load_module(path or asset(SPACE_FILE), cls, LatentSpaceConfig, FORMAT)


def _network(numbers: int, width: int, out: int) -> nn.Sequential:
    """A network with smooth activations, for second-order optimisers."""
    return nn.Sequential(
        nn.Linear(numbers, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, out)
    )
