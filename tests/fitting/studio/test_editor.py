import numpy as np
import pytest
import torch

from fitting.studio.editor import PARTS, Editor
from fitting.studio.session import read_session, write_session
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control import edits
from qposer.control.instructions.words import LONGEST_TEXT, InstructionError


def body_pose(editor):
    return editor.session.current.posture.body_pose


def test_every_joint_belongs_to_one_part():
    joints = [joint for part in PARTS for joint in edits.joints_of(part)]
    assert sorted(joints) == list(range(NUM_BODY_JOINTS))


def test_a_session_begins_with_the_same_pose(editor, random_prior, mannequin):
    again = Editor(random_prior, mannequin, seed=5)
    assert torch.equal(body_pose(editor), body_pose(again))
    assert editor.session.number == 0
    assert editor.standing().vertices[:, 1].min() == pytest.approx(0.0, abs=1e-6)


def test_buttons_make_steps_that_are_undone(editor):
    first = body_pose(editor).clone()
    actions = [editor.sample, editor.mirror, lambda: editor.vary(["left_arm"], 0.5), lambda: editor.complete(["head"])]
    for count, action in enumerate(actions, start=1):
        assert action().endswith(".")
        assert editor.session.number == count
        assert np.isfinite(editor.shown.energy)
    for _ in actions:
        assert editor.undo().startswith("Undone")
    assert torch.equal(body_pose(editor), first)
    editor.redo()
    assert editor.session.number == 1
    assert editor.shown is editor.session.current


def test_draws_differ_and_seeds_repeat_them(random_prior, mannequin):
    drawn = []
    for seed in (1, 1, 2):
        made = Editor(random_prior, mannequin, seed)
        made.sample()
        drawn.append(body_pose(made))
        made.sample()
        assert not torch.equal(body_pose(made), drawn[-1])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("act", ["complete", "vary", "take"])
def test_parts_that_are_not_named_stay(editor, act):
    editor.sample()
    before = body_pose(editor).clone()
    parts = ["left_arm", "head"]
    {"complete": editor.complete, "vary": lambda p: editor.vary(p, 0.8), "take": lambda p: editor.take(0, p)}[act](
        parts
    )
    named = edits.joints_of(parts)
    rest = [joint for joint in range(NUM_BODY_JOINTS) if joint not in named]
    torch.testing.assert_close(body_pose(editor)[rest], before[rest])
    assert not torch.allclose(body_pose(editor)[named], before[named])


def test_parts_of_an_earlier_pose_are_those_that_its_codes_decode_to(editor, random_prior):
    donor = body_pose(editor)
    editor.sample()
    expected = edits.swap(body_pose(editor), donor, ["legs"], model=random_prior.model)
    editor.take(0, ["legs"])
    joints = edits.joints_of("legs")
    torch.testing.assert_close(body_pose(editor)[joints], expected[joints])


def test_an_earlier_pose_comes_back_as_a_step(editor):
    first = editor.session.current
    editor.sample()
    editor.go_to(0)
    assert editor.session.current.posture is first.posture
    assert editor.session.number == 2
    editor.undo()
    assert editor.session.number == 1


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda e: e.complete([]), "no part is ticked"),
        (lambda e: e.complete(list(PARTS)), "no joint is known"),
        (lambda e: e.take(0, []), "no part is ticked"),
        (lambda e: e.take(9, ["head"]), "there is no pose 9"),
        (lambda e: e.go_to(-1), "there is no pose -1"),
        (lambda e: e.vary(["head"], float("nan")), "from 0 to 1"),
        (lambda e: e.choose(0), "no file is loaded"),
        (lambda e: e.instruct("tanze"), "did you mean turn"),
        (lambda e: e.load("a.npz", b"rubbish"), "expected an npz archive"),
        (lambda e: e.fit("a.jpg", b"rubbish"), r"a\.jpg is not a readable image"),
        (lambda e: e.file("exe"), "unknown kind of file"),
        (lambda e: e.undo(), "nothing to undo"),
        (lambda e: e.redo(), "nothing to redo"),
    ],
)
def test_wrong_input_is_reported_and_changes_nothing(editor, act, sentence):
    before = editor.session.current
    with pytest.raises(ValueError, match=sentence) as reported:
        act(editor)
    assert "\n" not in str(reported.value)
    assert "/tmp" not in str(reported.value)
    assert editor.session.current is before is editor.shown
    assert len(editor.session.poses) == 1


@pytest.mark.parametrize(
    ("text", "sentence"), [(" \n", "the instruction is empty"), ("turn " * 2000, f"at most {LONGEST_TEXT} are allowed")]
)
def test_texts_that_are_empty_or_too_long_are_reported_and_not_kept_whole(random_prior, mannequin, text, sentence):
    editor = Editor(random_prior, mannequin)
    with pytest.raises(InstructionError, match=sentence):
        editor.instruct(text)
    assert len(editor.session.poses) == 1
    assert all(0 < len(instruction.text) <= LONGEST_TEXT for instruction in editor.session.instructions)


def test_instructions_are_done_and_kept(editor, instructor):
    assert editor.instruct(" turn\n ") == "Done."
    with pytest.raises(ValueError, match="did you mean"):
        editor.instruct("tanze")
    assert editor.instruct("again") == "Done, but for: knee up (12 cm off)."
    reported = [(instruction.text, instruction.understood) for instruction in editor.session.instructions]
    assert reported == [("turn", True), ("tanze", False), ("again", True)]
    assert editor.session.instructions[0].outcome == "hip turned, knee up"
    assert editor.session.instructions[1].trouble == (0, 5)
    assert editor.session.current.origin == "“again”"


def test_the_edit_before_is_that_of_the_pose_that_is_seen(editor, instructor):
    editor.instruct("turn")
    editor.instruct("again")
    editor.undo()
    editor.instruct("again")
    editor.sample()
    editor.instruct("again")
    previous = [edit for _, edit in instructor]
    assert previous[0] is previous[3] is None
    assert previous[1] is previous[2] is not None


def test_continues_a_session(editor, random_prior, mannequin, tmp_path):
    editor.sample()
    editor.instruct("turn")
    editor.undo()
    write_session(tmp_path / "s.npz", editor.session)
    again = Editor(random_prior, mannequin, session=read_session(tmp_path / "s.npz"))
    torch.testing.assert_close(body_pose(again), body_pose(editor), atol=1e-6, rtol=0)
    again.redo()
    assert again.session.current.origin == "“turn”"


def test_poses_of_a_file_are_chosen_one_by_one(editor, tmp_path):
    poses = 0.2 * np.random.default_rng(0).normal(size=(3, 21, 3)).astype(np.float32)
    np.savez(tmp_path / "clip.npz", body_pose=poses)
    assert editor.load("clip.npz", (tmp_path / "clip.npz").read_bytes()) == "Clip.npz, 1 of 3."
    editor.choose(1)
    editor.choose(2)
    assert editor.session.current.origin == "clip.npz, 3 of 3"
    assert len(editor.session.poses) == 2
    editor.mirror()
    assert editor.choose(1) == "Clip.npz, 2 of 3."
    assert len(editor.session.poses) == 4
    with pytest.raises(ValueError, match="poses 0 to 2"):
        editor.choose(3)
    for _ in range(3):
        editor.undo()
    assert editor.session.number == 0
    editor.choose(0)
    assert editor.session.way == [0, 4]
