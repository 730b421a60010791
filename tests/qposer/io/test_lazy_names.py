import importlib
import subprocess
import sys

import pytest

from qposer.io.lazy_names import lazy_names


def test_a_name_loads_its_module():
    load = lazy_names("package", {"json": ("dumps", "loads"), "no.such.module": ("other",)})
    assert load("dumps")([1]) == "[1]"
    with pytest.raises(ModuleNotFoundError, match="no"):
        load("other")


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'package' has no attribute 'absent'"):
        lazy_names("package", {"json": ("dumps",)})("absent")


@pytest.mark.parametrize("package", ["qposer", "fitting"])
def test_packages_have_all_that_they_name_and_load_nothing_before(package):
    module = importlib.import_module(package)
    assert all(getattr(module, name) is not None for name in module.__all__)
    program = f"import sys, {package}; print('torch' in sys.modules, 'cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
