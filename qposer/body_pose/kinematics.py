"""Forward kinematics of the SMPL tree, and its reflection."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.rotations import reflected
from qposer.body_pose.skeleton import MIRROR, PARENTS


@cache
def tree_levels(num_joints: int, parents: tuple[int, ...] = PARENTS) -> tuple[tuple[int, ...], ...]:
    """The joints ``1..num_joints-1`` grouped by depth, the root's children first.

    Args:
        num_joints: number of joints.
        parents: parent of each joint, with a lower index; default: SMPL's tree.

    Returns:
        Joint indices, level by level.
    """
    depth = {0: 0}
    for joint in range(1, num_joints):
        depth[joint] = depth[parents[joint]] + 1
    return tuple(
        tuple(joint for joint in depth if depth[joint] == level)
        for level in range(1, max(depth.values(), default=0) + 1)
    )


def chain(joint: int) -> list[int]:
    """The joints from the root to a joint, both included."""
    way = [joint]
    while PARENTS[way[0]] >= 0:
        way.insert(0, PARENTS[way[0]])
    return way


def forward_kinematics(
    rotations: Float[Tensor, "*batch joints 3 3"],
    rest_joints: Float[Tensor, "*#batch joints 3"],
    tree: tuple[int, ...] = PARENTS,
) -> tuple[Float[Tensor, "*batch joints 3 3"], Float[Tensor, "*batch joints 3"]]:
    """Pose a skeleton.

    Args:
        rotations: rotations of each joint relative to its parent; joint 0 relative to the world. Any leading part of
            the tree that contains all parents (22 and 24 are common for SMPL).
        rest_joints: joint positions in the T-pose, metres.
        tree: parent of each joint; default: SMPL's tree.

    Returns:
        Rotations of each joint relative to the world, and joint positions with the root at its rest position.
    """
    levels, order = _indices(rotations.shape[-3], tree, rotations.device)
    rest_joints = rest_joints.expand(*rotations.shape[:-2], 3)
    world, position = [rotations[..., :1, :, :]], [rest_joints[..., :1, :]]
    for joints, parents, parents_above in levels:
        parent_world = world[-1].index_select(-3, parents_above)
        offset = rest_joints.index_select(-2, joints) - rest_joints.index_select(-2, parents)
        moved = (parent_world @ offset.unsqueeze(-1)).squeeze(-1)
        position.append(position[-1].index_select(-2, parents_above) + moved)
        world.append(parent_world @ rotations.index_select(-3, joints))
    return torch.cat(world, dim=-3).index_select(-3, order), torch.cat(position, dim=-2).index_select(-2, order)


@cache
def _indices(num_joints: int, tree: tuple[int, ...], device: torch.device) -> tuple[list[list[Tensor]], Tensor]:
    """For each level its joints, their parents, and their parents' places in the level above; and each joint's place
    in all levels, one after another."""
    every = [(0,), *tree_levels(num_joints, tree)]
    levels = []
    for above, joints in pairwise(every):
        parents = [tree[joint] for joint in joints]
        indices = joints, parents, [above.index(parent) for parent in parents]
        levels.append([torch.tensor(each, device=device) for each in indices])
    by_level = [joint for level in every for joint in level]
    return levels, torch.tensor([by_level.index(joint) for joint in range(num_joints)], device=device)


def body_joints(
    body_pose: Float[Tensor, "*batch 21 3 3"], rest_joints: Float[Tensor, "24 3"]
) -> Float[Tensor, "*batch 22 3"]:
    """Positions (metres) of the root and the 21 body joints, the root upright at the origin.

    Args:
        body_pose: rotations relative to the parents.
        rest_joints: positions of SMPL's joints at rest, metres.

    Returns:
        Positions relative to the root.
    """
    root = torch.eye(3, dtype=body_pose.dtype, device=body_pose.device).expand(*body_pose.shape[:-3], 1, 3, 3)
    return forward_kinematics(torch.cat([root, body_pose], dim=-3), rest_joints[:22] - rest_joints[0])[1]


def mirror_body_pose(body_pose: Float[Tensor, "*batch 21 3 3"]) -> Float[Tensor, "*batch 21 3 3"]:
    """The mirrored pose: left and right swapped, rotations reflected in the body's median plane."""
    return reflected(body_pose[..., [MIRROR[joint] - 1 for joint in range(1, 22)], :, :])
