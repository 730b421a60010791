"""Modules loaded by `--help` of the demos: argument parsing, and nothing slow."""

import subprocess
import sys
from pathlib import Path

import pytest

DEMOS = Path(__file__).resolve().parents[2] / "demos"
COMMANDS = [(path.stem,) for path in sorted(DEMOS.glob("*.py")) if "run(" in path.read_text(encoding="utf-8")]
SUBCOMMANDS = [("edit", name) for name in ("swap", "mirror", "interpolate", "vary")]
HEAVY = ("cv2", "matplotlib", "mediapipe", "numpy", "PIL", "scipy", "torch", "trimesh", "viser")

PROGRAM = """
import atexit, runpy, sys
sys.argv = sys.argv[1:]
atexit.register(lambda: print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules})))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_all_demos_are_checked():
    names = {name for name, *_ in COMMANDS}
    assert names > {"complete", "edit", "fit_folder", "fit_image", "fit_video", "sample", "studio"}


@pytest.mark.parametrize("command", [*COMMANDS, *SUBCOMMANDS], ids=" ".join)
def test_help_loads_no_large_module(command):
    name, *subcommand = command
    line = [sys.executable, "-c", PROGRAM, DEMOS / f"{name}.py", *subcommand, "--help"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    reported, _, loaded = done.stdout.rpartition("loaded: ")
    assert "usage:" in reported
    assert not set(HEAVY) & set(loaded.split())
