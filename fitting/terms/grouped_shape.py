"""The prior of shapes of people of all ages, whose components are not normally distributed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.age_groups import AgeGroups
from fitting.terms.term import Dense, Derivatives, Posed, Residual


@dataclass(frozen=True)
class GroupedShape:
    """Squared Mahalanobis distance of the shape from a group of people."""

    weight: Float[Tensor, " people"]
    means: Float[Tensor, "groups shapes"]
    roots: Float[Tensor, "groups shapes shapes"]
    """Square roots of the inverse covariances."""
    group: Int[Tensor, " people"] | None = None
    """Group of each person; None for the nearest, which can change from step to step."""

    @classmethod
    def of(
        cls, groups: AgeGroups, weight: Float[Tensor, " people"], group: Int[Tensor, " people"] | None = None
    ) -> GroupedShape:
        """The prior of a body.

        Args:
            groups: the body's groups.
            weight: weight for each person.
            group: group of each person; default: the nearest.

        Returns:
            The term, in the weight's precision and on its device.
        """
        means, roots = (torch.from_numpy(part).to(weight) for part in (groups.means, groups.roots))
        return cls(weight, means, roots, group)

    def residual(self, at: Posed) -> Residual:
        """Components relative to the group's mean, standardised."""
        _, off = self._nearest(at)
        return Residual(off[:, None], self.weight[:, None])

    def columns(self, at: Posed, by: Derivatives) -> Dense | None:
        """The root of the group's inverse covariance.

        Args:
            at: bodies.
            by: contains the shape if it is free.

        Returns:
            Columns of the shape.
        """
        if "betas" not in by.landmarks:
            return None
        group, _ = self._nearest(at)
        return Dense({"betas": self.roots[group][:, None]})

    def _nearest(self, at: Posed) -> tuple[Int[Tensor, " #people"], Float[Tensor, "#people shapes"]]:
        off = torch.einsum("gij,pgj->pgi", self.roots, at.betas[:, None] - self.means)
        group = off.square().sum(-1).argmin(1) if self.group is None else self.group
        return group, off[torch.arange(len(off), device=off.device), group]
