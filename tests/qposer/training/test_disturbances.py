import math

import pytest
import torch

from qposer.rotations import geodesic_angle
from qposer.training.disturbances import LARGEST, MOST, SMALLEST, disturbed


@pytest.fixture(scope="module")
def disturbances():
    poses = torch.eye(3).expand(4000, 21, 3, 3)
    spoilt, chosen = disturbed(poses, torch.Generator().manual_seed(0))
    return geodesic_angle(spoilt, poses), chosen


def test_what_is_chosen_turns_and_nothing_else_does(disturbances):
    angles, chosen = disturbances
    assert (angles[~chosen] < 1e-3).all()
    assert (angles[chosen] > 0.69 * SMALLEST).all()
    assert (angles[chosen] < 1.31 * LARGEST).all()


def test_numbers_of_joints_and_sizes_vary(disturbances):
    angles, chosen = disturbances
    number = chosen.sum(1)
    assert number.min() == 1
    assert MOST < number.max() < 2.5 * MOST
    assert chosen.float().mean(0).min() > 0.8 * chosen.float().mean(0).max()
    assert angles[chosen].median().item() == pytest.approx(math.sqrt(SMALLEST * LARGEST), rel=0.1)


def test_disturbances_follow_the_seed():
    poses = torch.eye(3).expand(5, 21, 3, 3)
    first, again, other = (disturbed(poses, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
