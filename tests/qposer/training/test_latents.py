import pytest
import torch

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.prior.model import QPoser, QPoserConfig
from qposer.training.latents import RENEWED, LatentPool, encoded


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2)
    return QPoser(sizes).eval()


@pytest.fixture
def poses():
    return 0.3 * torch.randn(40, 21, 3, generator=torch.Generator().manual_seed(0))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_latents_come_before_and_after_they_are_snapped(model, poses):
    soft, hard = encoded(model, axis_angle_to_matrix(poses))
    with torch.no_grad():
        torch.testing.assert_close(soft, model.latents(poses))
        torch.testing.assert_close(hard, model.quantizer.lookup(model.encode(poses)))


def test_draws_are_latents_of_varied_poses(model, poses):
    pool = LatentPool(model, poses, seeded())
    assert pool.latents.shape == (2, 80, 21, 4)
    soft, hard = pool.draw(32)
    assert soft.shape == hard.shape == (32, 21, 4)
    recorded = encoded(model, axis_angle_to_matrix(poses))[0].flatten(-2)
    assert torch.cdist(soft.flatten(1), recorded.flatten(1)).min() > 1e-3


def test_a_part_of_the_pool_is_renewed_at_each_draw(model, poses):
    pool = LatentPool(model, poses, seeded())
    first = pool.latents.clone()
    changed = []
    for _ in range(10):
        pool.draw(32)
        changed.append((pool.latents != first).flatten(2).any(-1)[0])
    assert [part.sum().item() for part in changed[:3]] == [8 * (draw + 1) for draw in range(3)]
    assert RENEWED * 32 * 10 == 80
    assert changed[-1].all()


def test_draws_follow_the_seed(model, poses):
    first, again, other = (LatentPool(model, poses, seeded(seed)).draw(16) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
