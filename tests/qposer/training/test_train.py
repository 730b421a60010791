import csv
import dataclasses
import math
import sys
from collections import Counter

import pytest
import torch
from rich.console import Console

from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS
from qposer.data.dataset import PoseDataset
from qposer.evaluation.reconstruction import main as report_reconstruction
from qposer.evaluation.reconstruction import reconstruction
from qposer.io.weights import read_note, read_tensors, write_tensors
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig
from qposer.training import batches, train_codeprior
from qposer.training import run as run_module
from qposer.training import train as module
from qposer.training.batches import draw_poses
from qposer.training.checkpoint import load_checkpoint, save_checkpoint
from qposer.training.judging import JOINT_DETECTOR_STRENGTH
from qposer.training.pose_kind import BODY_KIND
from qposer.training.rig_variation import STRENGTH, vary_rig
from qposer.training.train import TrainConfig, train
from qposer.training.train_codeprior import TrainConfig as PriorConfig
from qposer.training.train_codeprior import train as train_prior

SMALL = QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2)
QUIET = Console(quiet=True)


def config(poses, out, **changes):
    return TrainConfig(
        data=poses, out=out, model=SMALL, **({"steps": 40, "batch_size": 32, "validate_every": 20} | changes)
    )


def test_training_lowers_the_error(poses, tmp_path):
    train(config(poses, tmp_path / "run", steps=200, validate_every=50), QUIET)
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").open()))
    errors = [float(row["validation_mpjpe_mm"]) for row in rows]
    assert len(errors) == 4
    assert errors[-1] < 0.5 * errors[0]


def test_poses_are_varied(poses, tmp_path, strengths_of):
    strengths = strengths_of(batches)
    train(config(poses, tmp_path / "run", steps=2), QUIET)
    assert strengths == [STRENGTH] * 2


def test_a_killed_run_resumes_to_the_same_weights(poses, tmp_path, monkeypatch):
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


def test_all_subjects_are_trained_on_and_the_last_weights_kept(poses, tmp_path, monkeypatch):
    drawn = []
    kind = dataclasses.replace(
        BODY_KIND, draw=lambda poses, *rest: drawn.append(len(poses)) or draw_poses(poses, *rest)
    )
    monkeypatch.setattr(module, "BODY_KIND", kind)
    figures = iter([1.0, 2.0] * 2)
    measured = reconstruction(QPoser(SMALL).eval(), torch.zeros(2, 21, 3))
    monkeypatch.setattr(module, "reconstruction", lambda *_: dataclasses.replace(measured, mpjpe_mm=next(figures)))
    for subjects, count, step in (("train", 100, "20"), ("all", 300, "40")):
        train(config(poses, tmp_path / subjects, subjects=subjects), QUIET)
        best = tmp_path / subjects / "best.safetensors"
        assert read_note(best, "subjects") == subjects
        assert read_note(best, "step") == step
        assert set(drawn) == {count}
        drawn.clear()


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
        steps=150,
        judge_steps=20,
        joint_judge_steps=20,
        batch_size=64,
        averaging=0.9,
        validate_every=50,
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


def test_a_code_prior_of_all_subjects_takes_its_calibration_from_another(poses, tmp_path):
    """Energies of training poses are too low for calibration."""
    train(config(poses, tmp_path / "run", steps=1), QUIET)
    other = CodePriorNetwork(CodePriorConfig(latent_dim=4, width=16, depth=1))
    other.calibration.copy_(torch.arange(other.calibration.numel()).reshape(other.calibration.shape))
    other.save(tmp_path / "other.safetensors")
    prior_config = PriorConfig(
        data=poses,
        out=tmp_path / "prior",
        qposer=tmp_path / "run" / "best.safetensors",
        subjects="all",
        steps=2,
        judge_steps=2,
        joint_judge_steps=2,
        batch_size=8,
        width=16,
        depth=1,
    )
    with pytest.raises(ValueError, match="needs --calibration"):
        train_prior(prior_config, QUIET)
    prior = train_prior(dataclasses.replace(prior_config, calibration=tmp_path / "other.safetensors"), QUIET)
    assert torch.equal(prior.network.calibration, other.calibration)
    assert read_note(tmp_path / "prior" / "best.safetensors", "subjects") == "all"


def test_equal_weights_are_validated_equally_and_poses_are_varied_in_training_only(
    poses, tmp_path, strengths_of, monkeypatch
):
    """With a learning rate of 0 nothing is learned between validations."""
    train(config(poses, tmp_path / "run", steps=1), QUIET)
    drawn, given = strengths_of(batches), []
    kind = dataclasses.replace(BODY_KIND, vary=lambda *of: given.append(of[2]) or vary_rig(*of))
    monkeypatch.setattr(train_codeprior, "BODY_KIND", kind)
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
    of_pool, of_features = [STRENGTH] * 3, [STRENGTH, JOINT_DETECTOR_STRENGTH]
    assert drawn == [*of_pool, *of_features, 0.0, 0.0, JOINT_DETECTOR_STRENGTH, JOINT_DETECTOR_STRENGTH]
    assert given == [STRENGTH, 0.0] * 2


def test_reconstruction_counts_codes(poses, tmp_path):
    model = train(config(poses, tmp_path / "run"), QUIET)
    body_pose = PoseDataset.load(poses).body_pose("test")
    codes, decoded = model.encode(body_pose), axis_angle_to_matrix(model.reconstruct(body_pose))
    truth, rest = axis_angle_to_matrix(body_pose), torch.from_numpy(REST_JOINTS)
    errors = (body_joints(decoded, rest) - body_joints(truth, rest)).norm(dim=-1).mean(-1)
    counts = [Counter(codes[..., head].flatten().tolist()) for head in range(2)]
    assert max(len(count) for count in counts) > 1
    for chunk in (2048, 7):
        measured = reconstruction(model, body_pose, chunk)
        assert measured.poses == len(body_pose) == 100
        assert measured.mpjpe_mm == pytest.approx(1000 * errors.mean().item(), rel=1e-3)
        assert measured.worst_mpjpe_mm == pytest.approx(1000 * errors.quantile(0.99).item(), rel=1e-3)
        assert measured.used == [len(count) / 16 for count in counts]
        for count, perplexity in zip(counts, measured.perplexity, strict=True):
            shares = [number / count.total() for number in count.values()]
            entropy = -sum(share * math.log(share) for share in shares)
            assert perplexity == pytest.approx(math.exp(entropy) / 16, rel=1e-3)


def test_wrong_input_is_reported_in_one_line(poses, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["reconstruction.py"])
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"no weights")
    with pytest.raises(SystemExit) as exit_:
        report_reconstruction(poses, weights)
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("reconstruction: ")
    assert "weights.safetensors is not a safetensors file" in line


def test_a_checkpoint_of_other_sizes_is_refused(poses, tmp_path):
    train(config(poses, tmp_path / "run"), QUIET)
    other = dataclasses.replace(config(poses, tmp_path / "run"), model=dataclasses.replace(SMALL, width=32))
    (tmp_path / "run" / "config.json").unlink()
    with pytest.raises(ValueError, match="of other sizes"):
        train(other, QUIET)


def test_the_error_of_an_incomplete_checkpoint_names_missing_keys(tmp_path):
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    generator = torch.Generator()
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    save_checkpoint(tmp_path / "last.safetensors", 1, model, optimizer, generator, 0.5)
    tensors, metadata = read_tensors(tmp_path / "last.safetensors")
    assert load_checkpoint(tmp_path / "last.safetensors", model, optimizer, generator) == (1, 0.5)
    for lost in ("generator", "global_generator", "optimizer.1.exp_avg"):
        rest = {name: tensor for name, tensor in tensors.items() if name != lost}
        write_tensors(tmp_path / "less.safetensors", rest, metadata)
        with pytest.raises(ValueError, match=f"lacks '{lost}': delete it"):
            load_checkpoint(tmp_path / "less.safetensors", model, optimizer, generator)
    write_tensors(tmp_path / "less.safetensors", tensors, {"best": "0.5"})
    with pytest.raises(ValueError, match="lacks 'step'"):
        load_checkpoint(tmp_path / "less.safetensors", model, optimizer, generator)


@pytest.mark.parametrize(
    ("changed", "notes"),
    [
        ({}, {"step": "many"}),
        ({"optimizer.1.exp_avg": torch.zeros(3)}, {}),
        ({f"optimizer.7.{slot}": torch.zeros(2) for slot in ("step", "exp_avg", "exp_avg_sq")}, {}),
        ({"generator": torch.zeros(3, dtype=torch.uint8)}, {}),
    ],
)
def test_the_error_of_a_foreign_checkpoint_asks_for_deletion(tmp_path, changed, notes):
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    file = tmp_path / "last.safetensors"
    save_checkpoint(file, 1, model, optimizer, torch.Generator(), 0.5)
    tensors, metadata = read_tensors(file)
    write_tensors(file, tensors | changed, metadata | notes)
    with pytest.raises(ValueError, match=r"last\.safetensors .*: delete it to start again"):
        load_checkpoint(file, model, optimizer, torch.Generator())
