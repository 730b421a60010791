"""Training runs of the regressor and of the pose sampler, a few steps long."""

import dataclasses

import numpy as np
import pytest
import torch
from rich.console import Console

from fitting.optimise.pose_sampler import PoseSampler
from fitting.optimise.regressor import Regressor
from fitting.training import synthetic_views, train_regressor, train_sampler
from fitting.training.synthetic_views import Photographer
from fitting.training.train_regressor import TrainConfig, train
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.io.npz import write_npz
from qposer.io.weights import read_note
from qposer.training.rig_variation import STRENGTH


def random_poses(folder):
    """A file of poses of a training and a validation subject, and the poses."""
    pose = 0.2 * np.random.default_rng(0).standard_normal((24, 24, 3)).astype(np.float32)
    names = np.array(["02"] * 12 + ["03"] * 12)
    columns = {"subject": names, "sequence": names, "frame": np.arange(24, dtype=np.int32), "source": names}
    write_npz(folder / "poses.npz", {"pose": pose, **columns})
    return folder / "poses.npz", pose


@pytest.mark.parametrize(("module", "network"), [(train_regressor, Regressor), (train_sampler, PoseSampler)])
def test_a_run_continues_where_it_stopped_and_is_read_back(tmp_path, strengths_of, module, network):
    strengths, train = strengths_of(synthetic_views), module.train
    generator = np.random.default_rng(0)
    pose = 0.2 * generator.standard_normal((24, 24, 3)).astype(np.float32)
    subject = np.array(["02"] * 16 + ["03"] * 8)
    columns = {"sequence": np.array(["a"] * 24), "frame": np.arange(24, dtype=np.int32), "source": np.array(["x"] * 24)}
    write_npz(tmp_path / "poses.npz", {"pose": pose, "subject": subject, **columns})
    config = module.TrainConfig(
        tmp_path / "poses.npz", tmp_path / "run", steps=4, batch_size=8, validate_every=2, width=16, depth=1
    )
    console = Console(quiet=True)
    best = train(config, console)
    assert strengths[-4:] == [STRENGTH / 2] * 4
    log = (tmp_path / "run" / "log.csv").read_text()
    assert log.count("\n") == 3
    assert train(config, console) == best
    assert (tmp_path / "run" / "log.csv").read_text() == log
    assert network.from_pretrained(best).config.width == 16
    with pytest.raises(ValueError, match="other settings"):
        train(dataclasses.replace(config, seed=1), console)
    assert read_note(best, "subjects") == "train"


@pytest.mark.parametrize("module", [train_regressor, train_sampler])
def test_the_loss_is_the_mean_over_shares(tmp_path, assert_mean_of_shares, module):
    data, _ = random_poses(tmp_path)
    config = module.TrainConfig(data, tmp_path / "run", batch_size=16, width=16, depth=1)
    assert_mean_of_shares(module, config)


def test_everything_is_computed_on_the_device_of_the_network(tmp_path, monkeypatch):
    """Operations on tensors of different devices raise."""
    data, _ = random_poses(tmp_path)
    read = []

    def run(config, model, generator, loss, validate, *rest):
        terms = loss()
        terms["loss"].backward()
        read.extend([*terms.values(), *(weights.grad for weights in model.parameters())])
        validate()

    monkeypatch.setattr(train_regressor, "run", run)
    monkeypatch.setattr(torch.Tensor, "item", lambda number: read.append(number) or 0.0)
    train(TrainConfig(data, tmp_path / "run", batch_size=8, width=16, depth=1, device="meta"), None)
    assert all(tensor.is_meta for tensor in read)


def test_all_subjects_are_trained_on(tmp_path, monkeypatch):
    data, pose = random_poses(tmp_path)
    seen = []
    draw = Photographer.draw
    monkeypatch.setattr(
        Photographer, "draw", lambda self, poses, format: seen.append(poses) or draw(self, poses, format)
    )
    best = train(
        TrainConfig(data, tmp_path / "run", steps=1, batch_size=64, subjects="all", width=16, depth=1),
        Console(quiet=True),
    )
    drawn = seen[-1][32:].flatten(1)  # the second half is not mirrored
    found = torch.cdist(drawn, axis_angle_to_matrix(torch.from_numpy(pose[:, :22])).flatten(1)).argmin(1)
    assert found.min() < 12 <= found.max()
    assert read_note(best, "subjects") == "all"


def test_the_sampler_learns_numbers_of_about_unit_variance(tmp_path):
    data, pose = random_poses(tmp_path)
    config = train_sampler.TrainConfig(data, tmp_path / "run", steps=1, batch_size=64, width=16, depth=1)
    model = PoseSampler.from_pretrained(train_sampler.train(config, Console(quiet=True)))
    rotations = axis_angle_to_matrix(torch.from_numpy(pose[:, 1:22]))
    numbers = (rotations[..., :2].mT.flatten(-2) - model.mean[1:]) / model.std[1:]
    assert 0.5 < numbers.std() < 2
