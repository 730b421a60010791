"""Arms that are inside the body."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.joint_tree import JointTree
from fitting.terms.term import Dense, Derivatives, Posed, Residual
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, PARENTS, REST_JOINTS
from qposer.control.collisions import arms_and_flesh

_NUMBER = NUM_BODY_JOINTS + 1
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
            Columns of the codes if they are free and an arm is inside; nothing else has an effect.
        """
        if by.turns is None:
            return None
        posed = self._posed(at)
        shape = posed.depth.T.shape
        if not posed.depth.is_cpu:  # to know which points are inside would mean to wait for the GPU
            every = torch.arange(shape.numel(), device=posed.depth.device)
            people, points = every // shape[1], every % shape[1]
            return Dense({"pose": posed.changes(by.turns, people, points).unflatten(0, shape)[:, :, None]})
        people, points = posed.depth.T.nonzero(as_tuple=True)
        if not len(people):
            return None
        return Dense({"pose": posed.changes(by.turns, people, points)[:, None, None]}, (people, points))

    def _posed(self, at: Posed) -> _Posed:
        if not self._latest or self._latest[0].world is not at.world:
            self._latest[:] = [_Posed.of(at.world)]
        return self._latest[0]


class _Shape(NamedTuple):
    """Joints, points along the arms, and spheres inside the body, each fixed to a joint, of the mean shape."""

    spread: Float[Tensor, "places 66"]
    """Positions as linear functions of the joints' world rotations: the joints, the points, the spheres' centres."""
    least: Float[Tensor, "points spheres 1"]
    """Distances at which they touch, metres."""
    moved: Float[Tensor, "places 21"]
    """One if a joint's rotation moves a point or sphere, else zero."""
    parents: Int[Tensor, " 21"]


@cache
def _shape(device: torch.device, dtype: torch.dtype) -> _Shape:
    tree, rest = JointTree(PARENTS[:_NUMBER], _NUMBER), torch.from_numpy(REST_JOINTS)[:_NUMBER].float()
    carriers, places, least = arms_and_flesh()
    eye = torch.eye(_NUMBER)
    bones = rest[1:] - rest[tree.parents]
    joints = torch.einsum("jb,bk,bc->jkc", tree.chains, eye[tree.parents], bones)
    fixed = joints[carriers] + eye[carriers, :, None] * (places - rest[carriers])[:, None]
    of_shape = torch.cat([joints, fixed]).flatten(1), least[..., None], tree.chains[carriers]
    spread, least, moved = (each.to(device, dtype) for each in of_shape)
    return _Shape(spread, least, moved, tree.parents.to(device))


class _Posed(NamedTuple):
    """Arms and body relative to the pelvis, in camera axes, the batch last."""

    world: Float[Tensor, "people joints 3 3"]
    """Rotations, the batch first."""
    shape: _Shape
    joints: Float[Tensor, "22 3 people"]
    arms: Float[Tensor, "points 3 people"]
    flesh: Float[Tensor, "spheres 3 people"]
    depth: Float[Tensor, "points people"]
    """Of each point in the sphere that it is deepest in, centimetres."""
    sphere: Int[Tensor, "points people"]

    @classmethod
    def of(cls, world: Float[Tensor, "people joints 3 3"]) -> _Posed:
        shape = _shape(world.device, world.dtype)
        columns = world[:, :_NUMBER].permute(1, 3, 2, 0).flatten(0, 1)
        places = (shape.spread @ columns.flatten(1)).unflatten(1, columns.shape[1:])
        joints, arms, flesh = places.split([_NUMBER, *shape.least.shape[:2]])
        gap = (arms[:, None] - flesh).square().sum(2).sqrt()  # much faster than vector_norm
        depth, sphere = (100 * (shape.least - gap).clamp(min=0)).max(1)
        return cls(world, shape, joints, arms, flesh, depth, sphere)

    def changes(
        self, turns: Float[Tensor, "people 21 numbers 3"], people: Int[Tensor, " rows"], points: Int[Tensor, " rows"]
    ) -> Float[Tensor, "rows unknowns"]:
        """Derivatives of some depths by numbers that turn joints.

        Args:
            turns: of each joint by each of its numbers, radians in the axes of the joint's parent.
            people: person of each depth.
            points: point of each depth.
        """
        shape, sphere, arm = self.shape, self.sphere[points, people], self.arms[points, :, people]
        out = torch.nn.functional.normalize(arm - self.flesh[sphere, :, people], dim=-1)
        apart = arm[:, None] - self.joints[1:].permute(2, 0, 1)[people]
        moment = torch.linalg.cross(apart, out[:, None].expand_as(apart))
        moved = shape.moved[points] - shape.moved[len(self.arms) + sphere]
        inside = (self.depth[points, people] > 0)[:, None]
        moment = moment * (-100 * moved * inside)[..., None]
        of_parent = moment[:, :, None] @ self.world.index_select(1, shape.parents)[people]
        changes: Tensor = (turns[people] @ of_parent.mT).flatten(1)
        return changes
