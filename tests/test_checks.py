"""The project's checks catch faulty modules and accept a correct one."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

from tools.docstrings import ROOT, complaints

MODULE = textwrap.dedent('''\
    """A module to check."""

    from __future__ import annotations

    from jaxtyping import Float
    from torch import Tensor


    def scaled(points: Float[Tensor, "points 3"], factors: Float[Tensor, " points"]) -> Float[Tensor, "points 3"]:
        """Points times factors.

        Args:
            points: in metres.
            factors: one for each point.

        Returns:
            The products, in metres.

        Raises:
            ValueError: there is no point.
        """
        if not len(points):
            raise ValueError("there is no point")
        return points * factors[:, None]
    ''')

ARGS = """    Args:
        points: in metres.
        factors: one for each point.

"""
RETURNS = """    Returns:
        The products, in metres.

"""
RAISES = """
    Raises:
        ValueError: there is no point.
"""

UNDEFINED = MODULE.replace("points * factors[:, None]", "points * factor[:, None]")
FALSE = MODULE.replace('-> Float[Tensor, "points 3"]', '-> Float[Tensor, " points"]')


def ruff(source, *options):
    """Rules violated by a module of the package."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "--no-cache", *options]
    command += ["--config", str(ROOT / "pyproject.toml"), "--stdin-filename", str(ROOT / "qposer/checked.py"), "-"]
    found = subprocess.run(command, input=source, capture_output=True, text=True, cwd=ROOT)
    assert found.returncode in (0, 1), found.stderr
    return found.stdout


def mypy(source, folder):
    (folder / "checked.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--follow-imports", "skip", "--cache-dir", str(folder / "cache"), str(folder / "checked.py")]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder).stdout


def shape_checks(source, folder):
    """Output of pytest with the plugin on a package with the project's name."""
    package = folder / "qposer"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "checked.py").write_text(source, encoding="utf-8")
    (folder / "test_scaled.py").write_text(
        "import torch\nfrom qposer.checked import scaled\n\n\n"
        "def test_scaled():\n    assert scaled(torch.ones(4, 3), torch.ones(4)).sum() == 12\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-p", "tools.shape_checks", "-p", "no:cacheprovider", "--rootdir", "."]
    places = {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | places).stdout


def test_a_correct_module_passes(tmp_path):
    assert "All checks passed" in ruff(MODULE)
    assert complaints(MODULE) == []
    assert "1 passed" in shape_checks(MODULE, tmp_path)


def test_an_undefined_name_is_caught_by_ruff():
    assert "F821 Undefined name `factor`" in ruff(UNDEFINED)


def test_an_undefined_name_is_caught_by_mypy(tmp_path):
    reported = 'Name "factor" is not defined'
    assert reported in mypy(UNDEFINED, tmp_path)
    assert reported not in mypy(MODULE, tmp_path)


def test_a_shape_string_that_looks_like_a_name_is_caught():
    assert "F821 Undefined name `points`" in ruff(MODULE.replace('" points"', '"points"'))


@pytest.mark.parametrize(
    ("section", "reported"),
    [
        (ARGS, "Args lacks points, factors"),
        ("        factors: one for each point.\n", "Args lacks factors"),
        (RETURNS, "there is no Returns"),
        (RAISES, "there is no Raises, and it raises ValueError"),
    ],
)
def test_a_missing_section_is_caught(section, reported):
    assert section in MODULE
    (complaint,) = complaints(MODULE.replace(section, ""))
    assert reported in complaint


def test_a_parameter_without_documentation_is_caught_by_ruff():
    assert "D417" in ruff(MODULE.replace("        factors: one for each point.\n", ""))


def test_a_missing_docstring_is_caught_by_ruff():
    start, end = MODULE.index('    """Points'), MODULE.index("    if not len")
    assert "D103" in ruff(MODULE[:start] + MODULE[end:])


def test_shapes_are_checked_in_tests_that_are_there():
    variable = re.search(r"^SHAPES = ((?:.*\\\n)*.*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    groups = re.findall(r"\$\(addprefix (\S+?),([^)]*)\)", variable[1])
    tests = [folder + name for folder, names in groups for name in names.replace("\\\n", " ").split()]
    assert len(tests) > 20
    assert [name for name in tests if not (ROOT / name).exists()] == []


def test_a_wrong_shape_is_caught_at_run_time(tmp_path):
    reported = shape_checks(FALSE, tmp_path)
    assert "1 failed" in reported
    assert "TypeCheckError" in reported
