"""From terms to normal equations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, PerJoint, Posed, Residual, Term, Unknown
from qposer.least_squares import Equations

STIFFNESS: dict[Unknown, float] = {"orient": 1.0, "transl": 1.0, "betas": 1e-3, "pose": 1e-3, "residual": 1e-3}
"""Curvature that a damping of 1 adds for each unknown."""

ROUNDING = 1e-6
"""Curvature that is always added."""


class Assembly:
    """Sums of the terms' curvatures and gradients, in double precision, because rounding depends on the batch."""

    def __init__(self, sizes: Mapping[Unknown, int], people: int, like: Tensor) -> None:
        """Start with zeros.

        Args:
            sizes: sizes of the free blocks of unknowns, in order.
            people: number of people.
            like: a tensor on the same device.
        """
        ends = [0]
        for size in sizes.values():
            ends.append(ends[-1] + size)
        self.places = {name: slice(a, b) for name, a, b in zip(sizes, ends[:-1], ends[1:], strict=True)}
        self.slope = torch.zeros(people, ends[-1], dtype=torch.float64, device=like.device)
        self.curvature = torch.zeros(people, ends[-1], ends[-1], dtype=torch.float64, device=like.device)
        self.stiffness = torch.cat([self.slope.new_full((size,), STIFFNESS[name]) for name, size in sizes.items()])

    def add(self, terms: Iterable[Term], at: Posed, by: Derivatives) -> None:
        """Add the contributions of terms.

        Args:
            terms: terms of the objective.
            at: bodies.
            by: derivatives of their landmarks and rotations.
        """
        for term in terms:
            columns = term.columns(at, by)
            if isinstance(columns, Dense):
                self._add_dense(term.residual(at), columns)
            elif columns is not None:
                self._add_per_joint(term.residual(at), columns)

    def _add_dense(self, residual: Residual, dense: Dense) -> None:
        names = [*dense.columns]
        place = slice(self.places[names[0]].start, self.places[names[-1]].stop)
        root = residual.root[..., None]
        columns = torch.cat([*dense.columns.values()], dim=-1)
        rows = (root[..., None] * columns).flatten(1, 2).double()
        values = (root * residual.values).flatten(1).double()
        self.curvature[:, place, place] += rows.mT @ rows
        self.slope[:, place] += (rows.mT @ values[..., None]).squeeze(-1)

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
