import torch

from qposer.hands.anatomy import draw_hands
from qposer.hands.angles import angles_of, rotations_of
from qposer.hands.variation import HAND_KIND, impossible_hands, vary_hands


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_impossible_hands_are_changed_where_the_mask_is_true():
    hands = rotations_of(draw_hands(400, seeded()))
    made, mask = impossible_hands(hands, seeded(1))
    assert mask.any(-1).all()
    assert torch.equal(made[~mask], hands[~mask])
    assert ((made - hands).abs().amax((-1, -2))[mask] > 1e-3).all()
    torch.testing.assert_close(made @ made.mT, torch.eye(3).expand_as(made), atol=1e-5, rtol=0)
    assert torch.equal(made, impossible_hands(hands, seeded(1))[0])


def test_every_way_to_be_impossible_occurs():
    hands = rotations_of(draw_hands(400, seeded()))
    angles = torch.rad2deg(angles_of(impossible_hands(hands, seeded(1))[0]))
    fingers = angles[:, :12].unflatten(1, (4, 3))
    assert (fingers[..., 1, 0] < -15).any(), "bent backwards"
    assert ((fingers[..., 2, 0] > 42) & (fingers[..., 1, 0] < 15)).any(), "the last joint alone"
    assert ((angles[:, 0, 1] < -14) & (angles[:, 3, 1] > 14)).any(), "crossed"
    assert (fingers[..., 1, 1].abs() > 15).any(), "sideways"


def test_variation_is_small_and_scales_with_its_strength():
    hands = rotations_of(draw_hands(200, seeded()))
    none, some, more = (angles_of(vary_hands(hands, seeded(), s)) - angles_of(hands) for s in (0.0, 1.0, 2.0))
    assert none.abs().max() < 1e-5
    assert 0.005 < some.abs().mean() < 0.05
    assert more.abs().mean() > 1.8 * some.abs().mean()


def test_drawn_poses_come_from_the_given_ones():
    poses = torch.zeros(3, 15, 3)
    poses[:, 0, 2] = torch.tensor([0.1, 0.2, 0.3])
    drawn = HAND_KIND.draw(poses, 50, seeded(), 0.0)
    assert drawn.shape == (50, 15, 3, 3)
    found = drawn[:, 0, 1, 0].asin()
    assert (found[:, None] - poses[:, 0, 2]).abs().amin(-1).max() < 1e-5
