import dataclasses

import numpy as np
import pytest
import torch
from rich.console import Console

from qposer.body_pose.posed_skeleton import neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.control.descriptions import relations
from qposer.control.sentence_encoder import bags
from qposer.control.text_prior import TextPrior
from qposer.io.npz import write_npz
from qposer.io.weights import read_note
from qposer.training import batches
from qposer.training import train_text as module
from qposer.training.paraphrases import mirrored
from qposer.training.rig_variation import STRENGTH
from qposer.training.train_text import VARIATIONS, Texts, TrainConfig, described, train

DESCRIBED = [
    ["the left knee is bent 60 degrees", "both hands are on the hips"],
    [],
    ["the head is turned to the left 30 degrees"],
]


@pytest.fixture
def texts():
    return Texts(DESCRIBED, paraphrases=1, buckets=512, seed=0)


def drawn(texts, poses, mirror, whole=1.0):
    return texts.draw(np.array(poses), np.array(mirror), whole, np.random.default_rng(0))


def test_texts_are_the_descriptions(texts):
    found, owner = drawn(texts, [2, 0, 1], [False, False, False])
    assert owner.tolist() == [0, 1, 1]
    expected = bags([*DESCRIBED[2], *DESCRIBED[0]], 512)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_mirrored_poses_have_mirrored_texts(texts):
    found, _ = drawn(texts, [0], [True])
    expected = bags([mirrored(sentence) for sentence in DESCRIBED[0]], 512)
    torch.testing.assert_close(found.rows, expected.rows)


def test_some_sentence_is_always_left(texts):
    for seed in range(20):
        _, owner = texts.draw(np.array([0, 2]), np.zeros(2, dtype=bool), 0.0, np.random.default_rng(seed))
        assert set(owner.tolist()) == {0, 1}


def test_descriptions_are_kept_for_the_same_poses_and_rules(tmp_path, monkeypatch):
    poses = matrix_to_axis_angle(neutral_pose().body_pose).repeat(3, 1, 1)
    poses[1, 3, 0] = 1.0
    found = described(poses, tmp_path / "kept.npz")
    assert found == [[], found[1], []]
    assert "the left knee is bent 60 degrees" in found[1]

    calls = []
    monkeypatch.setattr(module, "relations", lambda posture: calls.append(posture) or relations(posture))
    assert described(poses, tmp_path / "kept.npz") == found
    assert not calls
    assert described(poses[:2], tmp_path / "kept.npz") == found[:2]
    assert described(poses[1:], tmp_path / "kept.npz") == found[1:]
    assert len(calls) == 2
    with np.load(tmp_path / "kept.npz") as kept:
        write_npz(tmp_path / "kept.npz", {"follows_from": kept["follows_from"]})
    assert described(poses[1:], tmp_path / "kept.npz") == found[1:]
    assert len(calls) == 3
    other_rules = tmp_path / "description_rules.py"
    other_rules.write_text("other rules")
    monkeypatch.setattr(module.description_rules, "__file__", str(other_rules))
    described(poses[1:], tmp_path / "kept.npz")
    assert len(calls) == 4
    assert described(torch.zeros(0, 21, 3), tmp_path / "kept.npz") == []


@pytest.fixture
def config(tmp_path):
    generator = torch.Generator().manual_seed(0)
    noise = axis_angle_to_matrix(0.4 * torch.randn(60, 21, 3, generator=generator))
    pose = torch.zeros(60, 24, 3)
    pose[:, 1:22] = matrix_to_axis_angle(neutral_pose().body_pose @ noise)
    names = np.repeat(["02", "03", "01"], 20)
    columns = {"subject": names, "sequence": names, "frame": np.arange(60, dtype=np.int32), "source": names}
    np.savez(tmp_path / "poses.npz", pose=pose.numpy(), **columns)
    return TrainConfig(tmp_path / "poses.npz", tmp_path / "run", steps=2, batch_size=4, validate_every=1, paraphrases=2)


def test_the_loss_is_the_mean_over_shares(config, assert_mean_of_shares, monkeypatch):
    """With random weights: with initial ones a text has no effect."""

    def initialize(network, prior):
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)

    monkeypatch.setattr(module, "initialize_from", initialize)
    assert_mean_of_shares(module, dataclasses.replace(config, batch_size=16))


def test_a_short_run_resumes(config, tmp_path, strengths_of):
    strengths = strengths_of(batches)
    best = train(config, Console(quiet=True))
    assert strengths == [STRENGTH] * VARIATIONS
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(rows) == 3
    assert train(config, Console(quiet=True)) == best
    assert (tmp_path / "run" / "log.csv").read_text().splitlines() == rows
    poses = TextPrior.from_pretrained(best).generate("bend the left knee", generator=torch.Generator().manual_seed(0))
    assert poses.shape == (1, 21, 3, 3)
    everybody = dataclasses.replace(config, out=tmp_path / "all", subjects="all")
    assert read_note(train(everybody, Console(quiet=True)), "subjects") == "all"
    texts = [len(np.load(tmp_path / folder / "train.npz")["text"]) for folder in ("run", "all")]
    assert texts == [VARIATIONS * poses for poses in (20, 60)]
