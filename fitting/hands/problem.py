"""Fits of hands to keypoints as least-squares problems over relaxed codes of fingers, orientation and position.

All hands are right hands; left ones are mirrored before (`fitting.hands.fit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.hands.skeleton import HandSkeleton
from fitting.inputs.camera import Camera
from fitting.optimise.assembly import Assembly
from fitting.optimise.landmark_jacobian import swings
from fitting.optimise.levenberg_marquardt import PROBED_EVERY
from fitting.optimise.pose_space import decoder_jacobian
from fitting.terms.code_prior import CodePull
from fitting.terms.depth import Depth
from fitting.terms.in_view import InView
from fitting.terms.initial_pose import InitialPose
from fitting.terms.position import Position
from fitting.terms.reprojection import Reprojection, shares
from fitting.terms.term import Derivatives, Posed, Term, Unknown
from qposer.body_pose.rotations import axis_angle_to_matrix, turn_derivative, turns_of
from qposer.least_squares import Equations, Step, minimise
from qposer.prior.seeding import normal_noise

NOISE_LEVELS = (0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, *16 * (0.3,))
"""Noise level of the prior's denoiser in each step."""

DRAWS = 4
"""Noise samples over which the denoiser's predictions are averaged."""

RHO = 0.15
"""Reprojection errors well above this fraction of the hand's size count as outliers."""

_SAME_AXES, _SAME_PLACE, _FULL = torch.eye(3)[None], torch.zeros(1, 3), torch.ones(1)


@runtime_checkable
class HandSpace(Protocol):
    """A parameterisation of hand poses, a few numbers for each joint, with a prior."""

    def encode(self, pose: Float[Tensor, "hands 15 3 3"]) -> Float[Tensor, "hands 15 numbers"]:
        """Standardised parameters of poses."""
        ...

    def decode(self, numbers: Float[Tensor, "hands 15 numbers"]) -> Float[Tensor, "hands 15 3 3"]:
        """The poses of parameters."""
        ...

    def bounded(self, numbers: Float[Tensor, "hands 15 numbers"]) -> Float[Tensor, "hands 15 numbers"]:
        """Parameters within their ranges."""
        ...

    def denoised(
        self, numbers: Float[Tensor, "*draws hands 15 numbers"], level: Float[Tensor, "*#draws #hands #joints"]
    ) -> Float[Tensor, "*draws hands 15 numbers"]:
        """The prior's prediction of noisy parameters.

        Args:
            numbers: parameters with noise.
            level: standard deviation of the noise.

        Returns:
            The expected parameters without noise.
        """
        ...


@dataclass(frozen=True)
class HandWeights:
    """Weights of the terms."""

    data: float = 300.0
    depth: float = 1000.0
    prior: float = 3.0
    guess: float = 1.0
    wrist_sideways: float = 10.0
    wrist_away: float = 100.0


@dataclass(frozen=True)
class HandView:
    """Keypoints of right hands in one camera."""

    keypoints: Float[Tensor, "hands 21 2"]
    """Pixels."""
    confidence: Float[Tensor, "hands 21"]
    depths: Float[Tensor, "hands 21"]
    """Metres along the camera's axis, up to a shift."""
    depth_weight: Float[Tensor, " hands"]
    """Factor on the weight of depths: 0 where they are unknown."""
    wrist: Float[Tensor, "hands 3"]
    """Where the arm ends, in the camera's axes, metres."""
    size: Float[Tensor, " hands"]
    """Length of the hand at the wrist's distance, pixels."""
    camera: Camera
    rotation: Float[Tensor, "#hands 3 3"] = _SAME_AXES
    """Rotations from the axes of the fit to those of the camera."""
    translation: Float[Tensor, "#hands 3"] = _SAME_PLACE
    """Metres."""
    weight: Float[Tensor, " #hands"] = _FULL
    """Factor on the weights of this view: 0 where it does not show a hand."""

    def __getitem__(self, hands: Int[Tensor, " chosen"]) -> HandView:
        """A selection of hands; indices may repeat."""
        return HandView(**{name: value[hands] for name, value in vars(self).items()})

    def terms(self, weights: HandWeights) -> Sequence[Term]:
        """The terms of this view.

        Args:
            weights: weights of the terms.

        Returns:
            Keypoints, depths and the wrist.
        """
        sideways = self.size.new_tensor([weights.wrist_sideways, weights.wrist_sideways, weights.wrist_away])
        own: tuple[Term, ...] = (
            Reprojection(weights.data, RHO, self.keypoints, self.confidence, self.size, self.camera),
            Depth(weights.depth, self.depths, self.confidence * self.depth_weight[:, None]),
            Position(sideways.expand(len(self.size), 3), self.wrist),
        )
        return [InView(term, self.rotation, self.translation, self.weight) for term in own]

    def error(self, hands: Posed) -> Float[Tensor, " hands"]:
        """Mean distances from the keypoints, weighted by confidence, as fractions of the hands' lengths.

        Args:
            hands: hands in the axes of the fit.

        Returns:
            One number for each.
        """
        seen = self.camera.project(hands.landmarks @ self.rotation.mT + self.translation[:, None])
        distance = torch.linalg.vector_norm(seen - self.keypoints, dim=-1) / self.size[:, None]
        error: Tensor = (shares(self.confidence) * distance).sum(-1)
        return error

    def off_wrist(self, hands: Posed) -> Float[Tensor, "hands 3"]:
        """Displacements from where the arms end, in the camera's axes, metres."""
        return (self.rotation @ hands.transl[..., None])[..., 0] + self.translation - self.wrist


@dataclass(frozen=True)
class HandProblem:
    """Keypoints of right hands in one or several cameras."""

    skeleton: HandSkeleton
    space: HandSpace
    views: Sequence[HandView]
    guess: Float[Tensor, "hands 15 3 3"]
    """Starts of the fits."""
    guess_weight: Float[Tensor, " hands"]
    """Factor on the weight of the guess: 0 if it is not a measured pose."""
    wrist: Float[Tensor, "hands 3"]
    """Where the arm ends, metres."""
    weights: HandWeights = HandWeights()

    def solve(self, orient: Float[Tensor, "hands 3 3"], seed: int = 0) -> Posed:
        """Fit all hands.

        Args:
            orient: initial rotations of the wrists, in the axes of the fit.
            seed: of the denoiser's noise.

        Returns:
            The fitted hands; their pose is not quantised.
        """
        numbers = self.space.bounded(self.space.encode(self.guess))
        problem = _LeastSquares(self, numbers.shape[1:], torch.Generator().manual_seed(seed))
        return minimise(problem, problem.posed(orient, self.wrist, numbers), len(NOISE_LEVELS))

    def cost(self, state: Posed) -> Float[Tensor, " hands"]:
        """Sum of all terms but the prior's.

        Args:
            state: hands.

        Returns:
            One number for each.
        """
        return torch.stack([term.residual(state).cost for term in self.terms]).sum(0)

    @cached_property
    def terms(self) -> Sequence[Term]:
        """All terms but the prior's."""
        weight = self.weights.guess * self.guess_weight
        of_views = [term for view in self.views for term in view.terms(self.weights)]
        return (*of_views, InitialPose(weight, self.guess, torch.ones_like(self.guess[..., 0, 0])))


class _LeastSquares:
    """The problem for the solver: blocks are hands."""

    def __init__(self, given: HandProblem, numbers: torch.Size, generator: torch.Generator) -> None:
        self.given, self.space = given, given.space
        self.noise = [normal_noise((DRAWS, 1, *numbers), given.wrist, generator) for _ in NOISE_LEVELS]
        self.terms: Sequence[Term] = given.terms
        self.decoder_jacobian = torch.zeros(0)

    def begin_step(self, step: int, state: Posed) -> None:
        """Update the denoiser's prediction and, every few steps, the decoder's derivatives."""
        level = state.pose.new_full((1, 1, 1), NOISE_LEVELS[step])
        target = self.space.denoised(state.pose + level * self.noise[step], level).mean(0)
        weight = self.given.weights.prior * torch.ones_like(self.given.guess_weight)
        self.terms = (*self.given.terms, CodePull(weight, target))
        if step % PROBED_EVERY == 0:
            self.decoder_jacobian = decoder_jacobian(self.space, state.pose, state.body_pose)

    def cost(self, state: Posed) -> Float[Tensor, " hands"]:
        """Sum of the terms."""
        return torch.stack([term.residual(state).cost for term in self.terms]).sum(0)

    def linearise(self, state: Posed) -> Equations:
        """The normal equations of all terms."""
        motion = self.given.skeleton.posed(state.orient, state.transl, state.body_pose)
        world = motion.world.flatten(1, 2)
        parents = (world @ state.body_pose.mT)[:, :, None]
        turns = turns_of(self.decoder_jacobian, state.body_pose)
        turns = (parents @ turns[..., None])[..., 0]
        moved: dict[Unknown, Tensor] = {
            "orient": turn_derivative(motion.arms[:, :, 0]),
            "transl": torch.eye(3, dtype=world.dtype, device=world.device).expand(*motion.landmarks.shape[:2], 3, 3),
            "pose": swings(turns, motion.arms[:, :, 1:]),
        }
        terms = [(term, term.residual(state)) for term in self.terms]
        return Assembly(terms, state, Derivatives(moved, self.decoder_jacobian)).equations()

    def moved(self, state: Posed, step: Step) -> Posed:
        """The state after a step; latents are clamped to the outermost codes."""
        turn, shift, pose = step.own.to(state.transl).split([3, 3, state.pose[0].numel()], dim=-1)
        orient = axis_angle_to_matrix(turn) @ state.orient
        return self.posed(orient, state.transl + shift, self.space.bounded(state.pose + pose.view_as(state.pose)))

    def posed(self, orient: Tensor, transl: Tensor, pose: Tensor) -> Posed:
        """The state of some values of the unknowns."""
        hand_pose = self.space.decode(pose)
        motion = self.given.skeleton.posed(orient, transl, hand_pose)
        still = torch.zeros_like(hand_pose[..., 0])
        world = motion.world.flatten(1, 2)
        return Posed(orient, transl, transl.new_zeros(1, 0), pose, still, hand_pose, motion.landmarks, world)
