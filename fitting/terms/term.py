"""Interface of terms: residuals whose weighted, robust squares are a cost, and their derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from fitting.terms.robust import gmof, gmof_weight

Unknown = Literal["orient", "transl", "betas", "pose", "residual"]
"""Blocks of unknowns: rotation of the pelvis, position, shape, relaxed codes, and residual rotations."""


class Posed(NamedTuple):
    """Bodies at some values of the unknowns."""

    orient: Float[Tensor, "people 3 3"]
    transl: Float[Tensor, "people 3"]
    betas: Float[Tensor, "#people shapes"]
    pose: Float[Tensor, " people *numbers"]
    """Standardised latents, or parameters of another pose space."""
    residual: Float[Tensor, "people joints 3"]
    body_pose: Float[Tensor, "people joints 3 3"]
    """Rotations that result from ``pose`` and ``residual``."""
    landmarks: Float[Tensor, "people landmarks 3"]
    """In the camera's axes, metres."""
    world: Float[Tensor, "people joints 3 3"]
    """Rotations of the joints in the camera's axes."""


@dataclass(frozen=True)
class Derivatives:
    """Derivatives of bodies by the free unknowns."""

    landmarks: dict[Unknown, Float[Tensor, "people landmarks 3 numbers"]]
    body_pose: Float[Tensor, "people joints latent 3 3"] | None
    """Derivatives of each joint's rotation by its own latents, if these are free."""
    turns: Float[Tensor, "people joints latent 3"] | None = None
    """The same as small turns, radians in the axes of the joint's parent."""


@dataclass(frozen=True)
class Residual:
    """Residuals in groups: the cost is ``weight * kernel(squared norm)``, summed over groups."""

    values: Float[Tensor, "#people groups numbers"]
    weight: Float[Tensor, " people #groups"]
    rho: float | None = None
    """Scale of the Geman-McClure kernel, in the unit of the values; None for plain squares."""

    @cached_property
    def cost(self) -> Float[Tensor, " people"]:
        """One number for each person."""
        squared = self.values.square().sum(-1)
        return (self.weight * (squared if self.rho is None else gmof(squared, self.rho))).sum(-1)

    @cached_property
    def root(self) -> Float[Tensor, "people groups"]:
        """Square roots of the curvature by the values; rows scaled by them give the cost's gradient and curvature."""
        if self.rho is None:
            return (2 * self.weight).sqrt()
        return (2 * self.weight * gmof_weight(self.values.square().sum(-1), self.rho)).sqrt()


@dataclass(frozen=True)
class Dense:
    """Derivatives of values by some blocks of unknowns."""

    columns: dict[Unknown, Float[Tensor, "#people groups numbers unknowns"]]
    rows: tuple[Int[Tensor, " rows"], Int[Tensor, " rows"]] | None = None
    """People and groups of the rows of ``columns`` (rows, 1, numbers, unknowns), if all others are zero."""


@dataclass(frozen=True)
class PerJoint:
    """Derivatives of groups that are joints, each dependent only on the joint's own unknowns."""

    unknown: Unknown
    columns: Float[Tensor, "#people joints numbers unknowns"]


@runtime_checkable
class Term(Protocol):
    """A part of the objective."""

    def residual(self, at: Posed) -> Residual:
        """The residual to minimise."""
        ...

    def columns(self, at: Posed, by: Derivatives) -> Dense | PerJoint | None:
        """Derivatives of the residual's values; None if no free unknown affects them.

        Args:
            at: bodies.
            by: derivatives of their landmarks and rotations.

        Returns:
            Columns of the Jacobian.
        """
        ...
