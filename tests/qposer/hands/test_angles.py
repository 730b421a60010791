import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qposer.hands.angles import LIMITS, angles_of, clamped, rotations_of
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import FINGER_JOINT_NAMES

FLAT = torch.from_numpy(HAND.rest_points)


def within_limits(number, seed=0):
    generator = torch.Generator().manual_seed(seed)
    low, high = LIMITS.unbind(-1)
    return low + (high - low) * torch.rand(number, 15, 3, generator=generator)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_angles_survive_a_round_trip(seed):
    angles = within_limits(8, seed)
    torch.testing.assert_close(angles_of(rotations_of(angles)), angles, atol=2e-6, rtol=0)


def test_flexed_fingers_move_towards_the_palm():
    angles = torch.zeros(15, 3)
    angles[:12, 0] = 1.0
    points = HAND.points(rotations_of(angles))
    assert (points[16:20, 1] < FLAT[16:20, 1] - 0.04).all()


def test_a_bent_thumb_crosses_the_palm():
    angles = torch.zeros(15, 3)
    angles[12:, 0] = 0.6
    points = HAND.points(rotations_of(angles))
    assert points[20, 2] < FLAT[20, 2] - 0.03
    assert points[20, 1] < FLAT[20, 1]


def test_positive_spreading_moves_fingers_towards_the_thumb_and_the_thumb_off_the_palm():
    angles = torch.zeros(15, 3)
    angles[::3, 1] = 0.3
    moved = HAND.points(rotations_of(angles)) - FLAT
    assert (moved[16:20, 2] > 0.01).all()
    assert moved[20, 1] < -0.01


def test_flexed_fingers_spread_less():
    angles = torch.zeros(2, 15, 3)
    angles[..., 1] = 1.0
    angles[1, :, 0] = math.pi / 2
    spread = torch.rad2deg(clamped(angles)[:, FINGER_JOINT_NAMES.index("middle1"), 1])
    torch.testing.assert_close(spread, torch.tensor([20.0, 5.0]))


def test_hinges_only_bend():
    turned = clamped(torch.full((15, 3), 2.0))
    for name in ("index2", "ring3", "thumb3"):
        assert (turned[FINGER_JOINT_NAMES.index(name), 1:] == 0).all()
