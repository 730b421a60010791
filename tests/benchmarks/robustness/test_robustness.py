import sys
import textwrap
import time
import warnings

import pytest

from benchmarks.robustness import processes
from benchmarks.robustness.inputs import Kind, kinds
from benchmarks.robustness.processes import Kills, commands, kills
from benchmarks.robustness.trials import tried

NUMBER = 60


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    return {kind.name: kind for kind in kinds(folder, bodies=False)}


NAMES = ("images", "keypoints", "poses", "pickles", "checkpoints", "videos", "results")


@pytest.mark.parametrize("name", NAMES)
def test_good_files_are_valid(all_kinds, name, tmp_path):
    for file, content in all_kinds[name].files.items():
        (tmp_path / file).write_bytes(content)
        all_kinds[name].read(tmp_path / file)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_valid_or_rejected_in_one_line(all_kinds, name, tmp_path):
    tally = tried(all_kinds[name], NUMBER, 0, tmp_path)
    assert dict(tally.uncaught) == {}
    assert tally.valid + tally.rejected == NUMBER
    assert tally.rejected > NUMBER // 8
    assert list(tmp_path.iterdir()) == []


def test_uncaught_errors_are_counted(tmp_path):
    def fragile(path):
        if path.read_bytes() != b"{1}":
            raise KeyError("fragile")

    tally = tried(Kind("fragile", {"a.json": b"{1}"}, fragile), 20, 0, tmp_path)
    assert tally.uncaught["KeyError: 'fragile'"] == len(tally.kept) > 10


def test_visible_warnings_are_counted(tmp_path):
    def grumbling(path):
        warnings.warn("nobody sees this", DeprecationWarning, stacklevel=1)
        if path.read_bytes() != b"{1}":
            warnings.warn("overflow", RuntimeWarning, stacklevel=1)
            raise ValueError("rejected")

    tally = tried(Kind("grumbling", {"a.json": b"{1}"}, grumbling), 20, 0, tmp_path)
    assert tally.uncaught["RuntimeWarning: overflow"] == len(tally.kept) > 10
    assert tally.rejected == 0


COMMANDS = {
    "valid": ("out.mkdir(); np.savez(out / 'a.npz', x=np.ones(3))", "valid"),
    "rejected": ("print('no', file=sys.stderr); sys.exit(2)", "rejected"),
    "NaN": ("out.mkdir(); np.savez(out / 'a.npz', x=np.array(np.nan))", "NaN or no result"),
    "nothing": ("pass", "NaN or no result"),
    "talk": ("out.mkdir(); np.savez(out / 'a.npz', x=np.ones(3)); print('hm', file=sys.stderr)", "status 0, 1 lines"),
    "two lines": ("print('no\\nno', file=sys.stderr); sys.exit(2)", "status 2, 2 lines"),
    "traceback": ("raise KeyError('x')", "status 1,"),
    "half": ("out.mkdir(); (out / 'half').touch(); print('no', file=sys.stderr); sys.exit(2)", "leaves half after"),
    "temporary": ("import tempfile; tempfile.mkstemp('x'); print('no', file=sys.stderr); sys.exit(2)", "leaves tmp"),
    "endless": ("time.sleep(60)", "runs for more than"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_outcomes(tmp_path, monkeypatch, name):
    does, outcome = COMMANDS[name]
    script = tmp_path / "command.py"
    begin = "import sys, time, numpy as np\nfrom pathlib import Path\nout = Path(sys.argv[-1])\n"
    script.write_text(begin + does)
    monkeypatch.setitem(processes._COMMANDS, "poses", (str(script), ()))
    monkeypatch.setattr(processes, "LONGEST", 2.0 if name == "endless" else 60.0)
    ended = commands([Kind("poses", {"a.json": b"{1}"}, lambda path: None)], 1, 0, tmp_path / "work")
    counts = (ended.valid, ended.rejected, len(ended.kept))
    assert counts == {"valid": (1, 0, 0), "rejected": (0, 1, 0)}.get(outcome, (0, 0, 1))
    assert outcome in ("valid", "rejected") or any(outcome in wrong for wrong in ended.wrong)
    assert not (tmp_path / "work").exists()


WORKER = """
    import os, sys, time
    from pathlib import Path
    out = Path(sys.argv[-1])
    out.mkdir(exist_ok=True)
    for step in range(3):
        part = out / f"{step}.part"
        if not part.exists():
            temporary = out / f"{step}.temporary"
            temporary.write_text(str(step))
            temporary.rename(part)
"""


def killed(tmp_path, *changes):
    """Effects on the worker, or a modified one, of three kills after all parts are finished."""
    script = textwrap.dedent(WORKER)
    for old, new in changes:
        assert old in script
        script = script.replace(old, new)
    (tmp_path / "worker.py").write_text(script)
    out = tmp_path / "out"

    def wait(seconds):
        while len(list(out.glob("*.part"))) < 3:
            time.sleep(0.01)

    return kills([sys.executable, str(tmp_path / "worker.py")], out, "*.part", 3, 0, wait)


def test_a_killed_and_resumed_run_loses_nothing(tmp_path):
    assert killed(tmp_path) == Kills(0, ())


def test_parts_that_a_later_run_repeats_count_as_lost(tmp_path):
    assert killed(tmp_path, ("not part.exists()", "True"), ("str(step)", "str(time.time_ns())")).lost > 0


def test_files_left_by_a_kill_are_reported(tmp_path):
    left = killed(tmp_path, ("{step}.temporary", "{step}.{os.getpid()}"), ("temporary.rename(part)", "part.touch()"))
    assert left.lost == 0
    assert len(left.differing) >= 6
