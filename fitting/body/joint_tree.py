"""Forward kinematics of a body's joints, with the batch as the last dimension, for sums over contiguous memory."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class JointTree(nn.Module):
    """Forward kinematics of a tree whose last joints may be rigid, as the hands of SMPL.

    Attributes:
        rotating: number of joints that rotate.
        carriers: for each joint the rotating joint that it moves with.
        parents: parents of all joints but the root.
        identity: rotation of a joint above the root.
        chains: one where a bone (index of its joint minus one) is on the path from the root to a joint, else zero.
    """

    carriers: Int[Tensor, " joints"]
    parents: Int[Tensor, " bones"]
    chains: Float[Tensor, "joints bones"]
    identity: Float[Tensor, "1 3 3 1"]

    def __init__(self, tree: tuple[int, ...], rotating: int) -> None:
        """Prepare the tree.

        Args:
            tree: parent of each joint.
            rotating: number of joints that rotate; the ones after them move with their parents.
        """
        super().__init__()
        self.parent_of, self.rotating = tree, rotating
        above = torch.tensor([rotating, *tree[1:rotating], rotating])  # above the root is a joint that never rotates
        self.doublings = 0
        while (above < rotating).any():
            self.register_buffer(f"above_{self.doublings}", above, persistent=False)
            above = above[above]
            self.doublings += 1
        carriers = [joint if joint < rotating else tree[joint] for joint in range(len(tree))]
        self.register_buffer("carriers", torch.tensor(carriers), persistent=False)
        self.register_buffer("parents", torch.tensor(tree[1:]), persistent=False)
        self.register_buffer("chains", _chains(tree), persistent=False)
        self.register_buffer("identity", torch.eye(3, dtype=torch.float32)[None, :, :, None], persistent=False)

    def forward(
        self,
        local: Float[Tensor, "rotating 3 3 batch"],
        bones: Float[Tensor, "joints 3 #batch"],
        rest: Float[Tensor, "joints 3 #batch"],
        transl: Float[Tensor, "batch 3"] | None,
    ) -> tuple[Float[Tensor, "joints 3 3 batch"], Float[Tensor, "joints 3 batch"], Float[Tensor, "joints 3 batch"]]:
        """World rotations and positions of the joints, and the offsets that skinning adds to rotated rest points.

        The rotations of chains of 2, 4, 8 and so on joints are composed at once for all joints; positions are sums of
        the rotated bones on the way.

        Args:
            local: rotations relative to the parents.
            bones: rest positions relative to the parents, metres; the root's relative to the origin.
            rest: rest positions of the joints, metres.
            transl: translation in metres; None for none.

        Returns:
            Rotations, positions and offsets.
        """
        chains = torch.cat([local, self.identity.expand(-1, -1, -1, local.shape[-1])])
        for doubling in range(self.doublings):
            above = chains.index_select(0, self.get_buffer(f"above_{doubling}"))
            chains = (above.unsqueeze(3) * chains.unsqueeze(1)).sum(2)
        world = chains.index_select(0, self.carriers)
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
