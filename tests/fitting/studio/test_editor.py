import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fitting.output.hand_poses import HandPoses
from fitting.studio.editor import Editor
from fitting.studio.parts import HANDS, PARTS
from fitting.studio.session import RESTING, read_session, write_session
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control import edits
from qposer.control.instructions.words import LONGEST_TEXT, InstructionError
from qposer.hands import pairs


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


def test_whole_bodies_are_edited_with_their_hands(editor):
    first = editor.session.current.hand_pose
    assert torch.equal(first, RESTING)
    editor.sample()
    sampled = editor.session.current.hand_pose
    assert not torch.equal(sampled, first)
    editor.mirror()
    torch.testing.assert_close(editor.session.current.hand_pose, pairs.mirror(sampled))
    editor.vary([], 0.5)
    varied = editor.session.current.hand_pose
    assert not torch.allclose(varied, pairs.mirror(sampled), atol=1e-2)
    editor.undo()
    editor.undo()
    assert editor.session.current.hand_pose is sampled


@pytest.mark.parametrize("act", ["complete", "vary", "take"])
def test_ticked_hands_change_and_the_rest_stays(editor, act):
    editor.sample()
    before = editor.session.current
    parts = ["left_hand", "right_thumb"]
    {"complete": editor.complete, "vary": lambda p: editor.vary(p, 0.8), "take": lambda p: editor.take(0, p)}[act](
        parts
    )
    after = editor.session.current
    assert after.posture is before.posture
    changed = (after.hand_pose != before.hand_pose).flatten(1).any(1)
    assert changed.nonzero().flatten().tolist() == [*range(15), 27, 28, 29]


def test_edits_of_the_body_keep_the_hands(editor):
    editor.sample()
    hand_pose = editor.session.current.hand_pose
    for act in (
        lambda: editor.vary(list(PARTS), 0.5),
        lambda: editor.complete(["head"]),
        lambda: editor.instruct("turn"),
    ):
        act()
        assert editor.session.current.hand_pose is hand_pose


def test_energies_of_hands_are_those_of_the_hand_prior(editor):
    before = editor.energy(), *map(editor.energy, HANDS)
    assert before[0] == editor.shown.energy
    editor.vary(["right_hand"], 1.0)
    after = editor.energy(), *map(editor.energy, HANDS)
    assert after[:2] == pytest.approx(before[:2])
    assert after[2] != pytest.approx(before[2])


def test_fitted_hands_are_used(editor, exact_fit):
    turns = 0.3 * np.random.default_rng(0).normal(size=(2, 15, 3)).astype(np.float32)
    fit = exact_fit(
        np.array([np.pi, 0, 0]), np.zeros((21, 3)), np.zeros(10), np.array([0, 0, 4.0]), size=(640, 480), focal=600.0,
        format="mediapipe", person_height_px=300.0, codes=np.zeros((21, 4), dtype=int),
    )  # fmt: skip
    found = dataclasses.replace(fit, hands=HandPoses(*turns, np.array([True, True])))
    editor.photo = SimpleNamespace(name="photo.jpg", result=found, draw=lambda: None)
    editor.correct(lambda photo: "Corrected.")
    expected = axis_angle_to_matrix(torch.from_numpy(turns).flatten(0, 1))
    torch.testing.assert_close(editor.session.current.hand_pose, expected)
    editor.photo.result = fit
    editor.correct(lambda photo: "Corrected.")
    assert torch.equal(editor.session.current.hand_pose, RESTING)


def test_hands_of_a_file_are_shown_and_saved(editor, tmp_path):
    turns = 0.3 * np.random.default_rng(0).normal(size=(2, 1, 15, 3)).astype(np.float32)
    hands = HandPoses(*turns, np.array([[True, True]]))
    np.savez(tmp_path / "fit.npz", body_pose=np.zeros((1, 21, 3)), body=np.array("open"), **hands.arrays)
    rest = editor.standing().handles["left_index"]
    editor.load("fit.npz", (tmp_path / "fit.npz").read_bytes())
    posed = editor.mannequin.stand(editor.session.current.posture).handles["left_index"]
    assert np.linalg.norm(editor.standing().handles["left_index"] - posed) > 0.003
    assert np.linalg.norm(rest - posed) > 0.1
    for kind in ("npz", "AMASS"):
        name, content = editor.file(kind)
        editor.load(name, content)
        expected = axis_angle_to_matrix(torch.from_numpy(turns).flatten(0, 2))
        torch.testing.assert_close(editor.session.current.hand_pose, expected, atol=1e-5, rtol=0)
