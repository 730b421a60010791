"""Reconstruction loss of both autoencoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.evaluation.metrics import mpjpe
from qposer.training.config import SubjectsConfig


@runtime_checkable
class Surfaces(Protocol):
    """Points that poses move."""

    def points_and_joints(self, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Points on the skin or at the ends of bones, and joints, metres."""


@dataclass(frozen=True)
class ReconstructionConfig(SubjectsConfig):
    """Settings of the training of an autoencoder of poses."""

    joints_weight: float = 10.0
    """Weight of the mean joint distance in metres."""
    vertices_weight: float = 5.0
    """Weight of the mean distance in metres of 256 skin points of the open body."""
    rotations_weight: float = 1.0
    """Weight of the mean chordal distance of the rotations."""

    def reconstruction_terms(
        self, surface: Surfaces, decoded: Float[Tensor, "poses joints 3 3"], truth: Float[Tensor, "poses joints 3 3"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Weighted terms of the loss by name.

        Args:
            surface: joints and points on the skin.
            decoded: rotations decoded by the autoencoder.
            truth: its input rotations.

        Returns:
            ``joints``, ``vertices`` and ``rotations``.
        """
        (skin, joints), (true_skin, true_joints) = (surface.points_and_joints(pose) for pose in (decoded, truth))
        return {
            "joints": self.joints_weight * mpjpe(joints, true_joints).mean(),
            "vertices": self.vertices_weight * mpjpe(skin, true_skin).mean(),
            "rotations": self.rotations_weight * torch.linalg.matrix_norm(decoded - truth).mean(),
        }
