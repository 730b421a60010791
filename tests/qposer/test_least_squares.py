"""The solver against dense linear algebra, and on problems of known minima."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from qposer.least_squares import Damping, Equations, Step, minimise

DTYPE = torch.float64


def dense_system(blocks, size, shared, generator):
    """A positive definite matrix whose blocks are coupled to the next two, and all to some shared unknowns."""
    total = blocks * size + shared
    matrix = torch.eye(total, dtype=DTYPE)
    for block in range(blocks):
        rows = torch.zeros(3 * size, total, dtype=DTYPE)
        columns = [*range(block * size, min(blocks, block + 3) * size), *range(blocks * size, total)]
        rows[:, columns] = torch.randn(3 * size, len(columns), generator=generator, dtype=DTYPE)
        matrix += rows.mT @ rows
    return matrix


def split(matrix, slope, stiffness, blocks, size, shared):
    """The same as blocks."""

    def block(row, column):
        inside = max(row, column) < blocks
        place = slice(row * size, (row + 1) * size), slice(column * size, (column + 1) * size)
        return matrix[place] if inside else torch.full((size, size), torch.nan, dtype=DTYPE)

    own = blocks * size
    border = {
        "border": matrix[:own, own:].view(blocks, size, shared),
        "corner": matrix[own:, own:],
        "shared_slope": slope[own:],
        "shared_stiffness": stiffness[own:],
    }
    return Equations(
        torch.stack([block(i, i) for i in range(blocks)]),
        slope[:own].view(blocks, size),
        stiffness[:own].view(blocks, size),
        **(border if shared else {}),
        next=torch.stack([block(i, i + 1) for i in range(blocks)]),
        after_next=torch.stack([block(i, i + 2) for i in range(blocks)]),
    )


@pytest.mark.parametrize("shared", [0, 3])
@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 7])
def test_coupled_blocks_are_solved_as_one_dense_system(blocks, shared):
    """Couplings beyond the last blocks are unused: they are NaN."""
    generator, size = torch.Generator().manual_seed(blocks), 4
    matrix = dense_system(blocks, size, shared, generator)
    slope, stiffness = torch.rand(2, len(matrix), generator=generator, dtype=DTYPE)
    equations = split(matrix, slope, stiffness, blocks, size, shared)
    step, solved = equations.solve(torch.tensor([0.3], dtype=DTYPE))
    found = step.own.flatten() if step.shared is None else torch.cat([step.own.flatten(), step.shared])
    assert solved.tolist() == [True]
    torch.testing.assert_close(found, torch.linalg.solve(matrix + torch.diag(0.3 * stiffness), -slope))


def test_blocks_that_share_unknowns_are_solved_as_one_dense_system():
    generator, blocks, size = torch.Generator().manual_seed(0), 5, 6
    rows = torch.randn(blocks, 12, size, generator=generator, dtype=DTYPE)
    residual = torch.randn(blocks, 12, generator=generator, dtype=DTYPE)
    slope, stiffness = (rows.mT @ residual[..., None])[..., 0], torch.ones(blocks, size, dtype=DTYPE)
    step, _ = Equations(rows.mT @ rows, slope, stiffness).sharing(slice(2, 4)).solve(torch.tensor([0.1], dtype=DTYPE))
    stacked = torch.zeros(blocks, 12, blocks * 4 + 2, dtype=DTYPE)
    for block in range(blocks):
        stacked[block, :, block * 4 : (block + 1) * 4] = rows[block][:, [0, 1, 4, 5]]
        stacked[block, :, -2:] = rows[block][:, 2:4]
    stacked = stacked.flatten(0, 1)
    damping = 0.1 * torch.cat([torch.ones(blocks * 4), torch.full((2,), float(blocks))]).to(DTYPE)
    expected = -torch.linalg.solve(stacked.mT @ stacked + torch.diag(damping), stacked.mT @ residual.flatten())
    torch.testing.assert_close(torch.cat([step.own.flatten(), step.shared]), expected)


def test_independent_blocks_have_separate_dampings_and_report_failed_steps():
    curvature = torch.tensor([[[2.0]], [[2.0]], [[-2.0]]])
    equations = Equations(curvature, torch.ones(3, 1), torch.ones(3, 1))
    step, solved = equations.solve(torch.tensor([0.0, 2.0, 0.0]))
    assert solved.tolist() == [True, True, False]
    torch.testing.assert_close(step.own[:2, 0], torch.tensor([-0.5, -0.25]))


class Point(NamedTuple):
    at: Tensor


class Valley:
    """Rosenbrock's function, one point per decision, with a bound."""

    def __init__(self, bound=10.0):
        self.bound, self.begun = bound, []

    def begin_step(self, step, state):
        self.begun.append(step)

    def _residuals(self, at):
        return torch.stack([1 - at[:, 0], 10 * (at[:, 1] - at[:, 0].square())], dim=-1)

    def cost(self, state):
        return self._residuals(state.at).square().sum(-1)

    def linearise(self, state):
        x = state.at[:, 0]
        zero = torch.zeros_like(x)
        rows = torch.stack([torch.stack([zero - 1, zero], -1), torch.stack([-20 * x, zero + 10], -1)], dim=1)
        slope = (rows.mT @ self._residuals(state.at)[..., None])[..., 0]
        return Equations(rows.mT @ rows, slope, torch.ones_like(slope))

    def moved(self, state, step: Step):
        return Point((state.at + step.own).clamp(max=self.bound))


STARTS = torch.tensor([[-1.2, 1.0], [3.0, -2.0], [0.0, 5.0]], dtype=DTYPE)


def test_every_point_of_a_batch_comes_to_the_minimum():
    steps_seen = []
    end = minimise(Valley(), Point(STARTS), 60, on_step=lambda: steps_seen.append(None))
    torch.testing.assert_close(end.at, torch.ones(3, 2, dtype=DTYPE), atol=1e-4, rtol=0)
    assert len(steps_seen) == 60


def test_no_step_raises_a_cost_and_points_do_not_know_of_each_other():
    problem, together = Valley(), Point(STARTS)
    costs = [problem.cost(together)]
    for count in range(1, 8):
        together = minimise(Valley(), Point(STARTS), count)
        costs.append(problem.cost(together))
        for point in range(3):
            alone = minimise(Valley(), Point(STARTS[point : point + 1]), count)
            torch.testing.assert_close(alone.at[0], together.at[point])
    assert (torch.stack(costs).diff(dim=0) <= 0).all()


def test_bounds_are_kept_and_steps_are_announced():
    problem = Valley(bound=0.5)
    end = minimise(problem, Point(torch.tensor([[-1.0, 0.0]], dtype=DTYPE)), 40)
    assert end.at.max() <= 0.5
    assert problem.begun == list(range(40))


def test_a_rejected_step_changes_nothing_and_increases_the_damping():
    class Lying(Valley):
        """Returns the slope with the wrong sign."""

        def linearise(self, state):
            reported = super().linearise(state)
            return Equations(reported.curvature, -reported.slope, reported.stiffness)

    start = Point(STARTS)
    end = minimise(Lying(), start, 5, Damping(first=1e-3))
    assert torch.equal(end.at, start.at)
