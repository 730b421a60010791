"""The ends of the arms, which hands are attached to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from qposer.body_pose.kinematics import forward_kinematics
from qposer.body_pose.rotations import axis_angle_to_matrix, turn_about
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, FOREARM_SHARE, REST_JOINTS

MOST_BENT, MOST_TWISTED = math.radians(85), math.radians(130)
"""Angles of the wrist's bend and the forearm's twist beyond which a hand is not that of this arm."""

ELBOWS = [BODY_JOINT_NAMES.index("left_elbow"), BODY_JOINT_NAMES.index("right_elbow")]
WRISTS = [BODY_JOINT_NAMES.index("left_wrist"), BODY_JOINT_NAMES.index("right_wrist")]


@dataclass(frozen=True)
class Arms:
    """Rotations of both arms' ends, the left one first."""

    forearm: Float[Tensor, "people 2 3 3"]
    """Of the elbows, in the axes of the bodies."""
    hand: Float[Tensor, "people 2 3 3"]
    """Of the wrists, in the axes of the bodies."""

    @classmethod
    def of(cls, orient: Float[Tensor, "people 3 3"], body_pose: Float[Tensor, "people 21 3 3"]) -> Arms:
        """The arms of bodies.

        Args:
            orient: rotation of the pelvis.
            body_pose: rotations relative to the parents.

        Returns:
            Their ends.
        """
        rotations = torch.cat([orient[:, None], body_pose], dim=1)
        world, _ = forward_kinematics(rotations, torch.from_numpy(REST_JOINTS[: rotations.shape[1]]).to(rotations))
        return cls(world[:, [1 + joint for joint in ELBOWS]], world[:, [1 + joint for joint in WRISTS]])

    def twisted(self, radians: float) -> Float[Tensor, "people 2 3 3"]:
        """Rotations of the wrists, twisted about the forearms."""
        return self.forearm @ axis_angle_to_matrix(radians * _FOREARMS.to(self.hand)) @ self.forearm.mT @ self.hand

    def with_hands(
        self, body_pose: Float[Tensor, "people 21 3 3"], hand: Float[Tensor, "people 2 3 3"]
    ) -> tuple[Float[Tensor, "people 21 3 3"], Bool[Tensor, "people 2"]]:
        """The pose with hands of these rotations, and whether a wrist can bend so.

        Args:
            body_pose: the bodies' pose.
            hand: rotations of the wrists, in the axes of the bodies.

        Returns:
            The pose with other elbows and wrists, and a mask of the plausible hands.
        """
        axes = _FOREARMS.to(hand)
        wrist = self.forearm.mT @ hand
        twist = torch.remainder(turn_about(wrist, axes) + math.pi, 2 * math.pi) - math.pi
        bent = torch.acos((axes * (wrist @ axes[..., None])[..., 0]).sum(-1).clamp(-1, 1))
        shared = axis_angle_to_matrix(FOREARM_SHARE * twist[..., None] * axes)
        pose = body_pose.clone()
        pose[:, ELBOWS] = pose[:, ELBOWS] @ shared
        pose[:, WRISTS] = shared.mT @ wrist
        return pose, (bent < MOST_BENT) & (twist.abs() < MOST_TWISTED)


_FOREARMS = normalize(torch.from_numpy(REST_JOINTS[[20, 21]] - REST_JOINTS[[18, 19]]).float(), dim=-1)
