import sys

import numpy as np
import pytest
import torch

from qposer.training.config import RunConfig, training_command


@pytest.fixture
def poses(tmp_path):
    path = tmp_path / "poses.npz"
    np.savez(
        path,
        pose=np.zeros((3, 24, 3), np.float32),
        subject=np.array(["02", "03", "01"]),
        sequence=np.array(["a"] * 3),
        frame=np.arange(3, dtype=np.int32),
        source=np.array(["asf"] * 3),
    )
    return path


def test_a_run_draws_the_same_from_the_same_seed(poses, tmp_path):
    def drawn(seed):
        data, generator = RunConfig(poses, tmp_path / "run", seed=seed).begin()
        assert len(data.body_pose("train")) == 1
        return torch.rand(3).tolist() + torch.rand(3, generator=generator).tolist()

    assert drawn(1) == drawn(1)
    assert not set(drawn(1)) & set(drawn(2))


def test_the_command_trains_and_prints_the_path_of_the_weights(poses, tmp_path, monkeypatch, capsys):
    seen = []
    out = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", ["train_x", "--data", str(poses), "--out", str(out), "--steps", "7"])
    training_command(RunConfig, lambda config, console: seen.append(config), "Train.")
    assert seen == [RunConfig(poses, out, steps=7)]
    assert capsys.readouterr().out == f"best weights: {out / 'best.safetensors'}\n"


def test_wrong_input_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train_x", "--data", str(tmp_path / "none.npz"), "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as stopped:
        training_command(RunConfig, lambda config, console: config.begin(), "Train.")
    assert stopped.value.code == 2
    reported = capsys.readouterr()
    assert reported.out == ""
    assert reported.err.startswith("train_x: ")
    assert reported.err.count("\n") == 1
