"""Edits of parts of a pose with the priors of bodies and hands."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fitting.studio.fingers import Fingers
from fitting.studio.parts import of_body, of_hands
from fitting.studio.session import Pose
from qposer import CodePrior
from qposer.body_pose.posed_skeleton import OrientedPose
from qposer.control import edits
from qposer.hands import pairs


class PartEdits:
    """Edits by names of parts; parts that are not named keep their rotations."""

    def __init__(self, prior: CodePrior, fingers: Fingers, generator: torch.Generator) -> None:
        self._prior = prior
        self._fingers = fingers
        self._generator = generator

    @torch.no_grad()
    def sample(self, pose: Pose) -> Pose:
        """Sample an upright body and its hands, in the middle of the room."""
        posture = OrientedPose(self._prior.sample(1, generator=self._generator)[0], torch.eye(3))
        return pose._replace(posture=posture, hand_pose=self._fingers.sample(), place=(0.0, 0.0))

    @torch.no_grad()
    def complete(self, pose: Pose, parts: Sequence[str]) -> Pose:
        """Complete parts from the others.

        Args:
            pose: the pose to complete.
            parts: names of parts.

        Returns:
            The pose with completed parts.

        Raises:
            ValueError: nothing of the body is known.
        """
        if of := of_body(parts):
            before = pose.posture.body_pose
            pose = _with_body(pose, edits.complete(before, of, generator=self._generator, prior=self._prior)[0])
        if of := of_hands(parts):
            pose = pose._replace(hand_pose=self._fingers.complete(pose.hand_pose, of))
        return pose

    @torch.no_grad()
    def vary(self, pose: Pose, parts: Sequence[str], amount: float) -> Pose:
        """Resample parts.

        Args:
            pose: the pose to vary.
            parts: names of parts.
            amount: from 0 (no change) to 1 (as if the parts were unknown).

        Returns:
            The pose with varied parts.

        Raises:
            ValueError: the amount is not from 0 to 1.
        """
        if of := of_body(parts):
            before = pose.posture.body_pose
            drawn = edits.vary(before, of, amount, 1, generator=self._generator, prior=self._prior)
            pose = _with_body(pose, drawn[0])
        if of := of_hands(parts):
            pose = pose._replace(hand_pose=self._fingers.vary(pose.hand_pose, of, amount))
        return pose

    @torch.no_grad()
    def take(self, pose: Pose, donor: Pose, parts: Sequence[str]) -> Pose:
        """Take parts, by their codes, from another pose.

        Args:
            pose: the pose to edit.
            donor: the pose that provides the parts.
            parts: names of parts.

        Returns:
            The pose with these parts.
        """
        if of := of_body(parts):
            body_pose, joints = pose.posture.body_pose.clone(), edits.joints_of(of)
            swapped = edits.swap(body_pose, donor.posture.body_pose, of, model=self._prior.model)
            body_pose[joints] = swapped[joints]
            pose = _with_body(pose, body_pose)
        if of := of_hands(parts):
            pose = pose._replace(hand_pose=self._fingers.take(pose.hand_pose, donor.hand_pose, of))
        return pose


def mirrored(pose: Pose) -> Pose:
    """The pose with left and right swapped, hands included."""
    return pose._replace(posture=pose.posture.mirrored(), hand_pose=pairs.mirror(pose.hand_pose))


def _with_body(pose: Pose, body_pose: torch.Tensor) -> Pose:
    return pose._replace(posture=pose.posture._replace(body_pose=body_pose))
