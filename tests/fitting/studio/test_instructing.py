"""One text field for the body and for its fingers."""

import pytest
import torch

from fitting.studio.editor import Editor
from fitting.studio.session import RESTING
from qposer import CodePrior
from qposer.control.instructions import InstructionError
from qposer.hands import pairs


@pytest.fixture(scope="module")
def prior():
    return CodePrior.from_pretrained()


@pytest.fixture
def editor(prior, mannequin):
    return Editor(prior, mannequin)


def pose(editor):
    return editor.session.current


def moved(editor, before):
    """Whether the body, the left hand and the right hand changed."""
    hands = (pose(editor).hand_pose != before.hand_pose).unflatten(0, (2, 15)).flatten(1).any(1).tolist()
    return not torch.equal(pose(editor).posture.body_pose, before.posture.body_pose), *hands


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("raise the left arm", (True, False, False)),
        ("make a fist with the left hand", (False, True, False)),
        ("thumbs up", (False, False, True)),
        ("open the hands", (False, True, True)),
        ("turn the right palm up", (True, False, False)),
        ("raise the left arm and make a fist", (True, True, False)),
    ],
)
def test_texts_go_to_the_grammar_that_knows_them(editor, text, expected):
    before = pose(editor)
    assert editor.instruct(text).startswith("Done")
    assert moved(editor, before) == expected
    assert editor.session.instructions[-1].understood
    editor.undo()
    assert pose(editor) is before


def test_references_are_to_the_last_edit(editor):
    editor.instruct("make a fist with the left hand")
    before = pose(editor)
    editor.instruct("do the same with the right hand")
    assert moved(editor, before) == (False, False, True)
    editor.instruct("raise the left arm")
    before = pose(editor)
    editor.instruct("do the same with the right arm")
    assert moved(editor, before) == (True, False, False)


def test_what_was_done_to_body_and_hands_is_mirrored_once(editor):
    editor.instruct("raise the left arm and make a fist")
    before = pose(editor)
    editor.instruct("mirror that")
    torch.testing.assert_close(pose(editor).hand_pose, pairs.mirror(before.hand_pose))
    torch.testing.assert_close(pose(editor).posture.body_pose, before.posture.mirrored().body_pose)


def test_a_mirrored_body_has_mirrored_hands(editor):
    editor.instruct("make a fist with the left hand")
    before = pose(editor)
    editor.instruct("mirror that")
    torch.testing.assert_close(pose(editor).hand_pose, pairs.mirror(before.hand_pose))
    torch.testing.assert_close(pose(editor).posture.body_pose, before.posture.mirrored().body_pose)
    editor.mirror()
    torch.testing.assert_close(pose(editor).hand_pose, before.hand_pose)


@pytest.mark.parametrize(
    ("text", "sentence", "trouble"),
    [
        ("xyzzy", "neither an instruction for the body nor one for fingers", "xyzzy"),
        ("raise the left xyzzy", "xyzzy", "xyzzy"),
        ("bend the left elbow 900 degrees", "900|degrees", None),
        ("touch the thumb", "two fingers", None),
        ("make a fist with the left xyzzy", "xyzzy", "xyzzy"),
    ],
)
def test_texts_that_nobody_knows_are_reported_by_who_knows_most_of_them(editor, text, sentence, trouble):
    with pytest.raises(InstructionError, match=sentence):
        editor.instruct(text)
    kept = editor.session.instructions[-1]
    assert not kept.understood
    assert trouble is None or text[slice(*kept.trouble)] == trouble
    assert torch.equal(pose(editor).hand_pose, RESTING)
    assert len(editor.session.poses) == 1
