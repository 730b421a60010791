"""Stages of a fit to keypoints as least-squares problems over relaxed codes, orientation, position and shape.

The prior's term is a squared distance to the denoiser's prediction. The Jacobian assumes that a joint's latents affect
only the joint's own rotation (96 percent of their effect).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.keypoints import FormatName
from fitting.optimise.assembly import Assembly
from fitting.optimise.landmark_jacobian import BENDING, LandmarkJacobian, swings
from fitting.optimise.pose_space import RelaxedCodes, decoder_jacobian, landmarks_of
from fitting.optimise.problem import Estimate, Problem, Stage, Weights
from fitting.terms.term import Derivatives, Posed, Residual, Term, Unknown
from qposer.body_pose.rotations import axis_angle_to_matrix, turn_derivative, turns_of
from qposer.least_squares import Equations, Step, minimise

DRAWS = 4
"""Number of noise samples over which the denoiser's predictions are averaged in each step."""

PROBED_EVERY = 3
"""Number of steps between updates of the decoder's derivatives; they change little and cost nearly half of a step."""


class LevenbergMarquardt:
    """Fits bodies in relaxed codes to keypoints in stages."""

    def __init__(
        self, body: Body, space: RelaxedCodes, weights: Weights, seed: int = 0, terms: Sequence[Term] = ()
    ) -> None:
        self.body, self.space, self.weights, self.terms = body, space, weights, terms
        self.generator = torch.Generator().manual_seed(seed)
        self.jacobian: Callable[[FormatName], LandmarkJacobian] = cache(
            lambda format: LandmarkJacobian(body, body.mixing(format))
        )
        self._latest: tuple[Estimate, Posed] | None = None
        """The end of the last stage, where the next one starts."""

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
        fit = self.stage_problem(stage, problem, start)
        end = minimise(fit, self._reached(start) or fit.posed(start), stage.steps, on_step=on_step)
        estimate = Estimate(**{name: getattr(end, name) for name in vars(start)})
        self._latest = estimate, end
        return estimate

    def _reached(self, estimate: Estimate) -> Posed | None:
        return self._latest[1] if self._latest and self._latest[0] is estimate else None

    def stage_problem(self, stage: Stage, problem: Problem, start: Estimate) -> StageProblem:
        """The problem that `run` minimises.

        Args:
            stage: stage to run.
            problem: keypoints and camera.
            start: initial estimate.

        Returns:
            The least-squares problem.
        """
        return StageProblem(self, stage, problem, start)

    def landmarks(self, problem: Problem, estimate: Estimate) -> Float[Tensor, "people joints 3"]:
        """Positions of an estimate's landmarks, in camera axes.

        Args:
            problem: keypoints and camera.
            estimate: parameters.

        Returns:
            Metres.
        """
        reached = self._reached(estimate)
        return reached.landmarks if reached else landmarks_of(self.body, self.space, problem, estimate)


class StageProblem:
    """One stage for a batch of people; steps are accepted for each person independently."""

    def __init__(self, solver: LevenbergMarquardt, stage: Stage, problem: Problem, start: Estimate) -> None:
        self.body, self.space, self.weights = solver.body, solver.space, solver.weights
        self.jacobian = solver.jacobian(problem.format)
        self.stage, self.problem = stage, problem
        away = start.transl[:, 2:] if problem.views is None else torch.ones_like(start.transl[:, 2:])
        self.depth = torch.cat([torch.ones_like(start.transl[:, :2]), away], dim=-1)
        """Metres that a step of one moves bodies by: along a single camera's line of sight, parts of the distance."""
        self.terms = self.all_terms = [*self.weights.terms(stage, problem), *solver.terms]
        self.noise = self._noise(start.pose, solver.generator) if "pose" in stage.free else None
        self.decoder_jacobian: Tensor | None = None
        self._latest: Posed | None = None
        self._residuals: list[tuple[Term, Residual]] = []
        """Of the latest state: its cost and its derivatives are needed one after the other."""

    def posed(self, estimate: Estimate, body_pose: Float[Tensor, "people 21 3 3"] | None = None) -> Posed:
        """The state of an estimate.

        Args:
            estimate: parameters.
            body_pose: their rotations relative to the parents; default: decoded.

        Returns:
            The state.
        """
        return self._posed(**vars(estimate), body_pose=body_pose)

    def begin_step(self, step: int, state: Posed) -> None:
        """Update the denoiser's target and, every few steps, the decoder's derivatives.

        Args:
            step: number of the step, from 0.
            state: current state.
        """
        if self.noise is None:
            return
        target = self._target(state.pose, *self.noise[step])
        self.all_terms = [*self.terms, self.weights.pull(self.problem, target)]
        if step % PROBED_EVERY == 0:
            self.decoder_jacobian = decoder_jacobian(self.space, state.pose, state.body_pose)

    def cost(self, state: Posed) -> Float[Tensor, " people"]:
        """Sum of the terms."""
        return torch.stack([self._residual(term, state).cost for term in self.all_terms]).sum(0)

    def linearise(self, state: Posed) -> Equations:
        """The normal equations of all terms."""
        return self.assembled(state, self.derivatives(state)).equations()

    def assembled(self, state: Posed, by: Derivatives | None = None) -> Assembly:
        """Curvature and gradient for each person.

        Args:
            state: current state.
            by: derivatives there, if known.

        Returns:
            Sums over all terms.
        """
        terms = [(term, self._residual(term, state)) for term in self.all_terms]
        return Assembly(terms, state, by or self.derivatives(state))

    def _residual(self, term: Term, state: Posed) -> Residual:
        if state is not self._latest:
            self._latest, self._residuals = state, []
        for known, residual in self._residuals:
            if known is term:
                return residual
        self._residuals.append((term, term.residual(state)))
        return self._residuals[-1][1]

    def moved(self, state: Posed, step: Step) -> Posed:
        """The state after a step; latents are clamped to the outermost codes.

        Args:
            state: current state.
            step: changes of the free unknowns.

        Returns:
            The candidate.
        """
        free = [name for name in state._fields if name in self.stage.free]
        sizes = [getattr(state, name)[0].numel() if name != "orient" else 3 for name in free]
        return self.changed(state, dict(zip(free, step.own.to(state.transl).split(sizes, dim=-1), strict=True)))

    def changed(self, state: Posed, change: dict[str, Tensor]) -> Posed:
        """The state after changes of some unknowns.

        Args:
            state: current state.
            change: changes by name of the unknowns.

        Returns:
            The candidate.
        """
        values = {name: getattr(state, name) for name in ("orient", "transl", "betas", "pose", "residual")}
        for name, by in change.items():
            if name == "orient":
                values[name] = axis_angle_to_matrix(by) @ values[name]
            else:
                values[name] = values[name] + (self.depth * by if name == "transl" else by.view_as(values[name]))
        if "pose" in change:
            values["pose"] = self.space.bounded(values["pose"])
        fixed = None if change.keys() & {"pose", "residual"} else state.body_pose
        return self._posed(**values, body_pose=fixed)

    def _posed(
        self,
        orient: Tensor,
        transl: Tensor,
        betas: Tensor,
        pose: Tensor,
        residual: Tensor,
        body_pose: Tensor | None = None,
    ) -> Posed:
        if body_pose is None:
            body_pose = self.space.decode(pose)
            if "residual" in self.stage.free:
                body_pose = body_pose @ axis_angle_to_matrix(residual)
        found = self.body.posed_landmarks(orient, body_pose, betas, transl, format=self.problem.format)
        return Posed(orient, transl, betas, pose, residual, body_pose, found.landmarks, found.world)

    def derivatives(self, state: Posed) -> Derivatives:
        """Derivatives of landmarks and rotations by the free unknowns."""
        jacobian, free, world = self.jacobian, self.stage.free, state.world
        arms = jacobian.lever_arms(world, state.betas)
        along_axes = torch.diag_embed(self.depth)[:, None].expand(-1, arms.shape[1], -1, -1)
        moved: dict[Unknown, Tensor] = {"orient": turn_derivative(arms[:, :, 0]), "transl": along_axes}
        if "betas" in free:
            moved["betas"] = jacobian.shapes(world)
        turns = None if self.decoder_jacobian is None else turns_of(self.decoder_jacobian, state.body_pose)
        if turns is not None:
            moved["pose"] = swings(turns @ jacobian.parents(world)[:, : BENDING - 1].mT, arms[:, :, 1:BENDING])
        if "residual" in free:
            moved["residual"] = swings(world[:, 1:BENDING].mT, arms[:, :, 1:BENDING])
        return Derivatives(moved, self.decoder_jacobian, turns)

    def _noise(
        self, pose: Float[Tensor, "people 21 latent"], generator: torch.Generator
    ) -> list[tuple[float, Float[Tensor, "draws 1 21 latent"]]]:
        """The noise level of every step and noise samples of unit variance.

        All are copied to the device at once, so that no step waits for the host.
        """
        shape = (DRAWS, 1, *pose.shape[1:])
        drawn = [torch.randn(shape, generator=generator, dtype=torch.float32) for _ in self.stage.levels]
        return list(zip(self.stage.levels, torch.stack(drawn).to(pose), strict=True))

    def _target(
        self, pose: Float[Tensor, "people 21 latent"], level: float, drawn: Float[Tensor, "draws 1 21 latent"]
    ) -> Float[Tensor, "people 21 latent"]:
        """The denoiser's prediction, averaged over a few noise samples shared by all people."""
        levels = pose.new_full((1, 1, 1), level)
        return self.space.denoised(pose + level * drawn, levels).mean(0)
