"""What a fit knows and where it stands; and an optimiser of first order, batched Adam, for any space of poses.

Fits to codes have a faster one (`fitting.optimise.levenberg_marquardt`). This one fits clips, whose frames hang
together, and other spaces.

Every person has terms, gradients and step sizes of its own, and all see the same noise, so a person's result does not
depend on who else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName
from fitting.optimise.objective import depth_gap, guess_gap, reprojection, shape_prior
from fitting.optimise.pose_space import PoseSpace
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_from_6d, matrix_to_6d


@dataclass(frozen=True)
class Problem:
    """What is known of a batch of people."""

    keypoints: Float[Tensor, "people joints 2"]
    confidence: Float[Tensor, "people joints"]
    format: FormatName
    camera: Camera
    height: Float[Tensor, " people"]
    """About how many pixels tall each person would be, standing."""
    guess: Float[Tensor, "people 21 3 3"]
    """A body pose that the keypoints suggest at first sight."""
    init_weight: Float[Tensor, "people 21"]
    """How much each of its joints counts: more where the keypoints tell nothing of a joint."""
    prior_scale: Float[Tensor, " people"]
    """How much prior, guess and usual shape count beside the keypoints: more where these are inexact."""
    noise_floor: float = 0.0
    """Of the keypoints, at the least (see `fitting.inputs.keypoints.Keypoints`)."""
    depths: Float[Tensor, "people joints"] | None = None
    """Metres along the camera's axis, up to a shift, that a detector estimates; none without such a cue."""

    def __getitem__(self, people: Int[Tensor, " chosen"]) -> Problem:
        """The problems of some of the people, in the order and as often as they are named."""
        return replace(
            self,
            keypoints=self.keypoints[people],
            confidence=self.confidence[people],
            camera=self.camera[people],
            height=self.height[people],
            guess=self.guess[people],
            init_weight=self.init_weight[people],
            prior_scale=self.prior_scale[people],
            depths=None if self.depths is None else self.depths[people],
        )


@dataclass(frozen=True)
class Estimate:
    """Where a fit stands."""

    orient: Float[Tensor, "people 3 3"]
    transl: Float[Tensor, "people 3"]
    betas: Float[Tensor, "people shapes"]
    pose: Float[Tensor, " people *numbers"]
    """In the numbers of the solver's `PoseSpace`."""
    residual: Float[Tensor, "people 21 3"]
    """Rotations (axis-angle) after those that the pose decodes to; zero unless asked for."""

    def __getitem__(self, people: Int[Tensor, " chosen"]) -> Estimate:
        """The estimates of some of the people, in the order and as often as they are named."""
        return Estimate(**{name: value[people] for name, value in vars(self).items()})


Unknown = Literal["orient", "transl", "betas", "pose", "residual"]

STEP_SIZES: dict[Unknown, float] = {"orient": 0.02, "transl": 0.02, "betas": 0.05, "residual": 0.01}
"""Of Adam; sideways translations are in metres, depths in parts of the depth at the start. That of poses is the
space's own."""

GRADIENT_FLOOR = 3e-3
"""Adam takes smaller steps along gradients below this, where rounding would else decide the direction of whole ones."""


DEPTH_RHO = 0.3
"""Metres: depths that a detector puts farther off count as outliers."""


@dataclass(frozen=True)
class Stage:
    """A part of the optimisation; ``noise`` falls geometrically from its first to its second."""

    steps: int
    free: tuple[Unknown, ...]
    rho: float
    """Reprojection errors well above this part of the person's height count as outliers."""
    noise: tuple[float, float] = (1.0, 1.0)
    """Level of the noise that the prior is shown."""
    lr_scale: float = 1.0
    """Factor on the step sizes; they fall to a tenth of that in the course of the stage."""


@dataclass(frozen=True)
class Weights:
    """Of the terms of the objective."""

    data: float = 2e3
    prior: float = 2.0
    guess: float = 4.0
    depth: float = 5.0
    shape: float = 1e-2
    residual: float = 10.0


class Solver:
    """Fits bodies to keypoints in stages."""

    def __init__(self, body: Body, space: PoseSpace, weights: Weights, seed: int = 0) -> None:
        self.body, self.space, self.weights = body, space, weights
        self.generator = torch.Generator().manual_seed(seed)

    def run(self, stage: Stage, problem: Problem, start: Estimate, on_step: Callable[[], None]) -> Estimate:
        """Improve an estimate; ``on_step`` is called after every step.

        Args:
            stage: what is minimised.
            problem: keypoints and camera.
            start: where to begin.
            on_step: called after every step.

        Returns:
            The improved estimate.
        """
        unit = torch.cat([torch.ones_like(start.transl[:, :2]), start.transl[:, 2:]], dim=-1)
        values: dict[Unknown, Tensor] = {
            "orient": matrix_to_6d(start.orient),
            "transl": start.transl / unit,
            "betas": start.betas,
            "pose": start.pose,
            "residual": start.residual,
        }
        unknowns = {name: value.detach().clone().requires_grad_(name in stage.free) for name, value in values.items()}
        step_sizes = STEP_SIZES | {"pose": self.space.step_size}
        groups = [{"params": [unknowns[name]], "lr": stage.lr_scale * step_sizes[name]} for name in stage.free]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.95), eps=GRADIENT_FLOOR)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=stage.steps)

        def current() -> Estimate:
            return Estimate(
                orient=matrix_from_6d(unknowns["orient"]),
                transl=unknowns["transl"] * unit,
                betas=unknowns["betas"],
                pose=unknowns["pose"],
                residual=unknowns["residual"],
            )

        for step in range(stage.steps):
            part = step / max(stage.steps - 1, 1)
            optimizer.zero_grad()
            self.objective(stage, problem, current(), part).sum().backward()
            optimizer.step()
            schedule.step()
            on_step()
        with torch.no_grad():
            end = current()
        return replace(start, **{name: getattr(end, name).detach() for name in stage.free})

    def objective(self, stage: Stage, problem: Problem, estimate: Estimate, part: float) -> Float[Tensor, " people"]:
        """What a stage minimises after this ``part`` of its steps.

        Args:
            stage: what is minimised.
            problem: keypoints and camera.
            estimate: parameters.
            part: from 0 to 1.

        Returns:
            One number for each person.
        """
        weights = self.weights
        total = problem.prior_scale * weights.shape * shape_prior(estimate.betas)
        body_pose = self.space.decode(estimate.pose)
        if "pose" in stage.free:
            first, last = stage.noise
            pull = self.space.penalty(estimate.pose, first ** (1 - part) * last**part, self.generator)
            gap = guess_gap(body_pose, problem.guess, problem.init_weight)
            total = total + problem.prior_scale * (weights.prior * pull + weights.guess * gap)
        if "residual" in stage.free:
            body_pose = body_pose @ axis_angle_to_matrix(estimate.residual)
            total = total + weights.residual * estimate.residual.square().sum((-1, -2))
        landmarks = self.body.landmarks(
            estimate.orient, body_pose, estimate.betas, estimate.transl, format=problem.format
        )
        projected = problem.camera.project(landmarks)
        data = reprojection(projected, problem.keypoints, problem.confidence, problem.height, stage.rho)
        if problem.depths is not None:
            gap = depth_gap(landmarks[..., 2], problem.depths, problem.confidence, DEPTH_RHO)
            total = total + weights.depth * gap
        return total + weights.data * data

    @torch.no_grad()
    def landmarks(self, problem: Problem, estimate: Estimate) -> Float[Tensor, "people joints 3"]:
        """Where an estimate has the keypoints, in the camera's axes.

        Args:
            problem: keypoints and camera.
            estimate: parameters.

        Returns:
            Metres.
        """
        body_pose = self.space.decode(estimate.pose) @ axis_angle_to_matrix(estimate.residual)
        return self.body.landmarks(estimate.orient, body_pose, estimate.betas, estimate.transl, format=problem.format)
