import csv

import numpy as np
import pytest
import torch
from rich.console import Console

from benchmarks.baselines import train_diffusion, train_mixture, train_vposer
from qposer.data.dataset import PoseDataset
from qposer.training import batches
from qposer.training.rig_variation import STRENGTH

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def poses(tmp_path_factory):
    """Poses that vary along one direction, from one subject per split."""
    generator = np.random.default_rng(0)
    direction = generator.normal(size=(24, 3))
    swing = 0.2 * np.sin(np.linspace(0, 20, 300))[:, None, None] * direction
    path = tmp_path_factory.mktemp("data") / "poses.npz"
    np.savez(
        path,
        pose=(swing + 0.02 * generator.normal(size=(300, 24, 3))).astype(np.float32),
        subject=np.repeat(["02", "03", "01"], 100),
        sequence=np.repeat(["a"], 300),
        frame=np.arange(300, dtype=np.int32),
        source=np.repeat(["asf"], 300),
    )
    return path


def logged(out, column):
    return [float(row[column]) for row in csv.DictReader((out / "log.csv").open())]


def test_a_vposer_learns_to_reconstruct(poses, tmp_path):
    config = train_vposer.TrainConfig(
        data=poses, out=tmp_path, kl=1e-4, steps=240, batch_size=32, validate_every=60, latent_dim=4, width=64
    )
    model = train_vposer.train(config, QUIET)
    errors = logged(tmp_path, "validation_mpjpe_mm")
    assert len(errors) == 4
    assert errors[-1] < 0.5 * errors[0]
    assert not model.training


def test_extra_losses_are_of_the_first_steps(poses, tmp_path):
    config = train_vposer.TrainConfig(
        data=poses, out=tmp_path, steps=40, batch_size=16, validate_every=20, latent_dim=4, width=16
    )
    train_vposer.train(config, QUIET)
    early, late = logged(tmp_path, "loss")
    assert late < 0.6 * early


def test_a_mixture_finds_the_training_poses_likely(poses, tmp_path):
    config = train_mixture.TrainConfig(data=poses, out=tmp_path, components=2, poses=400)
    prior = train_mixture.train(config, QUIET)
    real = PoseDataset.load(poses).body_pose("test")
    assert prior.energy(real).max() < prior.energy(real + 0.5 * torch.randn(real.shape)).min()
    assert (tmp_path / "best.safetensors").is_file()


def test_a_diffusion_learns_to_denoise(poses, tmp_path):
    config = train_diffusion.TrainConfig(
        data=poses, out=tmp_path, steps=200, batch_size=64, validate_every=50, width=32, depth=1
    )
    train_diffusion.train(config, QUIET)
    errors = logged(tmp_path, "validation")
    assert errors[-1] < errors[0]


def test_the_loss_is_the_mean_over_shares(poses, tmp_path, assert_mean_of_shares):
    assert_mean_of_shares(train_diffusion, train_diffusion.TrainConfig(data=poses, out=tmp_path, batch_size=16))


@pytest.mark.parametrize(
    ("module", "settings"),
    [(train_vposer, {"steps": 1}), (train_mixture, {"components": 2, "poses": 400}), (train_diffusion, {"steps": 1})],
)
def test_poses_are_varied(module, settings, poses, tmp_path, strengths_of):
    strengths = strengths_of(batches)
    module.train(module.TrainConfig(data=poses, out=tmp_path, **settings), QUIET)
    assert strengths
    assert set(strengths) == {STRENGTH}


@pytest.mark.parametrize(
    ("module", "program"),
    [(train_vposer, "train_vposer"), (train_mixture, "train_mixture"), (train_diffusion, "train_diffusion")],
)
def test_a_missing_file_of_poses_is_reported_in_one_line(module, program, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", [program, "--data", str(tmp_path / "none.npz"), "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as exit_:
        module.main()
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{program}: ")
    assert "no such file" in line
