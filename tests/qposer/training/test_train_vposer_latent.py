import csv
import dataclasses

import numpy as np
import pytest
import torch
from rich.console import Console

from qposer.io.weights import read_note
from qposer.training import batches
from qposer.training import train_vposer_latent as module
from qposer.training.rig_variation import STRENGTH
from qposer.training.train_vposer_latent import TrainConfig, train

QUIET = Console(quiet=True)


@pytest.fixture
def config(tmp_path):
    """A short run on poses whose elbow moves along a circle in two coordinates, which no line contains."""
    angle = np.linspace(0, 20, 120)
    pose = np.zeros((120, 24, 3), np.float32)
    pose[:, 18, 0], pose[:, 18, 1] = np.cos(angle), np.sin(angle)
    names = np.repeat(["02", "03", "01"], 40)
    columns = {"subject": names, "sequence": names, "source": names}
    np.savez(tmp_path / "poses.npz", pose=pose, frame=np.arange(120, dtype=np.int32), **columns)
    return TrainConfig(
        tmp_path / "poses.npz", tmp_path / "run", steps=4, batch_size=16, validate_every=2, latent_dim=4, width=16
    )


def test_poses_are_reconstructed_more_exactly_after_training(config):
    train(dataclasses.replace(config, steps=300, validate_every=100, averaging=0.9, learning_rate=3e-3), QUIET)
    rows = list(csv.DictReader((config.out / "log.csv").open()))
    losses = [float(row["validation"]) for row in rows]
    assert losses == sorted(losses, reverse=True)
    assert float(rows[-1]["validation_mpjpe_mm"]) < 0.9 * float(rows[0]["validation_mpjpe_mm"])


def test_a_run_continues_where_it_stopped(config):
    first = train(config, QUIET)
    log = (config.out / "log.csv").read_text()
    again = train(config, QUIET)
    assert (config.out / "log.csv").read_text() == log
    for name, tensor in first.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    with pytest.raises(ValueError, match="other settings"):
        train(dataclasses.replace(config, seed=1), QUIET)


def test_batches_are_varied_as_rigs_differ(config, strengths_of):
    strengths = strengths_of(batches)
    train(config, QUIET)
    assert set(strengths) == {STRENGTH}


def test_the_loss_is_the_mean_over_shares(config, assert_mean_of_shares):
    assert_mean_of_shares(module, dataclasses.replace(config, kl_weight=1.0, jittered=0.5))


def test_all_subjects_are_trained_on(config, monkeypatch):
    drawn = []
    draw = module.draw_poses
    monkeypatch.setattr(module, "draw_poses", lambda poses, *rest: drawn.append(len(poses)) or draw(poses, *rest))
    train(dataclasses.replace(config, subjects="all"), QUIET)
    assert set(drawn) == {120}
    assert read_note(config.out / "best.safetensors", "subjects") == "all"


def test_jittered_poses_may_have_long_latents(config, monkeypatch):
    """The divergence is a loss of the unperturbed poses only, independent of the number of perturbed ones."""
    monkeypatch.setattr(module, "jitter", lambda poses, generator: poses.mT.contiguous() @ poses.mT)
    figures = {}
    for jittered in (0.0, 1.0):
        out = config.out.with_name(f"run{jittered}")
        train(dataclasses.replace(config, jittered=jittered, steps=1, validate_every=1, out=out), QUIET)
        figures[jittered] = next(csv.DictReader((out / "log.csv").open()))
    assert float(figures[0.0]["divergence"]) == pytest.approx(float(figures[1.0]["divergence"]))
    assert float(figures[1.0]["joints"]) > 1.2 * float(figures[0.0]["joints"])
