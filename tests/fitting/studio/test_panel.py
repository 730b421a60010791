import re

import pytest

from fitting.studio.panel import gauge, judgement, pose_names, said
from fitting.studio.session import Instruction, Session


@pytest.mark.parametrize(
    ("energy", "words"), [(-3.0, "Typical"), (0.6, "Less typical"), (1.2, "Rare"), (7.0, "Implausible")]
)
def test_energies_in_words(energy, words):
    assert judgement(energy) == words
    assert words in gauge(energy)


def test_the_mark_moves_with_the_energy_and_stays_on_the_bar():
    marks = [float(re.search(r"left: calc\((-?[\d.]+)%", gauge(energy))[1]) for energy in (-50, -0.5, 0, 1, 2.5, 50)]
    assert marks == sorted(marks)
    assert (marks[0], marks[-1]) == (0.0, 100.0)


def test_user_input_is_shown_as_plain_text():
    shown = said([Instruction("<script>alert(1)</script>", "<b>no</b>", False)])
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "<b>no</b>" not in shown


def test_unknown_words_are_underlined():
    shown = said([Instruction("raise <the> foo", "no", False, (6, 11))])
    assert re.search(r"raise <span style=\"[^\"]*underline[^\"]*\">&lt;the&gt;</span> foo", shown)


def test_the_newest_instruction_comes_first():
    shown = said([Instruction(f"number {index}", "Done.", True) for index in range(90)])
    assert shown.index("number 89") < shown.index("number 88")
    assert "number 3<" not in shown


def test_poses_are_named_by_their_numbers(editor):
    editor.sample()
    editor.sample()
    names = pose_names(editor.session)
    assert [name.partition(" ")[0] for name in names] == ["–", "2", "1", "0"]
    many = Session(editor.session.poses * 300)
    assert len(pose_names(many)) == len(set(pose_names(many))) == 501
