"""Hands of a clip from noisy, wrong and missing hands of single frames."""

import math

import pytest
import torch

from fitting.hands import smoothing
from fitting.hands.smoothing import fill_gaps, smooth_hand, without_flips
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle

FRAMES, JOINTS, FPS = 90, 16, 30.0


def rotations(axis_angle):
    return axis_angle_to_matrix(torch.as_tensor(axis_angle, dtype=torch.float32))


def moving(frames=FRAMES, fps=FPS, hertz=1.0, degrees=40.0):
    """A hand whose joints swing."""
    phase = 2 * math.pi * hertz * torch.arange(frames) / fps
    swing = math.radians(degrees) * (phase[:, None] + torch.arange(JOINTS)).sin()
    return rotations(torch.stack([swing, torch.zeros_like(swing), 0.5 * swing], dim=-1))


REST = rotations(torch.zeros(FRAMES, JOINTS, 3))
EVERY = torch.ones(FRAMES, dtype=torch.bool)


def about_x(angles):
    """A wrist with these angles about one axis."""
    return rotations([[angle, 0.0, 0.0] for angle in angles])


def noisy(truth, radians):
    return truth @ rotations(radians * torch.randn(*truth.shape[:2], 3, generator=torch.Generator().manual_seed(0)))


def accelerations(hand):
    return (hand[2:] - 2 * hand[1:-1] + hand[:-2]).flatten(1).norm(dim=-1)


def missing(*frames):
    found = EVERY.clone()
    found[list(frames)] = False
    return found


def test_noise_is_removed_and_the_motion_stays():
    truth = moving()
    seen = noisy(truth, 0.15)
    smooth, found = smooth_hand(seen, REST, EVERY, EVERY, FPS)
    assert found.all()
    assert geodesic_angle(smooth, truth).mean() < 0.5 * geodesic_angle(seen, truth).mean()
    assert accelerations(smooth).mean() < 0.1 * accelerations(seen).mean()
    unchanged, _ = smooth_hand(truth, REST, EVERY, EVERY, FPS)
    assert geodesic_angle(unchanged, truth).max() < math.radians(2)


def test_without_smoothness_found_hands_stay_as_they_are():
    seen = noisy(moving(), 0.15)
    assert torch.equal(smooth_hand(seen, REST, EVERY, EVERY, FPS, 0.0)[0], seen)


def test_smoothness_counts_accelerations_a_squared_second():
    """A fast motion is damped equally at all frame rates."""
    swings = []
    for fps in (30.0, 60.0):
        hand = moving(frames=round(3 * fps), fps=fps, hertz=4.0, degrees=10.0)
        rest = rotations(torch.zeros(len(hand), JOINTS, 3))
        smooth, _ = smooth_hand(
            hand, rest, torch.ones(len(hand), dtype=torch.bool), torch.ones(len(hand), dtype=torch.bool), fps
        )
        inner = slice(round(fps), round(2 * fps))
        swings.append((geodesic_angle(smooth, rest)[inner].max() / geodesic_angle(hand, rest)[inner].max()).item())
    assert 0.1 < swings[0] < 0.9
    assert swings[0] == pytest.approx(swings[1], rel=0.15)


@pytest.mark.parametrize("wrong", [(40,), (40, 41), (0,), (FRAMES - 1,), (10, 50)])
def test_flipped_hands_are_missed_and_interpolated(wrong):
    truth = moving()
    seen = truth.clone()
    seen[list(wrong), 0] = rotations([0.0, 3.0, 0.0]) @ seen[list(wrong), 0]
    smooth, found = smooth_hand(seen, truth, EVERY, EVERY, FPS)
    assert (~found).nonzero()[:, 0].tolist() == list(wrong)
    assert geodesic_angle(smooth[:, 0], truth[:, 0]).max() < math.radians(12)


def test_a_fast_turn_is_no_flip():
    turn = torch.linspace(0, math.pi, 12).clamp(max=3.0)
    wrist = about_x([0.0] * 20 + turn.tolist() + [3.0] * 20)
    found = torch.ones(len(wrist), dtype=torch.bool)
    assert without_flips(wrist, found, found, FPS).all()
    assert without_flips(wrist, torch.zeros_like(found), found, FPS).sum() == 0


def test_at_low_frame_rates_hands_turn_farther_between_frames():
    wrist, found = about_x([0.0, 0.0, 1.2, 0.0, 0.0]), torch.ones(5, dtype=torch.bool)
    assert without_flips(wrist, found, found, 10.0).all()
    assert without_flips(wrist, found, found, 25.0).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("others", [[], [30], [28, 32]])
def test_hands_alone_are_wrong_unless_no_other_frame_is_near(others):
    found, searched = torch.zeros_like(EVERY), torch.zeros_like(EVERY)
    found[10] = found[30] = searched[10] = searched[30] = True
    searched[others] = True
    used = without_flips(moving()[:, 0], found, searched, FPS).nonzero()[:, 0].tolist()
    assert used == ([10] if 28 in others else [10, 30])


def test_wrong_fingers_of_single_frames_count_little():
    truth = moving()
    seen = truth.clone()
    seen[[30, 60], 1:] = seen[[30, 60], 1:] @ rotations([1.5, 0.0, 0.0])
    smooth, found = smooth_hand(seen, REST, EVERY, EVERY, FPS)
    assert found.all()
    assert geodesic_angle(smooth, truth).max() < math.radians(10)


def test_short_gaps_are_interpolated():
    hand = rotations(torch.linspace(0, 1, FRAMES)[:, None, None] * torch.tensor([1.0, 0.5, 0.0]).expand(JOINTS, 3))
    gap = range(30, 45)
    seen = hand.clone()
    seen[list(gap)] = torch.eye(3)
    filled = fill_gaps(seen, REST, missing(*gap), FPS)
    torch.testing.assert_close(filled, hand, atol=1e-5, rtol=0)


def test_in_long_gaps_hands_return_to_rest():
    bent = rotations(torch.tensor([1.0, 0.0, 0.0]).expand(FRAMES, JOINTS, 3))
    gap, edge = range(20, 70), round(smoothing.LONGEST_GAP * FPS)
    filled = fill_gaps(bent, REST, missing(*gap), FPS)
    off = geodesic_angle(filled, REST)[:, 0]
    assert off[[19, 70]].tolist() == pytest.approx([1.0, 1.0], abs=1e-4)
    assert off[20 + edge : 70 - edge].max() < 1e-3
    assert off[20 : 19 + edge].min() > 0
    assert off.diff().abs().max() < 0.15
    alone = fill_gaps(bent, REST, missing(*range(1, FRAMES)), FPS)
    assert geodesic_angle(alone, REST)[:, 0][[0, edge, FRAMES - 1]].tolist() == pytest.approx([1, 0, 0], abs=1e-3)


def test_hands_that_are_never_found_are_at_rest():
    hand, found = smooth_hand(moving(), REST, torch.zeros_like(EVERY), EVERY, FPS)
    assert not found.any()
    assert geodesic_angle(hand, REST).max() < 1e-3


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames_suffice(frames):
    hand = moving()[:frames]
    smooth, found = smooth_hand(hand, REST[:frames], EVERY[:frames], EVERY[:frames], FPS)
    assert found.all()
    assert geodesic_angle(smooth, hand).max() < 0.1


def test_farther_frames_have_no_influence():
    """A clip is smoothed in parts."""
    seen = noisy(moving(300), 0.15)
    rest, found = REST[:1].expand(300, -1, -1, -1), torch.ones(300, dtype=torch.bool)
    found[[50, 51, 52, 120, 170]] = False
    whole, _ = smooth_hand(seen, rest, found, torch.ones_like(found), FPS)
    around = round(smoothing.INFLUENCE * FPS)
    part = slice(100 - around, 200 + around)
    some, _ = smooth_hand(seen[part], rest[part], found[part], torch.ones_like(found[part]), FPS)
    assert geodesic_angle(some[around:-around], whole[100:200]).max() < 1e-3
