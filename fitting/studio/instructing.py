"""Instructions for the body and for its fingers, in one text field."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from fitting.studio.fingers import Fingers
from fitting.studio.session import Pose
from qposer import CodePrior
from qposer.control.body_and_hands import Kind, split_instruction
from qposer.control.hand_instructions import HandCheck, HandEdit, mentions_hands
from qposer.control.instructions import Check, Edit, InstructionError, instruct
from qposer.control.instructions.clauses import Mirror
from qposer.control.instructions.parser import parse
from qposer.hands import pairs

Edits = tuple[Edit | HandEdit, ...]
"""What an instruction did to the body, or to the hands, or to both."""


class Followed(NamedTuple):
    """Result of an instruction."""

    pose: Pose
    edits: Edits

    @property
    def checks(self) -> list[Check | HandCheck]:
        """The constraints of the body and the hands."""
        return [check for edit in self.edits for check in edit.checks]


class Instructor:
    """Follows instructions with the priors of bodies and hands."""

    def __init__(self, prior: CodePrior, fingers: Fingers, generator: torch.Generator) -> None:
        self._prior = prior
        self._fingers = fingers
        self._generator = generator

    def follow(self, pose: Pose, text: str, previous: Edits) -> Followed:
        """Follow an instruction for body or fingers, or for both; what one grammar does not know is for the other.

        Args:
            pose: the pose to edit.
            text: the instruction.
            previous: the previous edits, to which the instruction may refer.

        Returns:
            The edited pose. Mirrored bodies have mirrored hands.

        Raises:
            InstructionError: the text is not understood; the error is that of the grammar which understands more of it.
        """
        before: list[Kind] = ["hands" if isinstance(edit, HandEdit) else "body" for edit in previous]
        parts = split_instruction(text, before or ["body"])
        if parts.body and parts.hands:
            body = self._body(pose, parts.body, previous, mirror_hands=False)
            hands = self._hands(body.pose, parts.hands, previous)
            return Followed(hands.pose, body.edits + hands.edits)
        ways: list[Callable[[Pose, str, Edits], Followed]] = [self._body, self._hands]
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

    def _body(self, pose: Pose, text: str, previous: Edits, mirror_hands: bool = True) -> Followed:
        earlier = next((edit for edit in previous if not isinstance(edit, HandEdit)), None)
        edit = instruct(pose.posture, text, generator=self._generator, previous=earlier, prior=self._prior)[0]
        mirrored = sum(isinstance(element, Mirror) for step in edit.steps for element in step) % 2
        hand_pose = pairs.mirror(pose.hand_pose) if mirrored and mirror_hands else pose.hand_pose
        return Followed(pose._replace(posture=edit.posture, hand_pose=hand_pose), (edit,))

    def _hands(self, pose: Pose, text: str, previous: Edits) -> Followed:
        earlier = next((edit for edit in previous if isinstance(edit, HandEdit)), None)
        hand_pose, edit = self._fingers.instruct(pose.hand_pose, text, earlier)
        return Followed(pose._replace(hand_pose=hand_pose), (edit,))


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
