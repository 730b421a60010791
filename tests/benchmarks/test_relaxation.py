import pytest
import torch

from benchmarks.relaxation import Gumbel, Logits, StraightThrough, variants
from qposer.body_pose.rotations import geodesic_angle
from qposer.prior.code_prior import CodePrior


@pytest.fixture(scope="module")
def prior():
    return CodePrior.from_pretrained()


@pytest.fixture(scope="module")
def poses(prior):
    return prior.sample(3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", variants(CodePrior.from_pretrained()))
def test_every_way_has_gradients_and_commits_to_codes(prior, poses, name):
    space = variants(prior)[name][0]()
    numbers = space.encode(poses).clone().requires_grad_()
    loss = (space.decode(numbers) - torch.eye(3)).square().sum()
    loss = loss + space.penalty(numbers, 0.5, torch.Generator().manual_seed(0)).sum()
    loss.backward()
    assert torch.isfinite(numbers.grad).all()
    assert numbers.grad.abs().sum() > 0
    committed = space.commit(numbers.detach())
    decoded = space.decode(committed)
    exact = prior.model.decode(prior.model.encode_latents(space.latents(committed)))
    torch.testing.assert_close(decoded, exact, atol=1e-3, rtol=0)
    assert torch.rad2deg(geodesic_angle(decoded, poses)).mean() < 5


def test_straight_through_decodes_single_codes(prior, poses):
    space = StraightThrough(prior)
    torch.testing.assert_close(space.decode(space.encode(poses)), poses, atol=5e-2, rtol=0)


def test_temperatures_fall_with_the_steps(prior):
    space = Logits(prior, 2.0, 0.5)
    first = space.temperature()
    for _ in range(1000):
        space.step += 1
    assert (first, space.temperature()) == (2.0, pytest.approx(0.5))


def test_draws_are_the_same_for_all_people(prior, poses):
    space = Gumbel(prior, 1.0, 0.3)
    twins = space.encode(poses[:1]).expand(2, -1, -1, -1).clone().requires_grad_()
    one, other = space.decode(twins)
    torch.testing.assert_close(one, other)
