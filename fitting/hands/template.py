"""The hands of a body at rest, and conversions between their poses and those of the flat hand of the hand prior."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.pairs import as_right_hands, of_right_hands
from qposer.hands.skeleton import BONES, LANDMARKS


@dataclass(frozen=True)
class TemplateHands:
    """Hands of people at rest, all as right hands; the rest of a body is not flat, that of the prior is."""

    rest: Float[Tensor, "people 2 21 3"]
    """Wrist, joints and fingertips of the flat hand with these bones, metres, in the skeleton's order."""
    bend: Float[Tensor, "people 2 15 3 3"]
    """Rotations of the joints of the resting hand relative to the flat one, in the wrist's frame."""

    @classmethod
    def of(cls, body: Body, betas: Float[Tensor, "people betas"]) -> TemplateHands:
        """The hands of a body.

        Args:
            body: a body with fingers.
            betas: shape coefficients.

        Returns:
            The hands of these shapes.
        """
        people = len(betas)
        still = betas.new_zeros(people, 3), betas.new_zeros(people, 21, 3)
        landmarks = body.hand_landmarks(*still, betas)
        points = (landmarks - landmarks[:, :, :1])[:, :, torch.tensor(LANDMARKS).argsort()]
        points = torch.stack([points[:, 0] * points.new_tensor([-1.0, 1.0, 1.0]), points[:, 1]], dim=1)
        joints = points[:, :, 1:16].unflatten(2, (5, 3))
        bones = torch.cat([joints, points[:, :, 16:, None]], dim=3).diff(dim=3)
        lengths = torch.linalg.vector_norm(bones, dim=-1)
        straight = torch.from_numpy(BONES).to(points)
        along = lengths[..., None] * straight.unflatten(0, (5, 3))
        ends = joints[:, :, :, :1] + along.cumsum(dim=3)
        knuckles = torch.cat([joints[:, :, :, :1], ends[:, :, :, :2]], dim=3).flatten(2, 3)
        flat = torch.cat([torch.zeros_like(points[:, :, :1]), knuckles, ends[:, :, :, 2]], dim=2)
        return cls(flat, _turn_between(straight, (bones / lengths[..., None]).flatten(2, 3)))

    def to_body(self, hand_pose: Float[Tensor, "people 2 15 3 3"]) -> Float[Tensor, "people 30 3 3"]:
        """Poses relative to the body's rest of poses of flat right hands.

        Args:
            hand_pose: rotations of the joints relative to their parents; left hands are mirrored.

        Returns:
            The body's hand pose, the left hand first.
        """
        return of_right_hands(_relative(_absolute(hand_pose) @ self.bend.mT))

    def from_body(self, hand_pose: Float[Tensor, "people 30 3 3"]) -> Float[Tensor, "people 2 15 3 3"]:
        """Poses of flat right hands of a body's; inverse of `to_body`.

        Args:
            hand_pose: rotations relative to the parents, the left hand first.

        Returns:
            Rotations relative to the parents; the left hand is mirrored.
        """
        return _relative(_absolute(as_right_hands(hand_pose)) @ self.bend)


def _absolute(hand_pose: Float[Tensor, "*batch 15 3 3"]) -> Float[Tensor, "*batch 15 3 3"]:
    """Rotations in the wrist's frame."""
    first, second, third = hand_pose.unflatten(-3, (5, 3)).unbind(-3)
    second = first @ second
    return torch.stack([first, second, second @ third], dim=-3).flatten(-4, -3)


def _relative(absolute: Float[Tensor, "*batch 15 3 3"]) -> Float[Tensor, "*batch 15 3 3"]:
    """Rotations relative to the parents."""
    first, second, third = absolute.unflatten(-3, (5, 3)).unbind(-3)
    return torch.stack([first, first.mT @ second, second.mT @ third], dim=-3).flatten(-4, -3)


def _turn_between(a: Float[Tensor, "*#batch 3"], b: Float[Tensor, "*#batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Smallest rotations from unit vectors ``a`` to ``b``, which must not be opposite."""
    axis = torch.linalg.cross(a.expand_as(b), b)
    sine = torch.linalg.vector_norm(axis, dim=-1, keepdim=True)
    angle = torch.atan2(sine, (a * b).sum(-1, keepdim=True))
    return axis_angle_to_matrix(axis / sine.clamp(min=1e-9) * angle)
