import pytest
import torch

from benchmarks.prior import qposer_prior
from benchmarks.prior.completion import CompletionSettings
from benchmarks.prior.contenders import QPOSER, Contender
from benchmarks.prior.denoising import DenoisingSettings, TuningSettings
from benchmarks.prior.edits import EditsSettings
from benchmarks.prior.generation import GenerationSettings
from benchmarks.prior.measurements import Sizes
from benchmarks.prior.plausibility import PlausibilitySettings
from benchmarks.prior.poses import Poses
from benchmarks.prior.qposer_prior import QPoserPrior
from benchmarks.prior.reconstruction import ReconstructionSettings, SpeedSettings
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig


class Oracle:
    """Knows the poses, up to a factor: a perfect prior of them if it is one."""

    name = "oracle"

    def __init__(self, known, factor=1.0):
        self.known, self.factor = known, factor

    def energy(self, body_pose):
        return (body_pose[:, None] - self.known).flatten(2).norm(dim=-1).amin(-1)

    def sample(self, n, generator):
        return self.known[torch.randint(len(self.known), (n,), generator=generator)]

    def complete(self, body_pose, known, n, generator):
        return torch.where(known[:, None], body_pose, self.factor * body_pose).expand(n, -1, -1, -1)

    def fit_joints(self, joints, weight):
        return self.factor * self.known[: len(joints)]


@pytest.fixture(scope="session")
def poses():
    return Poses.quick()


@pytest.fixture
def oracle(poses):
    return Oracle(poses.test)


@pytest.fixture(scope="session")
def nearly(poses):
    return Oracle(poses.test, factor=0.9)


@pytest.fixture(scope="session")
def qposer():
    """An untrained QPoser and an untrained code prior."""
    torch.manual_seed(0)
    model = QPoser(QPoserConfig(heads=2, codes=16, width=8, depth=1, global_tokens=1, attention_heads=1)).eval()
    network = CodePriorNetwork(CodePriorConfig(latent_dim=2, width=16, depth=1, judge_width=16)).eval()
    return QPoserPrior(model.requires_grad_(False), CodePrior(model, network.requires_grad_(False)))


@pytest.fixture(scope="session")
def contender(qposer):
    return Contender(QPOSER, qposer, ("weights",))


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr(qposer_prior, "STEPS", 5)


@pytest.fixture(scope="session")
def tiny():
    return Sizes(
        ReconstructionSettings(poses=8, meshes=2),
        SpeedSettings(batch=4, rounds=1),
        PlausibilitySettings(poses=16),
        GenerationSettings(samples=16, pairs_of=8, nearest_of=2),
        CompletionSettings(poses=2, hypotheses=2),
        TuningSettings(poses=2),
        DenoisingSettings(poses=2),
        EditsSettings(pairs=4),
    )
