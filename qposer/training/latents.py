"""Latents of training poses for the priors: encoded once, or renewed during training."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.prior.model import QPoser
from qposer.training.pose_kind import BODY_KIND, PoseKind
from qposer.training.rig_variation import STRENGTH

LARGEST_POOL = 131_072
RENEWED = 0.25
"""Share of a batch that is newly encoded. Encoding takes as long as a training step with as many latents, so
encoding all would double the time; with a quarter, each latent is used about four times."""


@torch.no_grad()
def encoded(model: QPoser, rotations: Float[Tensor, "poses joints 3 3"]) -> Float[Tensor, "2 poses joints heads dim"]:
    """Latents of poses, before and after quantisation.

    Args:
        model: the autoencoder.
        rotations: rotations of the body joints.

    Returns:
        Continuous latents first, quantised ones second.
    """

    def chunks() -> Iterator[Tensor]:
        for part in rotations.to(model.quantizer.codebooks.device).split(4096):
            latents = model.latents(part)
            yield torch.stack([latents, model.quantizer.lookup(model.encode_latents(latents))])

    return torch.cat(list(chunks()), dim=1)


class LatentPool:
    """Latents of random training poses with rig variation; some are replaced at every draw."""

    def __init__(
        self,
        model: QPoser,
        poses: Float[Tensor, "poses joints 3"],
        generator: torch.Generator,
        kind: PoseKind = BODY_KIND,
    ) -> None:
        """Fill the pool.

        Args:
            model: encoder of the poses.
            poses: axis-angle in radians; bodies are also used mirrored.
            generator: random generator of poses, variations, and latents of the pool.
            kind: the poses.
        """
        self._model, self._poses, self._generator, self._kind = model, poses, generator, kind
        self.latents: Float[Tensor, "2 size joints latent"] = self._fresh(min(LARGEST_POOL, 2 * len(poses)))
        """Latents before and after quantisation."""
        self._oldest = 0

    def draw(self, number: int) -> Float[Tensor, "2 number joints latent"]:
        """Random latents, before and after quantisation."""
        size = self.latents.shape[1]
        fresh = self._fresh(min(size, round(RENEWED * number)))
        places = (self._oldest + torch.arange(fresh.shape[1])) % size
        self.latents[:, places] = fresh
        self._oldest = (self._oldest + fresh.shape[1]) % size
        return self.latents[:, torch.randint(size, (number,), generator=self._generator)]

    def _fresh(self, number: int) -> Float[Tensor, "2 number joints latent"]:
        return encoded(self._model, self._kind.draw(self._poses, number, self._generator, STRENGTH)).flatten(-2)
