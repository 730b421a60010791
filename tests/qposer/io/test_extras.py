import tomllib
from pathlib import Path

import pytest

from qposer.io.extras import EXTRAS, explained

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_extra_of_a_module_is_named():
    error = explained(ModuleNotFoundError("No module named 'cv2'", name="cv2.gapi"))
    assert str(error) == 'the package cv2 is not installed: pip install "qposer[fit]"'
    assert error.name == "cv2.gapi"


@pytest.mark.parametrize("name", ["qposer.no_such", None])
def test_other_modules_have_none(name):
    assert explained(ModuleNotFoundError("", name=name)) is None


def test_the_extras_are_declared():
    assert set(EXTRAS.values()) <= PROJECT["optional-dependencies"].keys()
