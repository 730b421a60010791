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

NEGLIGIBLE = 1e-6
"""Metres."""


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
        carried = carried - weights.T[..., None, None] * joints[:, None]
        self._carriers, landmarks = (carried.abs().amax((2, 3)) > NEGLIGIBLE).nonzero(as_tuple=True)
        self._carried = carried[self._carriers, landmarks]
        self._articulation = body.articulation

        of_carried = torch.eye(len(mixing)).to(mixing)[:, landmarks]
        weights = weights + of_joints
        self._of_carried_and_places = torch.cat([of_carried, weights], dim=1)
        below = _below(body.articulation).to(weights)
        places = weights[:, None] * below
        places.diagonal(dim1=1, dim2=2).sub_(places.sum(2))
        parts = of_carried[:, None] * below[:, self._carriers], places @ self._articulation.chains
        self._arms = torch.cat(parts, dim=2)
        """Lever arms (landmarks, rotating joints) as sums of what joints carry and of bones, all in world axes."""

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
        carried = torch.einsum("pcn,bn->bpc", self._carried, one)
        carried = (world.index_select(1, self._carriers) @ carried[..., None]).squeeze(-1)
        parts = torch.cat([carried, turned], dim=1).mT.flatten(0, 1)
        arms = (parts @ self._arms.flatten(0, 1).T).unflatten(0, (-1, 3))
        lever_arms: Tensor = arms.unflatten(2, self._arms.shape[:2]).movedim(1, -1)
        return lever_arms

    def shapes(self, world: Float[Tensor, "people joints 3 3"]) -> Float[Tensor, "people landmarks 3 shapes"]:
        """Derivatives by the shape components, with the body's position fixed."""
        turned = self.parents(world) @ self._bones[1:, :, 1:]
        places = (self._articulation.chains @ turned.flatten(2)).unflatten(2, turned.shape[2:]) + self._bones[0, :, 1:]
        carried = world.index_select(1, self._carriers) @ self._carried[..., 1:]
        parts = torch.cat([carried, places], dim=1)
        shapes: Tensor = (self._of_carried_and_places @ parts.flatten(2)).unflatten(2, parts.shape[2:])
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
    return below[: tree.rotating]
