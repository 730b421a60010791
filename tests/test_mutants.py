"""The mutation tests: their list is up to date, and they distinguish tests that catch mutants from others."""

import pytest

from tools.mutants import ROOT, Mutant, Verdict, check_sound, read_mutants, report, run_mutant

MUTANTS = read_mutants()
ADDS = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def project(tmp_path):
    """A package of one function, with a test that checks its result, and one that does not."""
    (tmp_path / "adds.py").write_text(ADDS)
    (tmp_path / "conftest.py").touch()
    called = "from adds import add\n\n\ndef test_add():\n    "
    (tmp_path / "test_strict.py").write_text(f"{called}assert add(1, 2) == 3\n")
    (tmp_path / "test_lax.py").write_text(f"{called}add(1, 2)\n")
    (tmp_path / "test_wrong.py").write_text(f"{called}assert add(1, 2) == 4\n")
    return tmp_path


def mutant(*tests, text="a + b"):
    return Mutant("minus", "adds.py", text, "a - b", tests)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutation_can_be_applied(mutant):
    """Its text occurs once, the replacement is valid Python, and its tests exist."""
    source = (ROOT / mutant.file).read_text(encoding="utf-8")
    mutated = mutant.mutated(source)
    assert mutated != source
    compile(mutated, mutant.file, "exec")
    assert mutant.tests
    for test in mutant.tests:
        assert (ROOT / test.split("::")[0]).is_file()


def test_every_part_has_mutations():
    folders = {mutant.file.rpartition("/")[0] for mutant in MUTANTS}
    assert {"fitting/terms", "fitting/optimise", "fitting/video", "fitting/inputs", "fitting/body"} <= folders
    assert {"qposer", "qposer/prior", "qposer/body_pose", "qposer/data", "qposer/control"} <= folders


def test_a_mutation_is_caught_by_its_test_and_reverted(project):
    assert run_mutant(project, mutant("test_lax.py", "test_strict.py")).caught_by == "test_strict.py::test_add"
    assert run_mutant(project, mutant("test_lax.py")).caught_by is None
    assert (project / "adds.py").read_text() == ADDS


@pytest.mark.parametrize(("text", "count"), [("a * b", 0), ("a", 3)])
def test_a_text_that_does_not_occur_once_is_refused(project, text, count):
    with pytest.raises(ValueError, match=f"the text of minus occurs {count} times in adds.py, not once"):
        run_mutant(project, mutant("test_strict.py", text=text))


def test_failing_or_unrunnable_tests_are_rejected(project):
    with pytest.raises(ValueError, match=r"test_wrong.py::test_add fails without a mutation"):
        check_sound(project, ["test_wrong.py"])
    with pytest.raises(ValueError, match=r"test_absent.py could not be run"):
        check_sound(project, ["test_absent.py"])


def test_names_are_not_repeated(tmp_path):
    table = '[[mutant]]\nname = "one"\nfile = "a.py"\ntext = "a"\nmistake = "b"\ntests = ["test_a.py"]\n'
    (tmp_path / "mutants.toml").write_text(2 * table)
    with pytest.raises(ValueError, match="several mutants have the name one"):
        read_mutants(tmp_path / "mutants.toml")


def test_the_document_lists_survivors():
    text = report([Verdict(mutant("test_lax.py"), None), Verdict(mutant("test_strict.py"), "test_strict.py::test_add")])
    assert "1 of 2 mutations are caught." in text
    assert "| minus | `adds.py` | survived |" in text
    assert "| minus | `adds.py` | caught by `test_strict.py::test_add` |" in text
