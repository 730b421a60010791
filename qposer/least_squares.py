"""Batched damped nonlinear least squares, for fits to keypoints and clips, for dragging and for instructions.

A problem linearises its cost around a state into normal equations (Gauss-Newton); `minimise` solves them with
Levenberg-Marquardt damping, and accepts a step only if it does not increase the cost. Unknowns come in blocks, one for
each person or frame. Blocks may be independent, share some unknowns (an arrow-shaped system, solved by its Schur
complement), or be coupled to the next two (a banded system, solved by block-tridiagonal Cholesky factorisation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Damping:
    """Initial damping factor and its changes; a step adds ``factor * stiffness`` to the curvature."""

    first: float = 1.0
    accepted: float = 0.4
    """Factor on the damping after an accepted step."""
    rejected: float = 4.0
    least: float = 1e-4
    most: float = 1e4


class Step(NamedTuple):
    """Changes of the unknowns."""

    own: Float[Tensor, "blocks unknowns"]
    shared: Float[Tensor, " shared"] | None = None


@dataclass(frozen=True)
class Equations:
    """Normal equations around a state: ``curvature @ step = -slope`` at the minimum of the linearised cost."""

    curvature: Float[Tensor, "blocks unknowns unknowns"]
    slope: Float[Tensor, "blocks unknowns"]
    stiffness: Float[Tensor, "blocks unknowns"]
    """Added to the diagonal of the curvature for a damping of 1."""
    border: Float[Tensor, "blocks unknowns shared"] | None = None
    """Curvature between a block's unknowns and the shared ones."""
    corner: Float[Tensor, "shared shared"] | None = None
    shared_slope: Float[Tensor, " shared"] | None = None
    shared_stiffness: Float[Tensor, " shared"] | None = None
    next: Float[Tensor, "blocks unknowns unknowns"] | None = None
    """Curvature between the unknowns of a block (rows) and those of the next one; the last is unused."""
    after_next: Float[Tensor, "blocks unknowns unknowns"] | None = None
    """The same for the block after the next; the last two are unused."""

    def sharing(self, shared: slice) -> Equations:
        """The equations if all blocks share these unknowns.

        Args:
            shared: the shared unknowns of a block; the others keep their order.

        Returns:
            Equations with a border, and without these unknowns in the blocks.
        """
        every = torch.arange(self.slope.shape[1], device=self.slope.device)
        own = torch.cat([every[: shared.start], every[shared.stop :]])
        return replace(
            self,
            curvature=self.curvature[:, own][:, :, own],
            slope=self.slope[:, own],
            stiffness=self.stiffness[:, own],
            border=self.curvature[:, own, shared],
            corner=self.curvature[:, shared, shared].sum(0),
            shared_slope=self.slope[:, shared].sum(0),
            shared_stiffness=self.stiffness[:, shared].sum(0),
            next=None if self.next is None else self.next[:, own][:, :, own],
            after_next=None if self.after_next is None else self.after_next[:, own][:, :, own],
        )

    def solve(self, damping: Float[Tensor, " decisions"]) -> tuple[Step, Bool[Tensor, " decisions"]]:
        """The damped step, and whether it exists.

        Args:
            damping: a factor for each block, or a single one if blocks are coupled.

        Returns:
            The step, and false where the damped curvature is not positive definite.
        """
        curvature = self.curvature.clone()
        curvature.diagonal(dim1=1, dim2=2).add_(damping[:, None] * self.stiffness)
        right = -self.slope[..., None] if self.border is None else torch.cat([-self.slope[..., None], self.border], -1)
        if self.next is None or self.after_next is None:
            factor, failed = torch.linalg.cholesky_ex(curvature, upper=True)  # a tenth faster than lower
            solution = torch.cholesky_solve(right, factor, upper=True)
            solved = failed == 0
        else:
            solution, solved = _solve_banded(curvature, self.next, self.after_next, right)
        if self.border is None or self.corner is None:
            return Step(solution[..., 0]), solved
        assert self.shared_slope is not None
        assert self.shared_stiffness is not None
        alone, follows = solution[..., 0], solution[..., 1:]
        schur = self.corner - torch.einsum("bns,bnt->st", self.border, follows)
        schur = schur + torch.diag(damping * self.shared_stiffness)
        left = -self.shared_slope - torch.einsum("bns,bn->s", self.border, alone)
        factor, failed = torch.linalg.cholesky_ex(schur)
        shared = torch.cholesky_solve(left[:, None], factor)[:, 0]
        return Step(alone - follows @ shared, shared), solved.all(0, keepdim=True) & (failed == 0)


State = TypeVar("State", bound=tuple[Tensor, ...])


@runtime_checkable
class LeastSquares(Protocol[State]):
    """A cost that is a sum of (robust) squares of functions of a state.

    A state is a named tuple of tensors, whose first axis is that of decisions or has length 1.
    """

    def begin_step(self, step: int, state: State) -> None:
        """Update quantities that change between steps, such as a denoiser's target.

        Args:
            step: number of the step, from 0.
            state: state before the step.
        """

    def cost(self, state: State) -> Float[Tensor, " decisions"]:
        """The cost that a step must not increase: one number for each block, or one in total if blocks are coupled."""
        ...

    def linearise(self, state: State) -> Equations:
        """Normal equations around a state."""
        ...

    def moved(self, state: State, step: Step) -> State:
        """The state after a step, within its bounds.

        Args:
            state: state before the step.
            step: changes of the unknowns.

        Returns:
            The candidate.
        """
        ...


@torch.no_grad()
def minimise(
    problem: LeastSquares[State],
    state: State,
    steps: int,
    damping: Damping | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> State:
    """Run Levenberg-Marquardt steps, accepted for each decision only if its cost does not increase.

    Args:
        problem: the problem to minimise.
        state: initial state.
        steps: number of steps.
        damping: initial damping and its changes.
        on_step: called after every step.

    Returns:
        The final state.
    """
    damping = damping or Damping()
    factor = None
    for step in range(steps):
        problem.begin_step(step, state)
        before = problem.cost(state)
        factor = torch.full_like(before, damping.first) if factor is None else factor
        move, solved = problem.linearise(state).solve(factor)
        candidate = problem.moved(state, move)
        better = solved & (problem.cost(candidate) <= before)
        if better.is_cpu and better.all():  # on a GPU, asking would wait for it
            state = candidate
        else:
            state = type(state)(*(where(better, new, old) for new, old in zip(candidate, state, strict=True)))
        change = torch.where(better, damping.accepted, damping.rejected)
        factor = (factor * change).clamp(damping.least, damping.most)
        on_step()
    return state


def where(better: Bool[Tensor, " decisions"], new: Tensor, old: Tensor) -> Tensor:
    """Select the new rows where a decision is true, else the old ones.

    Args:
        better: a decision for each row, or a single one.
        new: rows.
        old: rows of the same shape.

    Returns:
        The selected rows; ``old`` itself if nothing changed.
    """
    if new is old:
        return old
    return torch.where(better.view(-1, *[1] * (new.ndim - 1)), new, old)


def _solve_banded(
    curvature: Float[Tensor, "blocks n n"],
    next: Float[Tensor, "blocks n n"],
    after_next: Float[Tensor, "blocks n n"],
    right: Float[Tensor, "blocks n columns"],
) -> tuple[Float[Tensor, "blocks n columns"], Bool[Tensor, "1"]]:
    """Solve a block-pentadiagonal system by Cholesky factorisation, block by block."""
    factors: list[Tensor] = []
    below: list[Tensor] = []
    two_below: list[Tensor] = []
    forward: list[Tensor] = []
    failures = []
    for block in range(len(curvature)):
        pivot, value = curvature[block], right[block]
        onward = next[block]
        if block > 0:
            pivot = pivot - below[-1].mT @ below[-1]
            value = value - below[-1].mT @ forward[-1]
            onward = onward - below[-1].mT @ two_below[-1]
        if block > 1:
            pivot = pivot - two_below[-2].mT @ two_below[-2]
            value = value - two_below[-2].mT @ forward[-2]
        factor, failed = torch.linalg.cholesky_ex(pivot)
        factors.append(factor)
        failures.append(failed)
        solved = torch.linalg.solve_triangular(factor, torch.cat([value, onward, after_next[block]], 1), upper=False)
        sizes = (value.shape[1], len(pivot), len(pivot))
        for into, part in zip((forward, below, two_below), solved.split(sizes, dim=1), strict=True):
            into.append(part)
    solution: list[Tensor] = []
    for block in reversed(range(len(curvature))):
        value = forward[block]
        if block + 1 < len(curvature):
            value = value - below[block] @ solution[-1]
        if block + 2 < len(curvature):
            value = value - two_below[block] @ solution[-2]
        solution.append(torch.linalg.solve_triangular(factors[block].mT, value, upper=True))
    return torch.stack(solution[::-1]), (torch.stack(failures) == 0).all()[None]
