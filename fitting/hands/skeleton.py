"""Skeletons of the hands of bodies, as right hands, and their derivatives."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.hands.skeleton import LANDMARKS


class HandMotion(NamedTuple):
    """A posed hand and how its landmarks move."""

    landmarks: Float[Tensor, "hands 21 3"]
    world: Float[Tensor, "hands 5 3 3 3"]
    """Rotations of the joints, by finger and from the palm outwards."""
    arms: Float[Tensor, "hands 21 16 3"]
    """From the wrist and the joints that carry a landmark to the landmark, else zero, metres."""


class HandSkeleton:
    """Flat right hands with the bones of people (`qposer.hands.skeleton`)."""

    def __init__(self, rest: Float[Tensor, "hands 21 3"]) -> None:
        """Prepare the bones.

        Args:
            rest: positions of wrist, joints and fingertips of the flat hand in the skeleton's order, metres, the wrist
                at the origin.
        """
        joints = rest[:, 1:16].unflatten(1, (5, 3))
        self.knuckles = joints[:, :, 0]
        ends = torch.cat([joints, rest[:, 16:, None]], dim=2)
        self.bones = ends[:, :, 1:] - ends[:, :, :-1]
        self._carried, self._order = _CARRIED.to(rest), torch.tensor(LANDMARKS, device=rest.device)

    def posed(
        self,
        orient: Float[Tensor, "hands 3 3"],
        transl: Float[Tensor, "hands 3"],
        hand_pose: Float[Tensor, "hands 15 3 3"],
    ) -> HandMotion:
        """Landmarks, in MediaPipe's order.

        Args:
            orient: rotation of the wrist relative to the flat hand, in camera axes.
            transl: position of the wrist, metres.
            hand_pose: rotations of the joints relative to their parents.

        Returns:
            The posed hands.
        """
        local = hand_pose.unflatten(1, (5, 3))
        above, at = orient[:, None].expand(-1, 5, -1, -1), transl[:, None] + _turned(orient[:, None], self.knuckles)
        world, places = [], [at]
        for joint in range(3):
            above = above @ local[:, :, joint]
            at = at + _turned(above, self.bones[:, :, joint])
            world.append(above)
            places.append(at)
        chain = torch.stack(places, dim=2)  # hands, fingers, points of a finger, 3
        points = torch.cat([transl[:, None], chain[:, :, :3].flatten(1, 2), chain[:, :, 3]], dim=1)
        landmarks = points[:, self._order]
        return HandMotion(landmarks, torch.stack(world, dim=2), self._arms(points))

    def _arms(self, points: Float[Tensor, "hands 21 3"]) -> Float[Tensor, "hands 21 16 3"]:
        carried = self._carried[..., None]
        arms = carried * (points[:, :, None] - points[:, None, :16])
        return arms[:, self._order]


def _turned(rotations: Float[Tensor, "*#batch 3 3"], vectors: Float[Tensor, "*#batch 3"]) -> Float[Tensor, "*batch 3"]:
    return (rotations @ vectors[..., None])[..., 0]


def _carries() -> Float[Tensor, "21 16"]:
    """One where a point (row) moves with a joint (column; the first is the wrist), else zero."""
    carried = torch.zeros(21, 16)
    carried[:, 0] = 1.0
    for finger in range(5):
        points = [1 + 3 * finger, 2 + 3 * finger, 3 + 3 * finger, 16 + finger]
        for inner in range(3):
            carried[points[inner + 1 :], points[inner]] = 1.0
    return carried


_CARRIED = _carries()
