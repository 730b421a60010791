import runpy
import signal
import sys
from pathlib import Path

import pytest

import demos


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a demo's command line in this process; return its output."""

    def run(demo, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{demo}.py", *map(str, arguments)])
        handler = signal.getsignal(signal.SIGINT)
        try:
            runpy.run_path(str(Path(demos.__file__).with_name(f"{demo}.py")), run_name="__main__")
        finally:
            signal.signal(signal.SIGINT, handler)
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(run, capsys):
    """Run a command with invalid input; return its one-line error."""

    def refused(demo, *arguments):
        with pytest.raises(SystemExit) as stopped:
            run(demo, *arguments)
        assert stopped.value.code == 2
        reported = capsys.readouterr()
        assert reported.out == ""
        assert reported.err.count("\n") == 1
        assert reported.err.startswith(f"{demo}: ")
        return reported.err

    return refused


@pytest.fixture(autouse=True)
def named(request, monkeypatch):
    """Errors of a command's `main` begin with the script's name, also when a test calls it."""
    monkeypatch.setattr(sys, "argv", [request.module.__name__.rpartition(".")[2].removeprefix("test_")])
