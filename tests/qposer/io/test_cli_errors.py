import subprocess
import sys

import pytest

from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.messages import one_line


@pytest.mark.parametrize("name", [":-1:.png", "[red]a[/red].png", "a\nb.png", "\x1b[31ma.png", "\udcff.png"])
def test_names_of_files_are_printed_in_one_line_as_they_are(name, capsys):
    with pytest.raises(SystemExit) as stopped, cli_errors("program"):
        raise ValueError(f"{name} is wrong")
    assert stopped.value.code == 2
    reported = capsys.readouterr().err
    assert reported == f"program: {one_line(name)} is wrong\n"
    assert reported.count("\n") == 1


def test_consoles_print_text_verbatim(capsys):
    plain_console().print("out/:-1:/[bold]x[/bold] " + 200 * "a")
    assert capsys.readouterr().out == "out/:-1:/[bold]x[/bold] " + 200 * "a" + "\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\n  b", "a b"), ("\x07", r"\x07"), ("\udcff", r"\udcff"), (MemoryError(), "MemoryError"), ("ä", "ä")],
)
def test_one_line(text, line):
    assert one_line(text) == line


def test_long_texts_are_shortened_in_the_middle():
    assert one_line("a" * 500 + "b" * 500, longest=20) == "a" * 10 + " ... " + "b" * 10


def test_an_interrupt_is_one_line_and_130(capsys):
    with pytest.raises(SystemExit) as stopped, cli_errors("program"):
        raise KeyboardInterrupt
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "program: stopped\n"


def test_program_errors_propagate():
    with pytest.raises(AssertionError), cli_errors("program"):
        raise AssertionError


WHILE_LOADING = "end_on_interrupt(); os.kill(os.getpid(), signal.SIGINT)"
AT_WORK = """end_on_interrupt()
with cli_errors("program"):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)"""
AFTERWARDS = """end_on_interrupt()
with cli_errors("program"):
    pass
os.kill(os.getpid(), signal.SIGINT)"""


@pytest.mark.parametrize("moment", [WHILE_LOADING, AT_WORK, AFTERWARDS])
def test_ctrl_c_is_one_line_and_130_at_every_moment(moment):
    imports = "import os, signal, sys, time; from qposer.io.cli_errors import cli_errors; sys.argv = ['program.py']"
    imports += "; signal.signal(signal.SIGINT, signal.default_int_handler)"  # what runs in the background ignores it
    code = f"{imports}\nfrom qposer.io.interrupts import end_on_interrupt\n{moment}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "program: stopped\n")


def test_a_process_that_ignores_the_signal_continues():
    code = "import signal, os; signal.signal(2, signal.SIG_IGN); from qposer.io.interrupts import end_on_interrupt; "
    code += "end_on_interrupt(); os.kill(os.getpid(), 2); print('on')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "on\n"
