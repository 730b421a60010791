"""A batched Adam optimiser for any pose space.

Fits in the space of codes use a faster optimiser (`fitting.optimise.levenberg_marquardt`). Terms, gradients and step
sizes are separate for each person, and all people get the same noise, so a person's result does not depend on the
others in the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.optimise.pose_space import PoseSpace, RelaxedCodes, landmarks_of
from fitting.optimise.problem import Estimate, Problem, Stage, Weights
from fitting.optimise.reweighting import PriorScale
from fitting.optimise.schedule import POSE, ROOT_AND_SHAPE, WHOLE, Schedule
from fitting.terms.term import Posed, Unknown
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_from_6d, matrix_to_6d

STEP_SIZES: dict[Unknown, float] = {"orient": 0.02, "transl": 0.02, "betas": 0.05, "residual": 0.01}
"""Step sizes; that of poses is `PenalisedSpace.step_size`. Lateral translations are in metres, depths in fractions of
the initial depth."""

GRADIENT_FLOOR = 3e-3
"""Adam takes smaller steps for gradients below this, because rounding errors would determine the direction of full
steps."""

SETTLING = 0.2
"""Factor on the step sizes of stages in which the pose is fixed."""

SCHEDULE = Schedule(
    coarse=Stage(steps=90, free=POSE, rho=0.2, noise=(0.7, 0.7)),
    fine=(Stage(steps=150, free=WHOLE, rho=0.1, noise=(0.7, 0.2)),),
    settle=Stage(steps=40, free=ROOT_AND_SHAPE, rho=0.1),
    prior_scale=PriorScale(power=2, least=0.1, most=6.0),
)
"""Fits from distant starts, such as a mean pose, need a larger rho than fits in the space of codes; axis-angle
parameters need a prior scale that grows more slowly."""


@runtime_checkable
class PenalisedSpace(PoseSpace, Protocol):
    """A pose space with a prior."""

    step_size: float
    """Adam's step size for the parameters of this space."""

    def penalty(
        self, numbers: Float[Tensor, " people *numbers"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, " people"]:
        """Compute the prior's term of the objective.

        Args:
            numbers: pose parameters.
            noise: standard deviation of the noise added to the prior's input.
            generator: random generator of the noise.

        Returns:
            Penalty for each person.
        """
        ...


class PenalisedCodes(RelaxedCodes):
    """Relaxed codes with the code prior."""

    step_size = 0.1

    def penalty(
        self, numbers: Float[Tensor, "people 21 latent"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, " people"]:
        """Compute the SDS loss of the code prior.

        Args:
            numbers: latents of the body joints.
            noise: standard deviation of the noise added to the prior's input.
            generator: random generator of the noise.

        Returns:
            Penalty for each person.
        """
        return self.prior.pull(self.latents(numbers), noise, generator)


class AdamSolver:
    """Fits bodies to keypoints in stages."""

    def __init__(self, body: Body, space: PenalisedSpace, weights: Weights, seed: int = 0) -> None:
        self.body, self.space, self.weights = body, space, weights
        self.generator = torch.Generator().manual_seed(seed)

    def run(
        self, stage: Stage, problem: Problem, start: Estimate, on_step: Callable[[], None] = lambda: None
    ) -> Estimate:
        """Improve an estimate.

        Args:
            stage: stage to run.
            problem: keypoints and camera.
            start: initial estimate.
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
        factor = 1.0 if "pose" in stage.free else SETTLING
        groups = [{"params": [unknowns[name]], "lr": factor * step_sizes[name]} for name in stage.free]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.95), eps=GRADIENT_FLOOR)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=stage.steps)

        def current() -> Estimate:
            others = {name: unknowns[name] for name in ("betas", "pose", "residual")}
            return Estimate(matrix_from_6d(unknowns["orient"]), unknowns["transl"] * unit, **others)

        for level in stage.levels:
            optimizer.zero_grad()
            self.objective(stage, problem, current(), level).sum().backward()
            optimizer.step()
            schedule.step()
            on_step()
        with torch.no_grad():
            end = current()
        return replace(start, **{name: getattr(end, name).detach() for name in stage.free})

    def objective(self, stage: Stage, problem: Problem, estimate: Estimate, level: float) -> Float[Tensor, " people"]:
        """Compute the objective of a stage.

        Args:
            stage: stage with its free variables.
            problem: keypoints and camera.
            estimate: parameters of the bodies.
            level: standard deviation of the noise added to the prior's input.

        Returns:
            Objective for each person.
        """
        body_pose = self.space.decode(estimate.pose)
        if "residual" in stage.free:
            body_pose = body_pose @ axis_angle_to_matrix(estimate.residual)
        found = self.body.posed_landmarks(
            estimate.orient, body_pose, estimate.betas, estimate.transl, format=problem.format
        )
        at = Posed(**vars(estimate), body_pose=body_pose, landmarks=found.landmarks, world=found.world)
        total = torch.stack([term.residual(at).cost for term in self.weights.terms(stage, problem)]).sum(0)
        if "pose" not in stage.free:
            return total
        pull = self.space.penalty(estimate.pose, level, self.generator)
        return total + self.weights.prior * problem.prior_scale * pull

    def landmarks(self, problem: Problem, estimate: Estimate) -> Float[Tensor, "people joints 3"]:
        """Compute the landmarks of an estimate in camera axes.

        Args:
            problem: keypoints and camera.
            estimate: parameters of the bodies.

        Returns:
            Landmarks, metres.
        """
        return landmarks_of(self.body, self.space, problem, estimate)
