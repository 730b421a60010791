import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import demos
from fitting.commands import sample
from qposer.body_pose.rotations import matrix_to_axis_angle

DEMOS = Path(demos.__file__).parent


def arrays(folder):
    with np.load(folder / "sample.npz") as file:
        return dict(file)


def test_the_command_works_from_another_folder(tmp_path):
    """With the shipped weights, from another working directory."""
    command = [sys.executable, DEMOS / "sample.py", "--number", "2", "--out", "sheets"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.startswith("2 poses in sheets/sample.npz: energy ")
    assert done.stdout.endswith("picture: sheets/sample.png\n")
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == ["sample.npz", "sample.png"]
    written = arrays(tmp_path / "sheets")
    assert (written["body_pose"].shape, written["energy"].shape) == ((2, 21, 3), (2,))
    assert np.isfinite(written["energy"]).all()


def test_energies_are_those_of_the_poses(run, random_prior, tmp_path):
    run("sample", "--number", 3, "--out", tmp_path)
    written = arrays(tmp_path)
    energy = random_prior.energy(torch.from_numpy(written["body_pose"]))
    np.testing.assert_allclose(energy, written["energy"], rtol=1e-4, atol=1e-4)


def test_same_seed_same_files(run, random_prior, tmp_path):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        run("sample", "--number", 2, "--seed", seed, "--out", tmp_path / folder)
    sheets = [(tmp_path / folder / "sample.png").read_bytes() for folder in "abc"]
    poses = [arrays(tmp_path / folder)["body_pose"] for folder in "abc"]
    assert sheets[0] == sheets[1] != sheets[2]
    assert np.array_equal(poses[0], poses[1])
    assert not np.array_equal(poses[0], poses[2])


def test_the_temperature_is_that_of_the_draws(run, random_prior, tmp_path):
    run("sample", "--number", 2, "--temperature", 0.5, "--out", tmp_path)
    drawn = random_prior.sample(2, 0.5, generator=torch.Generator().manual_seed(0))
    again = torch.from_numpy(arrays(tmp_path)["body_pose"])
    torch.testing.assert_close(again, matrix_to_axis_angle(drawn), atol=1e-5, rtol=0)


def test_sheets_have_a_maximum_size(monkeypatch, random_prior, tmp_path):
    monkeypatch.setattr(sample, "MOST_DRAWN", 2)
    sample.main(number=9, out=tmp_path)
    with Image.open(tmp_path / "sample.png") as nine:
        assert nine.height < 700, "one row"
    assert len(arrays(tmp_path)["body_pose"]) == 9


def test_existing_files_survive_a_failed_write(monkeypatch, run, refused, random_prior, tmp_path):
    run("sample", "--number", 1, "--out", tmp_path)
    before = (tmp_path / "sample.png").read_bytes()

    def full(self, file, **_):
        file.write_bytes(b"half")
        raise OSError("no space is left")

    monkeypatch.setattr(Image.Image, "save", full)
    assert "no space is left" in refused("sample", "--number", 1, "--seed", 1, "--out", tmp_path)
    assert (tmp_path / "sample.png").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sample.npz", "sample.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--number", "0"], "n must be at least 1"),
        (["--temperature", "-1"], "temperature finite and not negative"),
        (["--temperature", "nan"], "temperature finite and not negative"),
        (["--seed", "-1"], "a seed must be an integer from 0"),
        (["--seed", str(2**63)], "a seed must be an integer from 0"),
    ],
)
def test_wrong_input_is_reported_in_one_line(refused, random_prior, tmp_path, arguments, message):
    assert message in refused("sample", *arguments, "--out", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder_is_rejected(refused, random_prior, tmp_path):
    (tmp_path / "taken").touch()
    assert "is a file: give a folder as --out" in refused("sample", "--number", 1, "--out", tmp_path / "taken")


@pytest.mark.parametrize("demo", ["sample", "edit", "complete"])
def test_help_teaches_without_loading_torch(demo, tmp_path):
    program = f"""
import runpy, sys
sys.argv = ["{demo}.py", "--help"]
try:
    runpy.run_path({str(DEMOS / f"{demo}.py")!r}, run_name="__main__")
finally:
    assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert f"qposer {demo}" in done.stdout
    assert "body_pose" in done.stdout
