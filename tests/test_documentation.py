"""The documentation lists what is there, and builds without warnings."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import qposer
from demos import python_api
from fitting.commands.overview import overview

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def test_the_page_of_commands_is_the_help():
    assert f"```text\n{overview()}\n```" in (DOCS / "commands.md").read_text("utf-8")


def test_every_extra_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    page = (DOCS / "install.md").read_text("utf-8")
    assert all(f"| `{extra}` |" in page for extra in project["optional-dependencies"])


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == qposer.__version__
    assert f"\nversion: {qposer.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\n## [{qposer.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_script_of_the_python_api(tmp_path, capsys):
    python_api.main(ROOT / "assets" / "walk_side.jpg", tmp_path)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("good: ")
    assert printed[1].startswith("codes (1, 21, 4), energy ")
    assert (tmp_path / "walk_side" / "person0" / "mesh.glb").is_file()


@pytest.mark.skipif(importlib.util.find_spec("furo") is None, reason="Sphinx is not installed: make docs installs it")
def test_html_builds_without_warnings(tmp_path):
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q", "-d", tmp_path / "trees"]
    done = subprocess.run([*command, DOCS, tmp_path / "html"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    reference = (tmp_path / "html" / "api" / "fitting.html").read_text("utf-8")
    assert 'id="fitting.fit_image"' in reference
