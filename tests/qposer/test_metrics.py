import torch
from hypothesis import given
from hypothesis import strategies as st

from qposer.metrics import mpjpe, pa_mpjpe
from qposer.rotations import axis_angle_to_matrix


def test_mpjpe_is_the_mean_distance():
    truth = torch.zeros(2, 4, 3)
    joints = truth.clone()
    joints[0, :, 0] = 2.0
    joints[1, 0] = torch.tensor([0.0, 3.0, 4.0])
    torch.testing.assert_close(mpjpe(joints, truth), torch.tensor([2.0, 1.25]))


@given(st.integers(0, 1000), st.floats(0.2, 5))
def test_procrustes_takes_away_turn_shift_and_scale(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(3, 22, 3, generator=generator, dtype=torch.float64)
    turn = axis_angle_to_matrix(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    moved = scale * truth @ turn.mT + torch.randn(3, 1, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(pa_mpjpe(moved, truth), torch.zeros(3, dtype=torch.float64), atol=1e-9, rtol=0)


def test_procrustes_does_not_mirror():
    truth = torch.randn(22, 3, generator=torch.Generator().manual_seed(0))
    assert pa_mpjpe(truth * torch.tensor([-1.0, 1.0, 1.0]), truth) > 0.1
