"""Statements about a pose that are known to hold: "right hand on the right hip", "left foot on the floor"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, Posed, Residual
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.rotations import axis_angle_to_matrix, turn_derivative
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control.constraints import EXACTNESS, Constraint

POSES = 16
"""Poses in which `Hold.joints` are searched; statements that a pose satisfies have no derivatives there."""


@dataclass(frozen=True)
class Hold:
    """Squared violations of constraints, in units of 1 cm or 2 degrees.

    Directions such as up and forward are those of a person in front of a camera of known pitch.
    """

    weight: float
    constraints: tuple[Constraint, ...]
    pitch: float = 0.0
    """Downward angle of the camera in radians."""

    @cached_property
    def joints(self) -> Bool[Tensor, "21"]:
        """Joints whose rotations change the violations, in any of a few poses."""
        generator = torch.Generator().manual_seed(0)
        turns = 0.5 * torch.randn(POSES, NUM_BODY_JOINTS, 3, generator=generator)
        with torch.enable_grad():
            body_pose = axis_angle_to_matrix(turns).requires_grad_()
            violations = self._violations(torch.eye(3).expand(POSES, 3, 3), body_pose)
            (by_pose,) = torch.autograd.grad(violations.sum(), body_pose)
        return (by_pose != 0).any(-1).any(-1).any(0)

    def residual(self, at: Posed) -> Residual:
        """Signed violations, one for each constraint."""
        values = self._violations(at.orient, at.body_pose)
        return Residual(values[..., None], values.new_full(values.shape, self.weight))

    def columns(self, at: Posed, by: Derivatives) -> Dense:
        """Derivatives by orientation, codes and residual rotations, from those by the rotations, found by autograd.

        Args:
            at: bodies.
            by: derivatives of the rotations by the codes.

        Returns:
            Columns of all unknowns; position and shape have no effect.
        """
        count = len(self.constraints)
        with torch.enable_grad():  # one copy of the bodies for each constraint, so that one backward pass suffices
            turn = at.transl.new_zeros(count, *at.transl.shape, requires_grad=True)
            body_pose = at.body_pose.expand(count, *at.body_pose.shape).clone().requires_grad_()
            values = self._violations(_small_rotation(turn) @ at.orient, body_pose)
            by_turn, by_pose = torch.autograd.grad(values.diagonal(dim1=0, dim2=-1).sum(), (turn, body_pose))
        columns = {
            name: at.transl.new_zeros(len(at.transl), count, 1, by.landmarks[name].shape[-1]) for name in by.landmarks
        }
        columns["orient"][:, :, 0] = by_turn.transpose(0, 1)
        if by.body_pose is not None:
            columns["pose"][:, :, 0] = torch.einsum("cpjab,pjlab->pcjl", by_pose, by.body_pose).flatten(2)
        if "residual" in columns:
            turns = turn_derivative(torch.eye(3, dtype=turn.dtype, device=turn.device))
            columns["residual"][:, :, 0] = torch.einsum("cpjab,pjad,lbd->pcjl", by_pose, at.body_pose, turns).flatten(2)
        return Dense(columns)

    def _violations(
        self, orient: Float[Tensor, "*people 3 3"], body_pose: Float[Tensor, "*people 21 3 3"]
    ) -> Float[Tensor, "*people constraints"]:
        skeleton = self._skeleton(orient, body_pose)
        return torch.stack([one.residual(skeleton) / EXACTNESS[one.unit] for one in self.constraints], dim=-1)

    def _skeleton(
        self, orient: Float[Tensor, "*people 3 3"], body_pose: Float[Tensor, "*people 21 3 3"]
    ) -> PosedSkeleton:
        """The body upright, without its heading."""
        cos, sin = math.cos(self.pitch), math.sin(self.pitch)
        world = orient.new_tensor([[1.0, 0.0, 0.0], [0.0, -cos, -sin], [0.0, sin, -cos]]) @ orient
        ahead = torch.nn.functional.normalize(world[..., ::2, 2].detach(), dim=-1)
        none, one = torch.zeros_like(ahead[..., 0]), torch.ones_like(ahead[..., 0])
        x, z = ahead.unbind(-1)
        rows = [(z, none, -x), (none, one, none), (x, none, z)]
        heading = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
        return PosedSkeleton.of(OrientedPose(body_pose, heading @ world))

    def gaps(
        self, orient: Float[Tensor, "people 3 3"], body_pose: Float[Tensor, "people 21 3 3"]
    ) -> Float[Tensor, "people constraints"]:
        """How far each constraint is violated, in its unit.

        Args:
            orient: rotations of the pelvis, in camera axes.
            body_pose: rotations relative to the parents.

        Returns:
            Degrees or centimetres.
        """
        skeleton = self._skeleton(orient, body_pose)
        return torch.stack([one.gap(skeleton) for one in self.constraints], dim=-1)


def _small_rotation(turn: Float[Tensor, "*people 3"]) -> Float[Tensor, "*people 3 3"]:
    """The identity plus the cross product with a small axis-angle vector."""
    x, y, z = turn.unbind(-1)
    one = torch.ones_like(x)
    rows = [(one, -z, y), (z, one, -x), (-y, x, one)]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
