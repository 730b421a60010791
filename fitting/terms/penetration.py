"""Arms that are inside the body."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.terms.term import Dense, Derivatives, Posed, Residual
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.control.collisions import penetration

_SIDES = ("left", "right")
_POINTS = 10
"""Points along both arms."""


@dataclass(frozen=True)
class ArmsInside:
    """Squared depth (centimetres) of points along the arms in head, neck, trunk and thighs of the mean shape."""

    weight: float

    def residual(self, at: Posed) -> Residual:
        """For each point the depth in the part that it is deepest in; zero outside."""
        depth = _depth(at.body_pose)
        return Residual(depth[..., None], depth.new_full(depth.shape, self.weight))

    def columns(self, at: Posed, by: Derivatives) -> Dense | None:
        """Derivatives by the codes: those of the depths by the rotations are found by autograd.

        Args:
            at: bodies.
            by: derivatives of the rotations by the codes.

        Returns:
            Columns of the codes if they are free; nothing else has an effect.
        """
        if by.body_pose is None:
            return None
        people, points = _depth(at.body_pose).nonzero(as_tuple=True)
        with torch.enable_grad():  # one body for each point inside, so that one backward pass suffices
            pose = at.body_pose[people].requires_grad_()
            inside = _depth(pose).gather(1, points[:, None])
            (by_pose,) = torch.autograd.grad(inside.sum(), pose)
        columns = by.body_pose.new_zeros(len(at.body_pose), _POINTS, 1, by.body_pose[0, :, :, 0, 0].numel())
        columns[people, points, 0] = torch.einsum("cjab,cjlab->cjl", by_pose, by.body_pose[people]).flatten(1)
        return Dense({"pose": columns})


def _depth(body_pose: Float[Tensor, "*people 21 3 3"]) -> Float[Tensor, "*people points"]:
    orient = torch.eye(3).to(body_pose).expand(*body_pose.shape[:-3], 3, 3)
    depth = penetration(PosedSkeleton.of(OrientedPose(body_pose, orient)), _SIDES)
    deepest: Tensor = depth.unflatten(-1, (_POINTS, -1)).amax(-1)
    return deepest
