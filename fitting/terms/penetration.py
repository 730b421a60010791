"""Arms that are inside the body."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.joint_tree import JointTree, turn
from fitting.terms.term import Dense, Derivatives, Posed, Residual
from qposer.body_pose.skeleton import PARENTS, REST_JOINTS
from qposer.control.collisions import arms_and_flesh

_TREE = PARENTS[:22]
"""The pelvis and the body joints."""


@dataclass(frozen=True)
class ArmsInside:
    """Squared depth (centimetres) of points along the arms in head, neck, trunk and thighs of the mean shape."""

    weight: Float[Tensor, " people"]
    _latest: list[_Posed] = field(default_factory=list, init=False, repr=False, compare=False)
    """Of the last call: costs and derivatives of the same bodies are needed one after the other."""

    def residual(self, at: Posed) -> Residual:
        """For each point the depth in the part that it is deepest in; zero outside."""
        depth = self._posed(at).depth.T
        return Residual(depth[..., None], self.weight[:, None])

    def columns(self, at: Posed, by: Derivatives) -> Dense | None:
        """Derivatives by the codes.

        Args:
            at: bodies.
            by: the codes' turns of the joints.

        Returns:
            Columns of the codes if they are free; nothing else has an effect.
        """
        if by.turns is None:
            return None
        columns = self._posed(at).changes(by.turns.permute(1, 2, 3, 0))
        return Dense({"pose": columns.permute(2, 0, 1)[:, :, None]})

    def _posed(self, at: Posed) -> _Posed:
        if not self._latest or self._latest[0].body_pose is not at.body_pose:
            self._latest[:] = [_Posed.of(at.body_pose)]
        return self._latest[0]


class _Shape(NamedTuple):
    """Points along the arms, and spheres inside the body, in the T-pose; each is fixed to a joint."""

    tree: JointTree
    bones: Float[Tensor, "22 3 1"]
    rest: Float[Tensor, "22 3 1"]
    carriers: Int[Tensor, " places"]
    levers: Float[Tensor, "places 3 1"]
    """From the carriers to the points and then the spheres' centres, metres."""
    least: Float[Tensor, "points spheres 1"]
    """Distances at which they touch."""
    moved: Float[Tensor, "places 21 1"]
    """One if a joint's rotation moves a point or sphere, else zero."""


@cache
def _shape(device: torch.device, dtype: torch.dtype) -> _Shape:
    tree, rest = JointTree(_TREE, len(_TREE)), torch.from_numpy(REST_JOINTS)[: len(_TREE)].float()
    carriers, places, least = arms_and_flesh()
    bones = torch.cat([rest[:1], rest[1:] - rest[tree.parents]])
    of_shape = bones, rest, places - rest[carriers], least, tree.chains[carriers]
    bones, rest, levers, least, moved = (each[..., None].to(device, dtype) for each in of_shape)
    return _Shape(tree.to(device, dtype), bones, rest, carriers.to(device), levers, least, moved)


class _Posed(NamedTuple):
    """Arms and body in the axes of the pelvis, the batch last."""

    body_pose: Float[Tensor, "people 21 3 3"]
    """Relative to the parents, the batch first."""
    shape: _Shape
    world: Float[Tensor, "22 3 3 people"]
    joints: Float[Tensor, "22 3 people"]
    arms: Float[Tensor, "points 3 people"]
    flesh: Float[Tensor, "spheres 3 people"]
    depth: Float[Tensor, "points people"]
    """Of each point in the sphere that it is deepest in, centimetres."""
    sphere: Int[Tensor, "points people"]

    @classmethod
    def of(cls, body_pose: Float[Tensor, "people 21 3 3"]) -> _Posed:
        shape = _shape(body_pose.device, body_pose.dtype)
        root = torch.eye(3, dtype=body_pose.dtype, device=body_pose.device).expand(len(body_pose), 1, 3, 3)
        local = torch.cat([root, body_pose], dim=1).permute(1, 2, 3, 0)
        world, joints, _ = shape.tree(local, shape.bones, shape.rest, None)
        carriers = shape.carriers
        places = joints.index_select(0, carriers) + turn(world.index_select(0, carriers), shape.levers)
        arms, flesh = places.split(list(shape.least.shape[:2]))
        gap = (arms[:, None] - flesh).square().sum(2).sqrt()  # much faster than vector_norm
        depth, sphere = (100 * (shape.least - gap).clamp(min=0)).max(1)
        return cls(body_pose, shape, world, joints, arms, flesh, depth, sphere)

    def changes(self, turns: Float[Tensor, "21 numbers 3 people"]) -> Float[Tensor, "points unknowns people"]:
        """Derivatives of the depths by numbers that turn joints.

        Args:
            turns: of each joint by each of its numbers, radians in the axes of the joint's parent.
        """
        shape, points = self.shape, len(self.arms)
        centres = self.flesh.gather(0, self.sphere[:, None].expand(-1, 3, -1))
        away = self.arms - centres
        out = away / away.square().sum(1, keepdim=True).clamp(min=1e-12).sqrt()
        (x, y, z), (a, b, c) = (self.arms[:, None] - self.joints[1:]).unbind(2), out[:, None].unbind(2)
        moment = torch.stack([y * c - z * b, z * a - x * c, x * b - y * a], dim=2)
        apart = shape.moved[:points] - shape.moved[points:, :, 0][self.sphere].movedim(2, 1)
        moment = moment * (-100 * apart * (self.depth > 0)[:, None])[:, :, None]
        of_parent = (self.world.index_select(0, shape.tree.parents) * moment.unsqueeze(3)).sum(2)
        return (of_parent[:, :, None] * turns).sum(3).flatten(1, 2)
