import subprocess
import sys
from pathlib import Path

import pytest

import demos
from qposer.io.assets import asset

INTERRUPTED = """
import os, runpy, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
demo, moment, *line = sys.argv[1:]


def interrupt(event, what):
    if event == "import" and what[0] == moment:
        os.kill(os.getpid(), signal.SIGINT)


sys.addaudithook(interrupt)
sys.argv = [demo, *line]
runpy.run_path(demo, run_name="__main__")
"""


@pytest.mark.parametrize("moment", ["pathlib", "tyro", "torch", "numpy.dtypes", "fitting.output.exports"])
def test_ctrl_c_in_an_import_is_one_line_and_130(tmp_path, moment):
    """At numpy.dtypes a `KeyboardInterrupt` would be lost, and leave half of NumPy behind."""
    demo = Path(demos.__file__).with_name("fit_image.py")
    line = [sys.executable, "-c", INTERRUPTED, demo, moment, asset("upper_body.png"), "--out", tmp_path / "out"]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "fit_image: stopped\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("demo", sorted(Path(demos.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_commands_are_ready_for_ctrl_c_before_they_load_anything_slow(demo):
    text = demo.read_text(encoding="utf-8")
    if "run(" in text:
        before = text.partition("    end_on_interrupt()\n")[0]
        imports = [line for line in before.splitlines() if line.startswith(("import ", "from "))]
        assert imports == ["import sys", "from qposer.io.interrupts import end_on_interrupt"]
