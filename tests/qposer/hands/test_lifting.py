import dataclasses

import numpy as np
import torch

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.anatomy import draw_hands
from qposer.hands.angles import clamped, rotations_of
from qposer.hands.lifting import lift
from qposer.hands.proportions import estimate_proportions
from qposer.hands.skeleton import HAND, LANDMARKS


def landmarks_of(angles, grow=1.0, seed=0):
    """Landmarks of hands anywhere, of a person with other lengths of bones."""
    generator = torch.Generator().manual_seed(seed)
    person = dataclasses.replace(HAND, rest_points=(HAND.rest_points * np.array([1.1, 1.0, 0.95])).astype(np.float32))
    points = grow * person.points(rotations_of(angles))[:, LANDMARKS]
    turns = axis_angle_to_matrix(torch.randn(len(angles), 3, generator=generator))
    return points @ turns.mT + torch.randn(len(angles), 1, 3, generator=generator)


def test_angles_are_found_from_landmarks_in_any_unit_and_place():
    angles = draw_hands(24, torch.Generator().manual_seed(0))
    lifted = lift(landmarks_of(angles, grow=7.0))
    off = torch.rad2deg(lifted.angles - angles)[:, :12, 0].abs()
    assert off.median() < 3
    assert off.quantile(0.95) < 12
    assert lifted.error.mean() < 0.003


def test_found_angles_are_possible_even_where_landmarks_are_not():
    noisy = landmarks_of(draw_hands(8, torch.Generator().manual_seed(0)))
    noisy += 0.02 * torch.randn(noisy.shape, generator=torch.Generator().manual_seed(1))
    lifted = lift(noisy)
    torch.testing.assert_close(lifted.angles, clamped(lifted.angles))
    assert lifted.error.mean() > 0.005


def test_wrong_depths_matter_less_with_a_low_weight():
    angles = draw_hands(24, torch.Generator().manual_seed(0))
    seen = landmarks_of(angles)
    seen[..., 2] += 0.01 * torch.randn(seen.shape[:2], generator=torch.Generator().manual_seed(1))
    errors = [(lift(seen, weight).angles - angles)[..., 0].abs().mean().item() for weight in (1.0, 0.3)]
    assert errors[1] < errors[0]


def test_proportions_of_images():
    landmarks = landmarks_of(draw_hands(200, torch.Generator().manual_seed(0))).double().numpy()
    fractions = landmarks / np.array([16 / 9, 1.0, 16 / 9 * 1.5])
    found = estimate_proportions(fractions)
    assert found.aspect == 16 / 9
    assert abs(found.depth - 1.5) < 0.06
    np.testing.assert_allclose(found.applied(fractions)[..., :2], landmarks[..., :2])
