import pytest

from benchmarks.instructions import report
from benchmarks.instructions.suite import Phrase
from benchmarks.instructions.trials import Trial, trials


def tried(kind="raise", **result):
    phrase = Phrase(kind, "development", ("raise the left arm",), "lower it")
    return report.Tried(Trial(phrase, "raise the left arm", (3, 4)), result)


def outcome(gaps, energy=0.0, drift=1.0, seed=3):
    checks = [[f"check {number}", unit, 50.0, gap] for number, (gap, unit) in enumerate(gaps)]
    return {
        "seed": seed, "checks": checks, "energy": energy, "energy_before": -0.5, "drift": drift, "seconds": 0.5,
    }  # fmt: skip


GOOD = outcome([(0.0, "degrees"), (5.0, "cm")])
BAD = outcome([(9.0, "degrees"), (5.1, "cm")], energy=1.5, drift=3.0, seed=4)


def test_summary_counts_constraints_and_understood_instructions():
    trials_ = [tried(outcomes=[GOOD, BAD]), tried(outcomes=[GOOD, GOOD]), tried(refused="what?")]
    (row,) = report.summary({"development": trials_}).rows
    assert row[1] == "2 of 3"
    assert row[2].startswith("87.5 ")  # 7 of 8 constraints
    assert row[3] == "0.0"
    assert row[4].startswith("75.0 ")  # the first instruction holds in one of two poses
    assert row[5].startswith("75.0 ")
    assert row[7].startswith("1.50 ")


def test_failures_are_listed_with_violated_constraints():
    lines = report.failures([tried(outcomes=[GOOD, BAD]), tried(refused="the word 'x' is not known")])
    assert len(lines) == 2
    assert '"raise the left arm" after "lower it", seed 4: check 1 off by 5 cm; energy 1.5 (before: -0.5)' in lines[0]
    assert "not understood: the word 'x' is not known" in lines[1]


def test_kinds_have_separate_rows():
    table = report.by_kind([tried("raise", outcomes=[GOOD]), tried("bend", outcomes=[BAD]), tried("sit", refused="?")])
    assert [row[0] for row in table.rows] == ["raise", "bend"]
    assert table.rows[1][1:] == ["1", "50", "0", "3.0"]


def test_followed_descriptions_are_counted_by_sentences():
    found = [
        {"sentences": [["a", True, [0.0]], ["b", False, [12.0]]], "energy": 0.0, "seconds": 1.0},
        {"sentences": [["a", True, [0.0]]], "energy": 2.0, "seconds": 3.0},
        {"sentences": [["c", None]], "refused": "not known"},
        {"sentences": []},
    ]
    (row,) = report.circle(found).rows
    assert row[:3] == ["2 of 3", "1.5", "66.7"]
    assert row[3].startswith("75.0 ")
    assert report.circle_failures(found) == ["- not known", '- "b": off by 12']


def test_wrongly_accepted_instructions_are_highlighted():
    phrases = [Phrase("unknown", "report", ("smile",)), Phrase("unknown", "report", ("frown",))]
    rows = report.refusals(phrases, ["not known", None]).rows
    assert [row[2] for row in rows] == ["not known", "**not rejected**"]


@pytest.mark.parametrize(("every", "number"), [(1, 4), (2, 2)])
def test_trials_take_several_start_poses_each(every, number):
    phrases = [Phrase("a", "report", ("one", "two")), Phrase("a", "report", ("three", "four"))]
    found = list(trials(phrases, list(range(20)), 3, every))
    assert len(found) == number
    assert all(len(set(trial.seeds)) == 3 for trial in found)
    assert len({trial.seeds for trial in found}) == number


def test_the_document_is_written_at_once(tmp_path):
    path = report.write(tmp_path / "docs", ["# Title", "a line\n"])
    assert path.read_text() == "# Title\n\na line\n"
    assert [file.name for file in path.parent.iterdir()] == [report.DOCUMENT]
