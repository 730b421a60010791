import csv
import dataclasses

import numpy as np
import pytest
import torch
from rich.console import Console

from qposer.codeprior import CodePrior
from qposer.data.dataset import PoseDataset
from qposer.model import QPoserConfig
from qposer.training import evaluate
from qposer.training import run as run_module
from qposer.training.evaluate import reconstruction
from qposer.training.train import TrainConfig, train
from qposer.training.train_codeprior import TrainConfig as PriorConfig
from qposer.training.train_codeprior import train as train_prior

SMALL = QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2)
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def poses(tmp_path_factory):
    """Poses that swing along one direction, of one subject for each split."""
    generator = np.random.default_rng(0)
    direction = generator.normal(size=(24, 3))
    pose = 0.2 * np.sin(np.linspace(0, 20, 300))[:, None, None] * direction
    path = tmp_path_factory.mktemp("data") / "poses.npz"
    np.savez(
        path,
        pose=pose.astype(np.float32),
        subject=np.repeat(["02", "03", "01"], 100),
        sequence=np.repeat(["a"], 300),
        frame=np.arange(300, dtype=np.int32),
        source=np.repeat(["asf"], 300),
    )
    return path


def config(poses, out, **changes):
    return TrainConfig(
        data=poses, out=out, model=SMALL, **({"steps": 40, "batch_size": 32, "validate_every": 20} | changes)
    )


def test_training_lowers_the_error(poses, tmp_path):
    train(config(poses, tmp_path / "run", steps=400, validate_every=100), QUIET)
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").open()))
    errors = [float(row["validation_mpjpe_mm"]) for row in rows]
    assert len(errors) == 4
    assert errors[-1] < 0.5 * errors[0]


def test_a_killed_run_goes_on_to_the_same_weights(poses, tmp_path, monkeypatch):
    whole = train(config(poses, tmp_path / "whole"), QUIET)
    save = run_module.save_checkpoint

    def save_and_die(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "save_checkpoint", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        train(config(poses, tmp_path / "killed"), QUIET)
    monkeypatch.setattr(run_module, "save_checkpoint", save)
    resumed = train(config(poses, tmp_path / "killed"), QUIET)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], tensor)


def test_a_folder_with_other_settings_is_refused(poses, tmp_path):
    train(config(poses, tmp_path / "run"), QUIET)
    with pytest.raises(ValueError, match="other settings"):
        train(config(poses, tmp_path / "run", seed=1), QUIET)


def test_a_code_prior_learns_to_denoise(poses, tmp_path):
    train(config(poses, tmp_path / "run"), QUIET)
    weights = tmp_path / "run" / "best.safetensors"
    prior_config = PriorConfig(
        data=poses,
        out=tmp_path / "prior",
        qposer=weights,
        steps=300,
        judge_steps=20,
        joint_judge_steps=20,
        batch_size=64,
        averaging=0.9,
        validate_every=100,
        width=64,
        depth=1,
    )
    prior = train_prior(prior_config, QUIET)
    log = tmp_path / "prior" / "denoiser" / "log.csv"
    errors = [float(row["validation"]) for row in csv.DictReader(log.open())]
    assert errors[-1] < errors[0]
    energy = prior.energy(PoseDataset.load(poses).body_pose("test"))
    assert energy.median() == pytest.approx(0.0, abs=0.05)
    assert energy.quantile(0.95) == pytest.approx(1.0, abs=0.05)
    assert not prior.network.training
    saved = CodePrior.from_pretrained(tmp_path / "prior" / "best.safetensors", prior.model)
    torch.testing.assert_close(
        saved.network.denoiser.leave[1].weight, prior.network.denoiser.leave[1].weight, atol=1e-3, rtol=1e-2
    )


def test_equal_weights_are_validated_equally(poses, tmp_path):
    """With a learning rate of 0 nothing is learned between validations."""
    train(config(poses, tmp_path / "run", steps=1), QUIET)
    prior_config = PriorConfig(
        data=poses,
        out=tmp_path / "prior",
        qposer=tmp_path / "run" / "best.safetensors",
        steps=2,
        judge_steps=2,
        joint_judge_steps=2,
        batch_size=8,
        learning_rate=0.0,
        validate_every=1,
        width=16,
        depth=1,
    )
    train_prior(prior_config, QUIET)
    for name in ("denoiser", "judge", "joint_judge"):
        first, second = csv.DictReader((tmp_path / "prior" / name / "log.csv").open())
        assert first["validation"] == second["validation"]


def test_reconstruction_counts_codes(poses, tmp_path):
    model = train(config(poses, tmp_path / "run"), QUIET)
    measured = reconstruction(model, torch.zeros(10, 21, 3))
    assert measured.poses == 10
    assert all(part <= 21 / 16 for part in measured.used)
    assert measured.mpjpe_mm >= 0


def test_wrong_input_is_told_in_one_line(poses, tmp_path, capsys):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"no weights")
    with pytest.raises(SystemExit) as exit_:
        evaluate.main(poses, weights)
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("evaluate: ")
    assert "weights.safetensors is not a safetensors file" in line


def test_a_checkpoint_of_other_sizes_is_refused(poses, tmp_path):
    train(config(poses, tmp_path / "run"), QUIET)
    other = dataclasses.replace(config(poses, tmp_path / "run"), model=dataclasses.replace(SMALL, width=32))
    (tmp_path / "run" / "config.json").unlink()
    with pytest.raises(ValueError, match="of other sizes"):
        train(other, QUIET)
