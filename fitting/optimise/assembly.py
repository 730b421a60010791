"""From terms to normal equations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, PerJoint, Posed, Residual, Term, Unknown
from qposer.least_squares import Equations

STIFFNESS: dict[Unknown, float] = {"orient": 1.0, "transl": 1.0, "betas": 1e-3, "pose": 1e-3, "residual": 1e-3}
"""Curvature that a damping of 1 adds for each unknown."""

ROUNDING = 1e-6
"""Curvature that is always added."""


class Assembly:
    """Sums of the terms' curvatures and gradients, in double precision, because rounding depends on the batch."""

    def __init__(self, terms: Iterable[tuple[Term, Residual]], at: Posed, by: Derivatives) -> None:
        """Sum the contributions of terms.

        Args:
            terms: terms of the objective, and their residuals there.
            at: bodies.
            by: derivatives of their landmarks and rotations by the free unknowns.
        """
        sizes = {name: moved.shape[-1] for name, moved in by.landmarks.items()}
        ends = [0, *accumulate(sizes.values())]
        self.places = {name: slice(a, b) for name, a, b in zip(sizes, ends[:-1], ends[1:], strict=True)}
        dense: list[tuple[Residual, Dense]] = []
        per_joint: list[tuple[Residual, PerJoint]] = []
        for term, residual in terms:
            columns = term.columns(at, by)
            if isinstance(columns, Dense):
                dense.append((residual, columns))
            elif columns is not None:
                per_joint.append((residual, columns))
        rows = self._rows(dense, at, ends[-1] + 1)
        product = rows[..., :-1].mT @ rows
        self.curvature, self.slope = product[..., :-1], product[..., -1]
        self.stiffness = torch.cat([self.slope.new_full((size,), STIFFNESS[name]) for name, size in sizes.items()])
        for residual, own in per_joint:
            self._add_per_joint(residual, own)

    def _rows(
        self, dense: Sequence[tuple[Residual, Dense]], at: Posed, width: int
    ) -> Float[Tensor, "people rows numbers"]:
        """Weighted derivatives of all dense terms, and their weighted values as the last column."""
        sizes = [residual.values[0].numel() for residual, _ in dense]
        people = len(at.transl)
        rows = at.transl.new_zeros((people, sum(sizes), width), dtype=torch.float64)
        for (residual, derivatives), own in zip(dense, rows.split(sizes, dim=1), strict=True):
            values, root = residual.values, residual.root.expand(people, residual.values.shape[1])
            own, few = own.unflatten(1, values.shape[1:]), derivatives.rows
            torch.mul(root[..., None], values, out=own[..., -1])
            for name, columns in derivatives.columns.items():
                place = own[..., self.places[name]]
                if few is None:
                    torch.mul(root[..., None, None], columns, out=place)
                else:
                    place[few] = (root[few][:, None, None] * columns[:, 0]).double()
        return rows

    def _add_per_joint(self, residual: Residual, own: PerJoint) -> None:
        place = self.places[own.unknown]
        joints, numbers = residual.values.shape[1], own.columns.shape[-1]
        rows = (residual.root[..., None, None] * own.columns).double()
        values = (residual.root[..., None] * residual.values)[..., None].double()
        self.slope[:, place] += (rows.mT @ values).flatten(1)
        block = self.curvature[:, place, place].unflatten(2, (joints, numbers)).unflatten(1, (joints, numbers))
        diagonal = block.diagonal(dim1=1, dim2=3)
        diagonal += (rows.mT @ rows).permute(0, 2, 3, 1)

    def equations(self) -> Equations:
        """The normal equations of the added terms."""
        self.curvature.diagonal(dim1=1, dim2=2).add_(ROUNDING)
        return Equations(self.curvature, self.slope, self.stiffness.expand_as(self.slope))
