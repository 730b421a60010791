"""How a body's landmarks move with its joints and its shape, in closed form."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.keypoints import FormatName
from qposer.body_pose.kinematics import tree_levels
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, NUM_JOINTS, PARENTS

BENDING = NUM_BODY_JOINTS + 1
"""Joints that turn: the root and the body's."""


class LandmarkJacobian:
    """First derivatives of one format's landmarks.

    A landmark is a sum over joints, of weights ``w`` of sum one: a point that the joint carries, and ``w`` times the
    joint's place. So a joint that turns by a small ``d`` (radians, in space) moves it by ``d x arm``, where the arm
    gathers what joints below carry. What a pose does to the surface beyond skinning (SMPL's pose blend shapes,
    millimetres) is left out.
    """

    def __init__(self, body: Body, format: FormatName) -> None:
        basis = torch.cat([body.points_template, body.points_shapes], dim=1).unflatten(0, (-1, 3))
        self._bones, joints, surface = basis.split([NUM_JOINTS, NUM_JOINTS, len(basis) - 2 * NUM_JOINTS])
        mix: Tensor = getattr(body, f"mix_{format}")
        of_surface, of_joints = mix.split([len(surface), NUM_JOINTS], dim=1)
        weights = of_surface @ body.points_weights
        carried = torch.einsum("lp,pk,pcn->klcn", of_surface, body.points_weights, surface)
        self._carried = carried - weights.T[..., None, None] * joints[:, None]
        self._weights = weights + of_joints
        self._below = _below().to(weights)
        self._weights_below = self._weights @ self._below.T
        self._chains = body.chains
        levels = [(0,), *tree_levels(BENDING)]
        self._level_sizes = [len(level) for level in levels]
        self._level_parents = [
            torch.tensor([above.index(PARENTS[joint]) for joint in level], device=mix.device)
            for above, level in pairwise(levels)
        ]
        self._parents = torch.tensor(PARENTS[1:], device=mix.device)

    def world(
        self, orient: Float[Tensor, "people 3 3"], body_pose: Float[Tensor, "people 21 3 3"]
    ) -> Float[Tensor, "people 24 3 3"]:
        """Rotations of all joints in space.

        Args:
            orient: of the pelvis, in the camera's axes.
            body_pose: relative to the parents.

        Returns:
            Rotation matrices in the camera's axes.
        """
        levels = [*torch.cat([orient[:, None], body_pose], dim=1).split(self._level_sizes, dim=1)]
        for depth, parents in enumerate(self._level_parents, start=1):
            levels[depth] = levels[depth - 1].index_select(1, parents) @ levels[depth]
        return torch.cat([*levels, levels[-1]], dim=1)

    def parents(self, world: Float[Tensor, "people 24 3 3"]) -> Float[Tensor, "people 23 3 3"]:
        """Rotations of the parents of all joints but the root."""
        return world.index_select(1, self._parents)

    def lever_arms(
        self, world: Float[Tensor, "people 24 3 3"], betas: Float[Tensor, "people shapes"]
    ) -> Float[Tensor, "people landmarks 22 3"]:
        """From joints that turn to landmarks, as far as these follow them, in metres.

        Args:
            world: rotations of all joints in space.
            betas: shape coefficients.

        Returns:
            A landmark moves by the cross product of a joint's small turn (radians) with its arm.
        """
        one = torch.cat([torch.ones_like(betas[:, :1]), betas], dim=1)
        bones = torch.einsum("kcn,bn->bkc", self._bones, one)
        turned = (self.parents(world) @ bones[:, 1:, :, None]).squeeze(-1)
        places = self._chains @ turned
        carried = torch.einsum("klcn,bn->bklc", self._carried, one) @ world.mT
        carried = carried + self._weights.T[..., None] * places[:, :, None]
        below = (self._below @ carried.flatten(2)).unflatten(2, carried.shape[2:]).transpose(1, 2)
        lever_arms: Tensor = below - self._weights_below[..., None] * places[:, None, :BENDING]
        return lever_arms

    def shapes(self, world: Float[Tensor, "people 24 3 3"]) -> Float[Tensor, "people landmarks 3 shapes"]:
        """Derivatives by the shape components, the position of the body held."""
        turned = self.parents(world) @ self._bones[1:, :, 1:]
        places = (self._chains @ turned.flatten(2)).unflatten(2, turned.shape[2:]) + self._bones[0, :, 1:]
        carried = torch.einsum("bkcd,kldn->blcn", world, self._carried[..., 1:])
        shapes: Tensor = carried + (self._weights @ places.flatten(2)).unflatten(2, places.shape[2:])
        return shapes


def _below() -> Float[Tensor, "22 24"]:
    """One where a joint (a column) is another that turns (a row) or hangs on it, else zero."""
    below = torch.eye(NUM_JOINTS)
    for joint in range(NUM_JOINTS - 1, 0, -1):
        below[PARENTS[joint]] += below[joint]
    return below[:BENDING]
