import dataclasses

import numpy as np
import pytest
import torch
from rich.console import Console

from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.hands.anatomy import draw_hands
from qposer.hands.angles import rotations_of
from qposer.hands.build import main as build
from qposer.hands.dataset import HandDataset
from qposer.hands.prior import HandConfig, load_hand_prior
from qposer.hands.train import SHARES, HandTrainConfig, train_hands, training_poses
from qposer.prior import energy
from qposer.training import train_codeprior

QUIET = Console(quiet=True)
SMALL = HandConfig(
    heads=2,
    codes=16,
    width=8,
    depth=1,
    global_tokens=1,
    attention_heads=1,
    prior_width=16,
    prior_blocks=1,
    judge_width=16,
    joint_judge_width=8,
)
RECORDED = [source for source in SHARES if source != "drawn"]


@pytest.fixture
def data(tmp_path):
    """Twenty poses of each source."""
    number = 20 * len(RECORDED)
    pose = matrix_to_axis_angle(rotations_of(draw_hands(number, torch.Generator().manual_seed(5))))
    split = np.tile(["train", "train", "validation", "test"], number // 4)
    hands = HandDataset(pose, np.repeat(RECORDED, 20), np.full(number, "A"), split)
    hands.save(tmp_path / "hands.npz")
    return tmp_path / "hands.npz"


def test_shares_are_a_whole():
    assert sum(SHARES.values()) == pytest.approx(1)


def test_training_poses_have_their_shares_and_none_is_held_out(data):
    hands = HandDataset.load(data)
    poses = training_poses(hands, 200, torch.Generator().manual_seed(0))
    assert len(poses) == 200
    count = round(200 * SHARES["signer"])
    own, others = hands.of("train"), torch.cat([*hands.of("test").values(), *hands.of("validation").values()])
    assert torch.cdist(poses[:count].flatten(1), own["signer"].flatten(1)).amin(-1).max() < 5e-3
    assert torch.cdist(poses.flatten(1), others.flatten(1)).amin() > 0.01


def test_all_sources_are_needed(data):
    hands = HandDataset.load(data)
    some = dataclasses.replace(hands, source=np.where(hands.source == "headset", "signer", hands.source))
    with pytest.raises(ValueError, match="no training poses of headset"):
        training_poses(some, 100, torch.Generator().manual_seed(0))


def test_a_prior_is_trained_and_the_same_command_resumes(data, tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "CALIBRATION_POSES", 20)
    monkeypatch.setattr(train_codeprior, "FEATURE_POSES", 100)
    config = HandTrainConfig(
        data=data,
        out=tmp_path / "run",
        poses=200,
        steps=4,
        prior_steps=4,
        judge_steps=2,
        joint_judge_steps=2,
        batch_size=8,
        prior_batch=16,
        validate_every=2,
    )
    networks = train_hands(config, QUIET, SMALL)
    prior = load_hand_prior(path=tmp_path / "run" / "hand.safetensors")
    assert prior.sample(2).shape == (2, 15, 3, 3)
    again = train_hands(config, QUIET, SMALL)
    for name, tensor in networks.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_missing_recordings_are_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        build(tmp_path, tmp_path / "hands.npz")
    assert "human_joint_right.pkl" in capsys.readouterr().err
