"""A stage of a clip's fit as a least-squares problem: frames of one person, smooth in time, with one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.optimise.assembly import Assembly
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt, StageProblem
from fitting.optimise.pose_space import RelaxedCodes
from fitting.optimise.problem import Estimate, Problem, Stage, Weights
from fitting.terms.contact import StandingFeet
from fitting.terms.smoothness import Smoothness
from fitting.terms.term import Derivatives, Posed, Term
from qposer.least_squares import Equations, Step


class ClipSolver(LevenbergMarquardt):
    """A solver in which the people are consecutive frames of one person."""

    def __init__(
        self,
        body: Body,
        space: RelaxedCodes,
        weights: Weights,
        seed: int,
        smoothness: Sequence[Smoothness] = (),
        terms: Sequence[Term] = (),
        standing: StandingFeet | None = None,
    ) -> None:
        super().__init__(body, space, weights, seed, terms)
        self.smoothness, self.standing = smoothness, standing

    def stage_problem(self, stage: Stage, problem: Problem, start: Estimate) -> StageProblem:
        """A problem of coupled frames, or of independent frames without smoothness and free shape.

        Args:
            stage: stage to run.
            problem: keypoints and camera of each frame.
            start: initial estimate, with one shape for all frames.

        Returns:
            The least-squares problem.
        """
        if not self.smoothness and self.standing is None and "betas" not in stage.free:
            return super().stage_problem(stage, problem, start)
        return ClipProblem(self, stage, problem, start)


class ClipProblem(StageProblem):
    """A stage with coupled frames; steps are accepted for all frames together."""

    def __init__(self, solver: ClipSolver, stage: Stage, problem: Problem, start: Estimate) -> None:
        super().__init__(solver, stage, problem, start)
        self.smoothness = [term for term in solver.smoothness if term.unknown in stage.free]
        self.standing = solver.standing

    def cost(self, state: Posed) -> Float[Tensor, "1"]:
        """Total cost of all frames and accelerations."""
        costs = [super().cost(state).sum(), *(term.cost(state) for term in self.smoothness)]
        if self.standing is not None:
            costs.append(self.standing.cost(state))
        return torch.stack(costs).sum(0)[None]

    def linearise(self, state: Posed) -> Equations:
        """The normal equations: banded (smoothness couples three frames), bordered by a free shape."""
        by = self.derivatives(state)
        assembly = self.assembled(state, by)
        equations = assembly.equations()
        if self.smoothness or self.standing is not None:
            coupling = [torch.zeros_like(assembly.curvature) for _ in range(2)]
            self._add_smoothness(state, assembly, equations, coupling)
            if self.standing is not None:
                _add_standing(self.standing, state, by, assembly, equations, coupling[0])
            equations = replace(equations, next=coupling[0], after_next=coupling[1])
        return equations.sharing(assembly.places["betas"]) if "betas" in self.stage.free else equations

    def _add_smoothness(self, state: Posed, assembly: Assembly, equations: Equations, coupling: list[Tensor]) -> None:
        stencil = _second_difference_products(len(state.transl), assembly.curvature)
        for term in self.smoothness:
            place = assembly.places[term.unknown]
            numbers = term.numbers(state).double()
            columns = term.columns(state, self.depth).double()
            weight = 2 * term.weight / numbers.shape[1]
            pulled = (columns.mT @ _bent_back(numbers)[..., None]).squeeze(-1)
            equations.slope[:, place] += weight * pulled
            for ahead, into in enumerate((equations.curvature, *coupling)):
                product = columns.mT @ columns.roll(-ahead, dims=0)
                into[:, place, place] += weight * stencil[ahead][:, None, None] * product

    def moved(self, state: Posed, step: Step) -> Posed:
        """The state after a step of all frames.

        Args:
            state: current state.
            step: changes of the frames' unknowns and of the shape.

        Returns:
            The candidate.
        """
        sizes = {"orient": 3, "transl": 3, "pose": state.pose[0].numel(), "residual": state.residual[0].numel()}
        free = [name for name in sizes if name in self.stage.free]
        own = step.own.to(state.transl).split([sizes[name] for name in free], dim=-1)
        change = dict(zip(free, own, strict=True))
        if step.shared is not None:
            change["betas"] = step.shared.to(state.transl)[None]
        return self.changed(state, change)


def _add_standing(
    term: StandingFeet, state: Posed, by: Derivatives, assembly: Assembly, equations: Equations, next: Tensor
) -> None:
    """Add first differences of landmarks, which couple each frame with the next one."""
    columns = term.columns(by)
    names = [name for name in assembly.places if name in columns]
    place = slice(assembly.places[names[0]].start, assembly.places[names[-1]].stop)
    rows = torch.cat([columns[name] for name in names], dim=-1).flatten(1, 2).double()  # frames, points * 3, unknowns
    weight = term.curvature(state).double().repeat_interleave(3, dim=1)[..., None]
    pulled = weight * term.displacements(state).double().flatten(1)[..., None]
    before, after = rows[:-1], rows[1:]
    equations.slope[:-1, place] -= (before.mT @ pulled).squeeze(-1)
    equations.slope[1:, place] += (after.mT @ pulled).squeeze(-1)
    equations.curvature[:-1, place, place] += before.mT @ (weight * before)
    equations.curvature[1:, place, place] += after.mT @ (weight * after)
    next[:-1, place, place] -= before.mT @ (weight * after)


def _bent_back(numbers: Float[Tensor, "frames numbers"]) -> Float[Tensor, "frames numbers"]:
    """The second-difference operator's transpose applied to second differences: the gradient of half their squared
    norm."""
    second = numbers[2:] - 2 * numbers[1:-1] + numbers[:-2]
    pulled = torch.zeros_like(numbers)
    pulled[:-2] += second
    pulled[1:-1] -= 2 * second
    pulled[2:] += second
    return pulled


def _second_difference_products(frames: int, like: Tensor) -> Float[Tensor, "3 frames"]:
    """Diagonal and first two off-diagonals of the second-difference matrix's normal matrix."""
    products = torch.zeros(3, frames, dtype=like.dtype, device=like.device)
    for first, a in enumerate((1.0, -2.0, 1.0)):
        for ahead, b in enumerate((1.0, -2.0, 1.0)[first:]):
            products[ahead, first : max(frames - 2, 0) + first] += a * b
    return products
