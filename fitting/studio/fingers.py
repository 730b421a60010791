"""Edits of the fingers of the body that the studio shows, with the hand prior.

Hand poses are those of `fitting.Body`: the left hand first, zero for the body's resting hands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.hands.template import TemplateHands
from fitting.studio.parts import HANDS, finger_joints_of, side_of
from qposer.control.finger_inverse_kinematics import solve_fingertips
from qposer.control.hand_instructions import HandEdit, instruct_hands
from qposer.hands import pairs
from qposer.hands.prior import HandPrior
from qposer.hands.skeleton import HAND

HandPose = Float[Tensor, "30 3 3"]

_ALIKE = 1e-6
"""Difference of entries of rotation matrices below which joints count as unchanged."""


class Fingers:
    """Edits of hand poses of a body of mean shape."""

    def __init__(self, body: Body, prior: HandPrior, seed: int = 0) -> None:
        """Measure the body's hands.

        Args:
            body: a body with fingers.
            prior: prior of right hands.
            seed: random seed of samples, variations and completions.
        """
        self.prior = prior
        self._template = TemplateHands.of(body, torch.zeros(1, body.num_betas))
        self._skeletons = [dataclasses.replace(HAND, rest_points=rest.numpy()) for rest in self._template.rest[0]]
        self._generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def energy(self, hand_pose: HandPose, hand: str) -> float:
        """Implausibility of a hand.

        Args:
            hand_pose: both hands.
            hand: one of `HANDS`.

        Returns:
            Energy under the hand prior: 1 is the 95th percentile of recorded hands.
        """
        return self.prior.code_prior.energy(self._right_hands(hand_pose)[HANDS.index(hand)]).item()

    @torch.no_grad()
    def sample(self) -> HandPose:
        """Sample both hands."""
        return self._template.to_body(self.prior.code_prior.sample(2, generator=self._generator)[None])[0]

    @torch.no_grad()
    def vary(self, hand_pose: HandPose, parts: Sequence[str], amount: float) -> HandPose:
        """Resample hands or fingers.

        Args:
            hand_pose: both hands.
            parts: names of hands and fingers.
            amount: from 0 (no change) to 1 (as if the parts were unknown).

        Returns:
            Both hands.

        Raises:
            ValueError: the amount is not from 0 to 1.
        """
        flat = self._flat(hand_pose)
        return self._edited(hand_pose, pairs.vary(flat, parts, amount, seed=self._seed(), prior=self.prior)[0])

    @torch.no_grad()
    def complete(self, hand_pose: HandPose, parts: Sequence[str]) -> HandPose:
        """Complete fingers from the others of their hand, and draw whole hands.

        Args:
            hand_pose: both hands.
            parts: names of hands and fingers.

        Returns:
            Both hands.
        """
        whole = [part for part in parts if part in HANDS]
        fingers = [part for part in parts if part not in HANDS]
        if whole:
            hand_pose = self.vary(hand_pose, whole, 1.0)
        if not fingers:
            return hand_pose
        flat = self._flat(hand_pose)
        return self._edited(hand_pose, pairs.complete(flat, fingers, seed=self._seed(), prior=self.prior)[0])

    @torch.no_grad()
    def take(self, hand_pose: HandPose, donor: HandPose, parts: Sequence[str]) -> HandPose:
        """The hand pose with hands or fingers of a donor.

        Args:
            hand_pose: both hands.
            donor: the hands that provide the parts.
            parts: names of hands and fingers.

        Returns:
            Both hands.
        """
        taken, joints = hand_pose.clone(), finger_joints_of(parts)
        swapped = pairs.swap(self._flat(hand_pose), self._flat(donor), parts, prior=self.prior)
        taken[joints] = self._edited(hand_pose, swapped)[joints]
        return taken

    def instruct(self, hand_pose: HandPose, text: str, previous: HandEdit | None) -> tuple[HandPose, HandEdit]:
        """Follow an instruction for fingers.

        Args:
            hand_pose: both hands.
            text: the instruction.
            previous: the previous edit, if that was one of hands.

        Returns:
            Both hands, and the edit.

        Raises:
            InstructionError: the text is not understood.
        """
        edit = instruct_hands(
            self._flat(hand_pose), text, generator=self._generator, previous=previous, prior=self.prior
        )
        return self._edited(hand_pose, edit.hand_pose), edit

    def reach(
        self, hand_pose: HandPose, targets: Mapping[str, Float[Tensor, "3"]]
    ) -> tuple[HandPose, dict[str, float]]:
        """Move fingertips to targets; other fingers keep their rotations.

        Args:
            hand_pose: both hands.
            targets: by name of the finger, metres from the wrist in its frame.

        Returns:
            Both hands, and the remaining distances in metres.
        """
        right = self._right_hands(hand_pose).clone()
        distances: dict[str, float] = {}
        for side in range(len(HANDS)):
            own = {name.partition("_")[2]: name for name in targets if side_of(name) == side}
            if not own:
                continue
            mirrored = torch.tensor([1.0 if side else -1.0, 1.0, 1.0])
            wanted = {finger: (mirrored * targets[name]).tolist() for finger, name in own.items()}
            found = solve_fingertips(right[side], wanted, skeleton=self._skeletons[side], prior=self.prior)
            right[side] = found.hand_pose
            distances |= {own[finger]: distance for finger, distance in found.distance.items()}
        return self._edited(hand_pose, pairs.of_right_hands(right)), distances

    def _seed(self) -> int:
        return int(torch.randint(2**31, (), generator=self._generator))

    def _right_hands(self, hand_pose: HandPose) -> Float[Tensor, "2 15 3 3"]:
        """Both hands relative to flat right ones."""
        return self._template.from_body(hand_pose[None])[0]

    def _flat(self, hand_pose: HandPose) -> HandPose:
        """Both hands relative to flat ones."""
        return pairs.of_right_hands(self._right_hands(hand_pose))

    def _edited(self, hand_pose: HandPose, flat: HandPose) -> HandPose:
        """Both hands after an edit relative to flat ones; joints that it leaves alone keep their rotations exactly."""
        changed = ((flat - self._flat(hand_pose)).abs() > _ALIKE).flatten(1).any(1)
        edited = self._template.to_body(pairs.as_right_hands(flat)[None])[0]
        return torch.where(changed[:, None, None], edited, hand_pose)
