import pytest
import torch

from fitting.pose_space import RelaxedCodes
from qposer.codeprior import CodePrior, CodePriorConfig, CodePriorNetwork
from qposer.model import QPoser, QPoserConfig


@pytest.fixture(scope="module")
def space():
    torch.manual_seed(0)
    model = QPoser(QPoserConfig(heads=2, codes=16, code_dim=3, width=16, depth=1, global_tokens=2, attention_heads=2))
    network = CodePriorNetwork(CodePriorConfig(latent_dim=6, width=32, depth=1, judge_width=32))
    network.mean.uniform_(-0.5, 0.5)
    network.scale.uniform_(0.5, 1.5)
    return RelaxedCodes(CodePrior(*(part.eval().requires_grad_(False) for part in (model, network))))


@pytest.fixture(scope="module")
def numbers():
    return torch.randn(3, 21, 6, generator=torch.Generator().manual_seed(2))


def test_commit_moves_to_the_nearest_codes(space, numbers):
    codebooks = space.model.quantizer.codebooks
    latents = space.latents(numbers)
    nearest = (latents[..., None, :] - codebooks).norm(dim=-1).argmin(-1)
    committed = space.latents(space.commit(numbers))
    for head in range(2):
        torch.testing.assert_close(committed[..., head, :], codebooks[head][nearest[..., head]])


def test_what_is_committed_stays(space, numbers):
    once = space.commit(numbers)
    torch.testing.assert_close(space.commit(once), once)


def test_a_committed_pose_decodes_alike_at_low_temperatures(space, numbers):
    committed = space.commit(numbers)
    torch.testing.assert_close(space.decode(committed, 1e-4), space.decode(committed, 0.0), atol=1e-4, rtol=0)


def test_a_higher_temperature_smooths(space, numbers):
    cool, warm = (space.decode(numbers, temperature) for temperature in (0.1, 10.0))
    assert warm.std(0).mean() < cool.std(0).mean()


def test_the_penalty_is_that_of_the_code_prior(space, numbers):
    found = space.penalty(numbers, 0.5, torch.Generator().manual_seed(1))
    expected = space.prior.pull(space.latents(numbers), 0.5, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, expected)


def test_neutral_is_the_mean_of_the_latents(space):
    mean = space.latents(space.neutral()[None])[0]
    torch.testing.assert_close(mean.flatten(-2), space.network.mean)
