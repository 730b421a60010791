import numpy as np
import pytest
import torch

from benchmarks.text import __main__ as module
from benchmarks.text.__main__ import main
from benchmarks.text.evaluator import Evaluator
from benchmarks.text.nearest import Nearest
from benchmarks.text.scores import score
from benchmarks.text.tasks import make_task
from qposer.body_pose.posed_skeleton import OrientedPose, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.control.descriptions import relations
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig


@pytest.fixture(scope="module")
def poses():
    noise = axis_angle_to_matrix(0.4 * torch.randn(60, 21, 3, generator=torch.Generator().manual_seed(0)))
    return matrix_to_axis_angle(neutral_pose().body_pose @ noise)


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    model = QPoser(QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2))
    network = CodePriorNetwork(CodePriorConfig(latent_dim=4, width=32, depth=1, judge_width=32))
    return CodePrior(*(part.eval().requires_grad_(False) for part in (model, network)))


@pytest.fixture(scope="module")
def evaluator():
    torch.manual_seed(0)
    return Evaluator(buckets=256, width=16, out=8).eval()


def test_a_task_has_the_descriptions_of_its_poses(poses):
    task = make_task(poses, 10, other_words=False)
    assert len(task.texts) == len(task.relations) == len(task.poses) == 10
    for text, of_pose, pose in zip(task.texts, task.relations, task.poses, strict=True):
        (described,) = relations(OrientedPose.upright(pose[None]))
        assert (
            {relation.text for relation in described}
            == {relation.text for relation in of_pose}
            == set(text.split(". "))
        )
    assert make_task(poses, 10, other_words=True).texts != task.texts


def test_the_description_of_a_training_pose_retrieves_that_pose(poses, evaluator):
    descriptions = [[relation.text for relation in described] for described in relations(OrientedPose.upright(poses))]
    nearest = Nearest(poses, descriptions)
    texts = [". ".join(sentences) for sentences in descriptions]
    unique = [index for index, text in enumerate(texts) if text and texts.count(text) == 1]
    found = nearest([texts[index] for index in unique])
    torch.testing.assert_close(found, axis_angle_to_matrix(poses[unique]), atol=1e-5, rtol=0)
    torch.testing.assert_close(nearest.encoded([texts[index] for index in unique], evaluator), found)


def test_poses_that_were_described_hold_all_of_it(poses, evaluator, prior):
    task = make_task(poses, 40, other_words=False)
    scored = score(task, task.poses, evaluator, prior)
    assert scored["held"] == [1.0] * 40
    assert all(0 <= rank <= 31 for rank in scored["rank"])
    shuffled = score(task, task.poses.roll(1, 0), evaluator, prior)
    assert sum(shuffled["held"]) < 30
    assert len(set(scored["energy"])) > 30


def test_an_untrained_evaluator_ranks_by_chance(poses, prior):
    task = make_task(poses, 40, other_words=False)
    ranks = []
    for seed in range(10):
        torch.manual_seed(seed)
        ranks += score(task, task.poses, Evaluator(buckets=256, width=16, out=8).eval(), prior)["rank"]
    assert 9 < sum(ranks) / len(ranks) < 22


def test_rows_are_kept_for_the_same_weights_code_and_poses(poses, tmp_path, monkeypatch):
    def write_poses(all_poses):
        pose = torch.zeros(60, 24, 3)
        pose[:, 1:22] = all_poses
        names = np.repeat(["02", "03", "01"], 20)
        columns = {"subject": names, "sequence": names, "frame": np.arange(60, dtype=np.int32), "source": names}
        np.savez(tmp_path / "poses.npz", pose=pose.numpy(), **columns)

    def measure():
        main(
            tmp_path / "poses.npz",
            tmp_path / "runs",
            out=tmp_path,
            guidance=(1.0,),
            number=4,
            followed=0,
            evaluator_steps=1,
        )
        return [len(list((tmp_path / "runs").glob(pattern))) for pattern in ("*.json", "evaluator-*")]

    write_poses(poses)
    assert measure() == measure() == [8, 1]
    command = f"--data {tmp_path}/poses.npz --runs {tmp_path}/runs --out {tmp_path} --guidance 1.0 --number 4"
    document = (tmp_path / "text.md").read_text()
    assert f"python -m benchmarks.text {command} --followed 0 --evaluator-steps 1`" in document

    other = tmp_path / "other"
    other.write_text("other weights, or other code")
    with monkeypatch.context() as patch:
        patch.setattr(module, "asset", lambda name: other)
        assert measure() == [16, 1]
    with monkeypatch.context() as patch:
        code = module._code()
        patch.setattr(module, "_code", lambda: [*code, other])
        assert measure() == [24, 1]
    write_poses(poses.flip(0))
    assert measure() == [32, 2]


def test_the_code_digest_includes_instructions_and_metrics():
    names = {f"{file.parent.name}/{file.name}" for file in module._code()}
    wanted = {
        "control/inverse_kinematics.py",
        "control/descriptions.py",
        "text/scores.py",
        "instructions/grammar.lark",
        "instructions/reading.py",
    }
    assert wanted <= names
