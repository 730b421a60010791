"""The hand prior: the body prior's networks over the 15 joints of a hand, one model for both hands by mirroring."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qposer.control import edits
from qposer.hands.skeleton import mirror_hand
from qposer.hands.smplh import NUM_HAND_JOINTS
from qposer.io.assets import asset
from qposer.io.weights import load_module, save_module
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig

FORMAT = "qposer-hand-1"
HAND_FILE = "hand.safetensors"

Side = Literal["left", "right"]

HandPose = Float[Tensor, "*#batch 15 3"] | Float[Tensor, "*#batch 15 3 3"]
"""Poses of a hand in SMPL-H's order, axis-angle in radians or matrices, zero for the flat hand."""


@dataclass(frozen=True)
class HandConfig:
    """Sizes of the hand prior's networks; the first eight as of `QPoserConfig`, the others as of `CodePriorConfig`."""

    heads: int = 4
    codes: int = 256
    code_dim: int = 1
    width: int = 48
    depth: int = 2
    global_tokens: int = 4
    attention_heads: int = 4
    prior_width: int = 256
    prior_blocks: int = 3
    judge_width: int = 256
    joint_judge_width: int = 48
    gap_unit: float = 0.001
    dispersion: float = 1.0

    def model(self) -> QPoserConfig:
        """Sizes of the autoencoder."""
        stack = (self.width, self.depth, self.global_tokens, self.attention_heads)
        return QPoserConfig(self.heads, self.codes, self.code_dim, False, *stack, joints=NUM_HAND_JOINTS)

    def network(self) -> CodePriorConfig:
        """Sizes of the code prior."""
        return CodePriorConfig(
            NUM_HAND_JOINTS,
            self.heads * self.code_dim,
            self.prior_width,
            self.prior_blocks,
            self.judge_width,
            self.joint_judge_width,
            self.gap_unit,
            self.dispersion,
        )


class HandNetworks(nn.Module):
    """Autoencoder and code prior of right hands, which are one file."""

    def __init__(self, config: HandConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or HandConfig()
        self.model = QPoser(config.model())
        self.network = CodePriorNetwork(config.network())

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights (in half precision), sizes and notes atomically.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        save_module(path, self, self.config, FORMAT, notes, torch.float16)


class HandPrior:
    """Plausibility, samples, completions and edits of the poses of one hand.

    Attributes:
        side: the hand whose poses are given and returned; the networks see right hands.
        code_prior: the prior over codes of right hands, for fits (`CodePrior.pull` on latents).
    """

    def __init__(self, networks: HandNetworks, side: Side = "right") -> None:
        """Use the networks for poses of a side.

        Raises:
            ValueError: the side is neither left nor right.
        """
        if side not in get_args(Side):
            raise ValueError(f"a hand is left or right, not {side!r}")
        self.side, self.code_prior = side, CodePrior(networks.model, networks.network)

    @property
    def model(self) -> QPoser:
        """The autoencoder of right hands."""
        return self.code_prior.model

    def encode(self, hand_pose: HandPose) -> Int[Tensor, "*batch 15 heads"]:
        """Codes of poses.

        Raises:
            ValueError: the pose has a wrong shape or is not finite.
        """
        return self.model.encode(self._turned(hand_pose))

    def decode(self, codes: Int[Tensor, "*batch 15 heads"]) -> Float[Tensor, "*batch 15 3 3"]:
        """Rotation matrices of codes.

        Raises:
            ValueError: the codes are invalid.
        """
        return self._turned(self.model.decode(codes))

    def reconstruct(self, hand_pose: HandPose) -> Tensor:
        """The pose after quantisation, in the given representation.

        Raises:
            ValueError: the pose has a wrong shape or is not finite.
        """
        return self._turned(self.model.reconstruct(self._turned(hand_pose)))

    def energy(self, hand_pose: HandPose) -> Float[Tensor, " *batch"]:
        """Implausibility: 0 for the median of recorded hands, 1 for the 95th percentile; differentiable.

        Args:
            hand_pose: poses.

        Returns:
            One number for each pose.

        Raises:
            ValueError: the input is not a pose of a hand, or not finite.
        """
        return self.code_prior.energy(self._turned(hand_pose))

    def sample(
        self, n: int, temperature: float = 1.0, *, seed: int = 0, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n 15 3 3"]:
        """Sample poses, decoded from codes; arguments as of `CodePrior.sample`.

        Args:
            n: number of poses.
            temperature: 1 for the variety of the training poses; lower for more common poses.
            seed: random seed; equal seeds give equal poses on one machine.
            generator: random generator instead of the seed.

        Returns:
            Rotation matrices of the joints, relative to the parents.

        Raises:
            ValueError: ``n`` is below 1 or the temperature below 0.
        """
        return self._turned(self.code_prior.sample(n, temperature, seed=seed, generator=generator))

    def complete(
        self,
        hand_pose: HandPose,
        unknown: str | Sequence[str],
        n: int = 1,
        temperature: float = 0.7,
        *,
        seed: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Complete fingers from the others, whose joints keep their rotations.

        Args:
            hand_pose: poses; values at unknown joints are ignored.
            unknown: parts, for example ``("ring", "pinky")``.
            n: number of completions, that of the largest cluster first.
            temperature: 1 for the full variety; lower for more common completions.
            seed: random seed; equal seeds give equal poses on one machine.
            generator: random generator instead of the seed.

        Returns:
            ``(n, ...)`` poses in the given representation.

        Raises:
            ValueError: a part does not exist, nothing is known, or ``n`` or ``temperature`` is out of range.
        """
        own = self._turned(hand_pose)
        found = edits.complete(own, unknown, n, temperature, seed=seed, generator=generator, prior=self.code_prior)
        return self._turned(found)

    def swap(self, hand_pose: HandPose, donor: HandPose, parts: str | Sequence[str]) -> Tensor:
        """The pose with the parts' codes taken from a donor.

        Args:
            hand_pose: the pose to edit.
            donor: the pose that provides the parts.
            parts: names of one or more parts.

        Returns:
            A pose in the representation of ``hand_pose``.

        Raises:
            ValueError: a part does not exist, or one of the two is not a pose.
        """
        return self._turned(edits.swap(self._turned(hand_pose), self._turned(donor), parts, model=self.model))

    def blend(
        self, poses: Sequence[HandPose], weights: Sequence[float], parts: str | Sequence[str] | None = None
    ) -> Tensor:
        """Decode the codes of a weighted mean of poses; other parts keep the first pose's codes.

        Args:
            poses: poses of equal shapes.
            weights: one for each pose; only their ratios matter.
            parts: parts to blend; default: all.

        Returns:
            A pose in the representation of the first.

        Raises:
            ValueError: the numbers of poses and weights differ, or a weight is invalid.
        """
        return self._turned(edits.blend([self._turned(pose) for pose in poses], weights, parts, model=self.model))

    def vary(
        self,
        hand_pose: HandPose,
        parts: str | Sequence[str],
        amount: float = 0.5,
        n: int = 1,
        *,
        seed: int = 0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Resample parts consistently with the rest of the hand, whose joints keep their rotations.

        Args:
            hand_pose: the pose to vary.
            parts: names of the parts to resample.
            amount: from 0 (only quantisation) to 1 (as if the parts were unknown).
            n: number of poses.
            seed: random seed; equal seeds give equal poses on one machine.
            generator: random generator instead of the seed.

        Returns:
            ``(n, ...)`` poses in the given representation.

        Raises:
            ValueError: a part does not exist, ``amount`` is not from 0 to 1, or ``n`` is below 1.
        """
        own = self._turned(hand_pose)
        found = edits.vary(own, parts, amount, n, seed=seed, generator=generator, prior=self.code_prior)
        return self._turned(found)

    def _turned(self, hand_pose: Tensor) -> Tensor:
        """Poses of right hands from poses of this side, and the reverse."""
        return mirror_hand(hand_pose) if self.side == "left" else hand_pose


def load_hand_prior(side: Side = "right", path: str | Path | None = None) -> HandPrior:
    """The shipped hand prior, or that of ``path``, for poses of a left or a right hand.

    Args:
        side: the hand whose poses are given and returned.
        path: a file written by ``python -m qposer.hands.train``; default: the shipped one, loaded once per process.

    Returns:
        The prior with frozen weights.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a hand prior, or the side is neither left nor right.
    """
    return HandPrior(_shipped() if path is None else _read(path), side)


def _read(path: str | Path) -> HandNetworks:
    return load_module(path, HandNetworks, HandConfig, FORMAT)


@functools.cache
def _shipped() -> HandNetworks:
    return _read(asset(HAND_FILE))
