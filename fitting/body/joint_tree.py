"""Forward kinematics of a body's joints, with the batch as the last dimension, for sums over contiguous memory."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qposer.body_pose.kinematics import tree_levels


class JointTree(nn.Module):
    """Forward kinematics of a tree whose last joints may be rigid, as the hands of SMPL.

    Attributes:
        level_sizes: number of rotating joints in each level of the tree, the root's first; the buffer ``level_d`` holds
            the parents of the joints of level ``d``, as places in the level above.
        by_level: the rotating joints, level by level.
        carriers: for each joint the place in ``by_level`` of the joint that it rotates with.
        parents: parents of all joints but the root.
        chains: one where a bone (index of its joint minus one) is on the path from the root to a joint, else zero.
    """

    by_level: Int[Tensor, " rotating"]
    carriers: Int[Tensor, " joints"]
    parents: Int[Tensor, " bones"]
    chains: Float[Tensor, "joints bones"]

    def __init__(self, tree: tuple[int, ...], rotating: int) -> None:
        """Prepare the tree.

        Args:
            tree: parent of each joint.
            rotating: number of joints that rotate; the ones after them move with their parents.
        """
        super().__init__()
        self.parent_of = tree
        levels = [(0,), *tree_levels(rotating, tree)]
        self.level_sizes = [len(level) for level in levels]
        for depth, (above, level) in enumerate(pairwise(levels), start=1):
            parents = torch.tensor([above.index(tree[joint]) for joint in level])
            self.register_buffer(f"level_{depth}", parents, persistent=False)
        order = [joint for level in levels for joint in level]
        self._in_order = order == sorted(order)  # as SMPL's joints are
        carriers = [order.index(joint if joint < rotating else tree[joint]) for joint in range(len(tree))]
        self.register_buffer("by_level", torch.tensor(order), persistent=False)
        self.register_buffer("carriers", torch.tensor(carriers), persistent=False)
        self.register_buffer("parents", torch.tensor(tree[1:]), persistent=False)
        self.register_buffer("chains", _chains(tree), persistent=False)

    def forward(
        self,
        local: Float[Tensor, "rotating 3 3 batch"],
        bones: Float[Tensor, "joints 3 #batch"],
        rest: Float[Tensor, "joints 3 #batch"],
        transl: Float[Tensor, "batch 3"] | None,
    ) -> tuple[Float[Tensor, "joints 3 3 batch"], Float[Tensor, "joints 3 batch"], Float[Tensor, "joints 3 batch"]]:
        """World rotations and positions of the joints, and the offsets that skinning adds to rotated rest points.

        Rotations are composed level by level of the tree; positions are sums of the rotated bones on the way.

        Args:
            local: rotations relative to the parents.
            bones: rest positions relative to the parents, metres; the root's relative to the origin.
            rest: rest positions of the joints, metres.
            transl: translation in metres; None for none.

        Returns:
            Rotations, positions and offsets.
        """
        ordered = local if self._in_order else local.index_select(0, self.by_level)
        levels = [*ordered.split(self.level_sizes)]
        for depth in range(1, len(levels)):
            parents: Tensor = getattr(self, f"level_{depth}")
            above = levels[depth - 1].index_select(0, parents)
            levels[depth] = (above.unsqueeze(3) * levels[depth].unsqueeze(1)).sum(2)
        world = torch.cat(levels).index_select(0, self.carriers)
        turned = turn(world.index_select(0, self.parents), bones[1:])
        root = bones[0] if transl is None else bones[0] + transl.to(local).T
        joints = root + (self.chains @ turned.flatten(1)).unflatten(1, (3, -1))
        return world, joints, joints - turn(world, rest)


def turn(
    rotations: Float[Tensor, "points 3 3 batch"], vectors: Float[Tensor, "points 3 #batch"]
) -> Float[Tensor, "points 3 batch"]:
    """Turn vectors by one rotation each.

    Args:
        rotations: rotation matrices.
        vectors: the vectors, of any unit.

    Returns:
        The turned vectors.
    """
    return (rotations * vectors.unsqueeze(1)).sum(2)


def _chains(tree: tuple[int, ...]) -> Float[Tensor, "joints bones"]:
    """One where a bone (index of its joint minus one) is on the path from the root to a joint, else zero."""
    chains = torch.zeros(len(tree), len(tree), dtype=torch.float32)
    for j, parent in enumerate(tree[1:], start=1):
        chains[j] = chains[parent]
        chains[j, j] = 1.0
    return chains[:, 1:]
