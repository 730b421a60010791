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
    """Squared Mahalanobis distance from the most probable group of people (max-mixture, Olson and Agarwal, 2013)."""

    weight: Float[Tensor, " people"]
    means: Float[Tensor, "groups shapes"]
    roots: Float[Tensor, "groups shapes shapes"]
    rarity: Float[Tensor, " groups"]
    """Twice the negative log density of each group at its mean, up to a constant; not negative."""
    group: Int[Tensor, " people"] | None = None
    """Group of each person; None for the most probable."""

    @classmethod
    def of(
        cls, groups: AgeGroups, weight: Float[Tensor, " people"], group: Int[Tensor, " people"] | None = None
    ) -> GroupedShape:
        """The prior of a body.

        Args:
            groups: the body's groups.
            weight: weight for each person.
            group: group of each person; default: the most probable.

        Returns:
            The term, with the weight's precision, on its device.
        """
        means, roots, shares = (torch.from_numpy(part).to(weight) for part in (groups.means, groups.roots, groups.shares))
        density = shares.log()
        return cls(weight, means, roots, 2 * (density.max() - density), group)

    def residual(self, at: Posed) -> Residual:
        """Standardised components relative to the group's mean, and the root of its rarity."""
        group, off = self._nearest(at)
        return Residual(torch.cat([off, self.rarity[group, None].sqrt()], dim=1)[:, None], self.weight[:, None])

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
        return Dense({"betas": torch.nn.functional.pad(self.roots[group], (0, 0, 0, 1))[:, None]})

    def _nearest(self, at: Posed) -> tuple[Int[Tensor, " #people"], Float[Tensor, "#people shapes"]]:
        off = torch.einsum("gij,pgj->pgi", self.roots, at.betas[:, None] - self.means)
        group = (off.square().sum(-1) + self.rarity).argmin(1) if self.group is None else self.group
        return group, off[torch.arange(len(off), device=off.device), group]
