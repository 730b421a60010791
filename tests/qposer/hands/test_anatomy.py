import torch

from qposer.hands.anatomy import NARROW, draw_hands, entangled
from qposer.hands.angles import clamped, rotations_of
from qposer.hands.skeleton import HAND


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_drawn_hands_are_possible_and_the_same_for_a_seed():
    hands = draw_hands(300, seeded())
    assert hands.shape == (300, 15, 3)
    torch.testing.assert_close(hands, clamped(hands))
    assert not entangled(hands).any()
    assert torch.equal(hands, draw_hands(300, seeded()))
    assert not torch.equal(hands, draw_hands(300, seeded(1)))


def test_fingers_are_coupled():
    hands = draw_hands(1500, seeded())
    for finger in (0, 3, 6, 9):
        middle, last = hands[:, finger + 1, 0], hands[:, finger + 2, 0]
        assert torch.corrcoef(torch.stack([middle, last]))[0, 1] > 0.85
        assert 0.5 < last.mean() / middle.mean() < 0.8
    flexed = hands[:, 0, 0] > 1.2
    assert hands[flexed, 0, 1].abs().mean() < 0.7 * hands[~flexed, 0, 1].abs().mean()
    closed = hands[:, [9, 6, 0], 0]
    table = torch.corrcoef(closed.T)
    assert table[0, 1] > table[1, 2], "the little finger follows the ring finger more than the index finger"


def test_some_thumbs_touch_fingertips():
    points = HAND.points(rotations_of(draw_hands(500, seeded())))
    near = torch.linalg.vector_norm(points[:, 16:20] - points[:, 20:], dim=-1).amin(-1)
    assert near.min() > NARROW
    assert (near < 0.025).float().mean() > 0.05


def test_crossed_fingers_and_fists_through_the_palm_are_entangled():
    hands = torch.zeros(3, 15, 3)
    hands[1, 0, 1], hands[1, 3, 1] = -0.4, 0.4
    hands[2, :3, 0] = torch.tensor([2.9, 0.6, 0.3])
    assert entangled(hands).tolist() == [False, True, True]
