"""Instructions for the body and for its fingers, in one text field."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from fitting.studio.fingers import Fingers
from fitting.studio.session import Pose
from qposer import CodePrior
from qposer.control.hand_instructions import HandEdit, mentions_hands
from qposer.control.instructions import Edit, InstructionError, instruct
from qposer.control.instructions.clauses import Mirror
from qposer.control.instructions.parser import parse
from qposer.hands import pairs


class Followed(NamedTuple):
    """Result of an instruction."""

    pose: Pose
    edit: Edit | HandEdit


class Instructor:
    """Follows instructions with the priors of bodies and hands."""

    def __init__(self, prior: CodePrior, fingers: Fingers, generator: torch.Generator) -> None:
        self._prior = prior
        self._fingers = fingers
        self._generator = generator

    def follow(self, pose: Pose, text: str, previous: Edit | HandEdit | None) -> Followed:
        """Follow an instruction for the body, or one for fingers; what one grammar does not know is for the other.

        Args:
            pose: the pose to edit.
            text: the instruction.
            previous: the previous edit, to which the instruction may refer.

        Returns:
            The edited pose. Mirrored bodies have mirrored hands.

        Raises:
            InstructionError: the text is not understood; the error is that of the grammar which understands more of it.
        """
        ways: list[Callable[[Pose, str, Edit | HandEdit | None], Followed]] = [self._body, self._hands]
        if for_hands := mentions_hands(text):
            ways.reverse()
        first, second = ways
        try:
            return first(pose, text, previous)
        except InstructionError as error:
            try:
                return second(pose, text, previous)
            except InstructionError as other:
                raise error if for_hands or _is_for_body(text) else _clearer(error, other) from None

    def _body(self, pose: Pose, text: str, previous: Edit | HandEdit | None) -> Followed:
        earlier = None if isinstance(previous, HandEdit) else previous
        edit = instruct(pose.posture, text, generator=self._generator, previous=earlier, prior=self._prior)[0]
        mirrored = sum(isinstance(element, Mirror) for step in edit.steps for element in step) % 2
        hand_pose = pairs.mirror(pose.hand_pose) if mirrored else pose.hand_pose
        return Followed(pose._replace(posture=edit.posture, hand_pose=hand_pose), edit)

    def _hands(self, pose: Pose, text: str, previous: Edit | HandEdit | None) -> Followed:
        hand_pose, edit = self._fingers.instruct(
            pose.hand_pose, text, previous if isinstance(previous, HandEdit) else None
        )
        return Followed(pose._replace(hand_pose=hand_pose), edit)


def _is_for_body(text: str) -> bool:
    """Whether the body's grammar knows all words of a text."""
    try:
        parse(text)
    except InstructionError:
        return False
    return True


def _clearer(of_body: InstructionError, of_hands: InstructionError) -> InstructionError:
    """The error of the grammar that understands more of a text, or one for both."""
    if of_body.start != of_hands.start:
        return max(of_body, of_hands, key=lambda error: error.start)
    if not of_body.text or of_body.reason == of_hands.reason:
        return of_body
    reason = f"neither an instruction for the body nor one for fingers: {of_body.reason}"
    return InstructionError(reason, of_body.text, of_body.start, of_body.end)
