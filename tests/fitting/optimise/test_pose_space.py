import pytest
import torch

from fitting.optimise.pose_space import RelaxedCodes
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig


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


def test_committing_twice_changes_nothing(space, numbers):
    once = space.commit(numbers)
    torch.testing.assert_close(space.commit(once), once)


def test_no_latent_is_beyond_the_outermost_codes(space, numbers):
    codebooks = space.model.quantizer.codebooks
    far = space.latents(100 * numbers)
    assert (far >= codebooks.amin(1)).all()
    assert (far <= codebooks.amax(1)).all()


def test_a_committed_pose_equals_its_decoded_codes(space, numbers):
    codes = space.model.encode_latents(space.latents(numbers))
    torch.testing.assert_close(space.decode(space.commit(numbers)), space.model.decode(codes), atol=1e-5, rtol=1e-4)


def test_encoded_poses_have_the_latents_of_the_model(space):
    body_pose = space.decode(torch.zeros(2, 21, 6))
    standard = space.network.standardise(space.model.latents(body_pose))
    torch.testing.assert_close(space.encode(body_pose), standard)
