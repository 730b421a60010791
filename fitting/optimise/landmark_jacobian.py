"""Derivatives of a body's landmarks by its joints and shape, in closed form."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.body.joint_tree import JointTree
from qposer.body_pose.skeleton import NUM_BODY_JOINTS

BENDING = NUM_BODY_JOINTS + 1
"""Number of rotating joints of a body without fingers: the root and the body joints."""


class LandmarkJacobian:
    """First derivatives of landmarks.

    A landmark is a sum over joints with weights ``w`` of sum one: a point fixed to the joint, plus ``w`` times the
    joint's position. A small rotation ``d`` of a joint (radians, world axes) moves it by ``d x arm``; the arm sums the
    contributions of the joint's descendants. SMPL's pose blend shapes (millimetres) are ignored.
    """

    def __init__(self, body: Body, mixing: Float[Tensor, "landmarks points"]) -> None:
        """Prepare the derivatives.

        Args:
            body: body model with the landmarks.
            mixing: weights of the body's surface points and joints in each landmark (`Body.mixing`,
                `Body.joint_mixing`).
        """
        basis = torch.cat([body.points_template, body.points_shapes], dim=1).unflatten(0, (-1, 3))
        number = body.num_joints
        self._bones, joints, surface = basis.split([number, number, len(basis) - 2 * number])
        of_surface, of_joints = mixing.split([len(surface), number], dim=1)
        weights = of_surface @ body.points_weights
        carried = torch.einsum("lp,pk,pcn->klcn", of_surface, body.points_weights, surface)
        self._carried = carried - weights.T[..., None, None] * joints[:, None]
        self._weights = weights + of_joints
        self._below = _below(body.articulation).to(weights)
        self._articulation = body.articulation
        places = self._below[:, None] * self._weights
        places.diagonal(dim1=0, dim2=2).sub_(places.sum(2).T)
        self._of_bones = (places @ self._articulation.chains).flatten(0, 1).T
        """What the bones, in world axes, contribute to the arms."""

    def parents(self, world: Float[Tensor, "people joints 3 3"]) -> Float[Tensor, "people bones 3 3"]:
        """Rotations of the parents of all joints but the root."""
        return world.index_select(1, self._articulation.parents)

    def lever_arms(
        self, world: Float[Tensor, "people joints 3 3"], betas: Float[Tensor, "#people shapes"]
    ) -> Float[Tensor, "people landmarks rotating 3"]:
        """Lever arms from rotating joints to landmarks, in metres.

        Args:
            world: world rotations of all joints.
            betas: shape coefficients.

        Returns:
            Arms; a landmark moves by the cross product of a joint's small rotation (radians) with its arm.
        """
        one = torch.cat([torch.ones_like(betas[:, :1]), betas], dim=1)
        bones = torch.einsum("kcn,bn->bkc", self._bones, one)
        turned = (self.parents(world) @ bones[:, 1:, :, None]).squeeze(-1)
        of_bones = (turned.mT @ self._of_bones).unflatten(2, (len(self._below), -1)).permute(0, 3, 2, 1)
        carried = torch.einsum("klcn,bn->bklc", self._carried, one) @ world.mT
        below = (self._below @ carried.flatten(2)).unflatten(2, carried.shape[2:])
        lever_arms: Tensor = below.transpose(1, 2) + of_bones
        return lever_arms

    def shapes(self, world: Float[Tensor, "people joints 3 3"]) -> Float[Tensor, "people landmarks 3 shapes"]:
        """Derivatives by the shape components, with the body's position fixed."""
        turned = self.parents(world) @ self._bones[1:, :, 1:]
        places = (self._articulation.chains @ turned.flatten(2)).unflatten(2, turned.shape[2:]) + self._bones[0, :, 1:]
        carried = torch.einsum("bkcd,kldn->blcn", world, self._carried[..., 1:])
        shapes: Tensor = carried + (self._weights @ places.flatten(2)).unflatten(2, places.shape[2:])
        return shapes


def swings(
    turns: Float[Tensor, "people joints numbers 3"], arms: Float[Tensor, "people landmarks joints 3"]
) -> Float[Tensor, "people landmarks 3 unknowns"]:
    """Derivatives of landmarks by parameters that rotate joints: ``turn x arm``.

    Args:
        turns: rotation of each joint by each of its parameters, in radians, world axes.
        arms: lever arms from the joints to the landmarks, in metres.

    Returns:
        Derivatives by the parameters of all joints.
    """
    turn_x, turn_y, turn_z = turns[:, None].unbind(-1)
    arm_x, arm_y, arm_z = arms[..., None, :].unbind(-1)  # by hand: torch.linalg.cross takes five times as long
    x, y, z = turn_y * arm_z - turn_z * arm_y, turn_z * arm_x - turn_x * arm_z, turn_x * arm_y - turn_y * arm_x
    return torch.stack([x, y, z], dim=2).flatten(3)


def _below(tree: JointTree) -> Float[Tensor, "rotating joints"]:
    """One where a joint (column) is a rotating joint (row) or its descendant, else zero."""
    below = torch.eye(len(tree.parent_of))
    for joint in range(len(below) - 1, 0, -1):
        below[tree.parent_of[joint]] += below[joint]
    return below[: len(tree.by_level)]
