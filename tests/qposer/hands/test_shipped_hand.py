"""Bounds for the shipped hand prior, which detect a wrong file of weights."""

from pathlib import Path

import pytest
import torch

import qposer
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.hands.anatomy import draw_hands, entangled
from qposer.hands.angles import LIMITS, angles_of, rotations_of
from qposer.hands.skeleton import HAND
from qposer.hands.variation import impossible_hands

FLAT_CODES = [38, 12, 194, 150, 139, 55, 211, 192, 184, 83, 168, 44]
"""Codes of the flat hand's first three joints."""


@pytest.fixture(scope="module")
def prior():
    return qposer.load_hand_prior()


@pytest.fixture(scope="module")
def drawn():
    """Possible hands that were not in the training."""
    return rotations_of(draw_hands(300, torch.Generator().manual_seed(99)))


def test_the_file_is_small():
    assert (Path(__file__).parents[3] / "assets" / "hand.safetensors").stat().st_size < 3e6


def test_codes_of_the_flat_hand(prior):
    codes = prior.encode(torch.zeros(15, 3)).flatten()[: len(FLAT_CODES)]
    assert (codes == torch.tensor(FLAT_CODES)).float().mean() > 0.8


def test_fingertips_are_reconstructed_within_a_millimetre(prior, drawn):
    off = HAND.points(prior.reconstruct(drawn)) - HAND.points(drawn)
    assert 1000 * torch.linalg.vector_norm(off, dim=-1)[:, 16:].mean() < 1


def test_impossible_hands_have_higher_energies(prior, drawn):
    usual, impossible = prior.energy(drawn), prior.energy(impossible_hands(drawn, torch.Generator().manual_seed(0))[0])
    assert (usual[:, None] < impossible).float().mean() > 0.97
    assert -2 < usual.median() < 1
    assert prior.energy(torch.zeros(15, 3)) < 1


def test_a_fist_a_flat_hand_and_a_pointing_hand_are_usual(prior):
    fist = torch.zeros(15, 3)
    fist[:12, 0] = torch.deg2rad(torch.tensor([75.0, 90.0, 55.0] * 4))
    fist[12:, 0] = torch.deg2rad(torch.tensor([20.0, 25.0, 35.0]))
    pointing = fist.clone()
    pointing[:3] = 0
    backwards = pointing.clone()
    backwards[:3, 0] = -torch.deg2rad(torch.tensor([50.0, 30.0, 30.0]))
    energies = prior.energy(rotations_of(torch.stack([fist, torch.zeros(15, 3), pointing, backwards])))
    assert energies[:3].max() < 1.5
    assert energies[3] > energies[:3].max() + 2


def test_samples_are_varied_and_mostly_possible(prior):
    angles = angles_of(prior.sample(200))
    beyond = torch.maximum(LIMITS[..., 0] - angles, angles - LIMITS[..., 1]).amax((-1, -2))
    assert (beyond < torch.deg2rad(torch.tensor(10.0))).float().mean() > 0.85
    assert entangled(angles).float().mean() < 0.3
    assert torch.rad2deg(angles[:, :12, 0].std(0)).mean() > 20


def test_hidden_fingers_follow_their_neighbours(prior):
    flexion = torch.deg2rad(torch.tensor([[5.0, 5.0, 5.0], [75.0, 90.0, 55.0]]))
    hands = torch.zeros(2, 15, 3)
    hands[:, :12, 0] = flexion.repeat(1, 4)
    completed = prior.complete(matrix_to_axis_angle(rotations_of(hands)), ("ring", "pinky"), temperature=0.0)[0]
    bent = torch.rad2deg(angles_of(prior.decode(prior.encode(completed)))[:, [7, 10], 0])
    assert (bent[1] > bent[0] + 30).all()
