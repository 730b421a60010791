"""The wheel holds what users need, and runs where it is installed. Nothing is fetched."""

import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import qposer

ROOT = Path(__file__).resolve().parents[1]
BASE = {"jaxtyping", "lark", "numpy", "safetensors", "torch"}
FIT = ("PIL", "cv2", "filelock", "mediapipe", "rich", "scipy", "smplx", "trimesh", "tyro", "viser")


def run(*line, **options):
    return subprocess.run([*map(str, line)], capture_output=True, text=True, check=True, **options).stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """A folder with the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.iterdir()
    return path


@pytest.fixture(scope="module")
def names(wheel):
    return zipfile.ZipFile(wheel).namelist()


@pytest.fixture(scope="module")
def metadata(wheel):
    return message_from_string(zipfile.ZipFile(wheel).read(f"qposer-{qposer.__version__}.dist-info/METADATA").decode())


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    """Environment variables with the unpacked wheel on Python's path."""
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(folder)
    return {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


def interpreter(version):
    """A Python of this version that can create environments: on the path, or one of pyenv's; None if there is none."""
    found = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for path in filter(None, found):
        if subprocess.run([path, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return path
    return None


def install(wheel, python, folder):
    """A fresh environment with the wheel and nothing else."""
    run(python, "-m", "venv", "--without-pip", folder)
    inside = folder / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        inside,
        "install",
        "-q",
        "--no-compile",
        "--no-deps",
        "--no-index",
        wheel,
    )
    return folder / "bin"


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Scripts of an environment with the wheel, and with the packages that this one has."""
    folder = tmp_path_factory.mktemp("installed")
    scripts = install(wheel, sys.executable, folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return scripts


def tour():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    return next(block for block in blocks if "import torch" in block)


def test_only_two_packages_are_installed(names):
    assert {name.partition("/")[0] for name in names} == {
        "qposer",
        "fitting",
        f"qposer-{qposer.__version__}.dist-info",
    }


def test_all_modules_and_data_files_are_in(names):
    tracked = run("git", "ls-files", "qposer", "fitting", cwd=ROOT) if (ROOT / ".git").exists() else ""
    assert set(tracked.split()) <= set(names)
    assert {"qposer/py.typed", "fitting/py.typed", "fitting/output/viewer.html"} <= set(names)
    assert any(name.endswith(".lark") for name in names)


def test_the_assets_are_in_the_prior_package(names):
    expected = {f"qposer/assets/{path.name}" for path in (ROOT / "assets").iterdir()}
    assert {name for name in names if "/assets/" in name and "dist-info" not in name} == expected
    assert {"qposer/assets/qposer.safetensors", "qposer/assets/walk_side.jpg"} <= expected


def test_metadata(metadata, names, wheel):
    assert metadata["Name"] == "qposer"
    assert metadata["Version"] == qposer.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    (scripts,) = (name for name in names if name.endswith("entry_points.txt"))
    assert "qposer = fitting.commands.run:main" in zipfile.ZipFile(wheel).read(scripts).decode()


def test_dependencies(metadata):
    required = metadata.get_all("Requires-Dist")
    base = {re.match(r"[\w-]+", line)[0] for line in required if "extra ==" not in line}
    assert base == BASE
    assert set(metadata.get_all("Provides-Extra")) == {"export", "fit", "ray", "smplx", "studio", "train"}
    assert [line for line in required if "smplx" in line] == ["smplx>=0.1.28; extra == 'smplx'"]


def test_the_prior_needs_no_package_of_the_extras(unpacked, tmp_path):
    hide = f"import sys; sys.modules |= dict.fromkeys({FIT})\n"
    where = "\nimport qposer\nprint(qposer.__file__)"
    printed = run(sys.executable, "-c", hide + tour() + where, cwd=tmp_path, env=unpacked)
    assert printed.startswith(unpacked["PYTHONPATH"])


def test_the_command_runs_where_it_is_unpacked(unpacked, tmp_path):
    printed = run(sys.executable, "-m", "fitting.commands.run", "--help", cwd=tmp_path, env=unpacked)
    assert "qposer fit photo.jpg" in printed


def test_the_command_fits_the_shipped_photo(installed, tmp_path):
    assets = run(installed / "qposer", "assets", cwd=tmp_path).strip()
    assert assets.startswith(str(installed.parent))
    printed = run(installed / "qposer", "fit", f"{assets}/walk_side.jpg", "--hypotheses", "1", cwd=tmp_path)
    assert "  good; " in printed
    assert (tmp_path / "out" / "walk_side" / "person0" / "overlay.png").is_file()


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_wheel_installs_in_this_python(wheel, version, tmp_path):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    scripts = install(wheel, python, tmp_path / "environment")
    assert run(scripts / "qposer", "--version", cwd=tmp_path) == f"qposer {qposer.__version__}\n"
    (packages,) = (tmp_path / "environment").glob("lib/python*/site-packages")
    run(scripts / "python", "-W", "error", "-m", "compileall", "-q", packages / "qposer", packages / "fitting")
