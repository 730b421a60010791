"""Random hands within the ranges of joints, with the couplings of fingers, and a test for fingers in each other.

Ranges and couplings are those of textbooks: the last joint bends about two thirds as far as the middle one, flexed
fingers spread less, neighbours bend together (ring and little finger most), the thumb turns its pad to the fingers as
it crosses the palm.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from qposer.hands.angles import DIP_PER_PIP, NARROWEST, clamped, rotations_of
from qposer.hands.skeleton import HAND

NARROW = 0.009
"""Distance of the middle lines of two fingers' bones, metres, below which fingers are in each other."""
PALM_DEPTH = 0.012
"""Thickness of the palm in front of its bones, metres, which fingertips cannot enter."""

TOUCHING = 0.011
"""Distance of the middle lines of two fingertips that touch, metres."""

PINCHES = 0.3
"""Share of hands whose thumb comes near a fingertip."""
_THUMBS = 32
"""Thumbs drawn for each of these; the nearest to the fingertip is taken."""

_ALONG = (0, 1, 3, 2)
"""Fingers in SMPL-H's order (index, middle, little, ring), from the index to the little finger."""
_FAN = (1.0, 0.1, -0.7, -1.3)
"""Spreading of index, middle, ring and little finger in a fan."""
_POINTS_PER_BONE = 4
_AT_ONCE = 1024


def draw_hands(number: int, generator: torch.Generator) -> Float[Tensor, "number 15 3"]:
    """Draw possible hands.

    Args:
        number: number of hands.
        generator: random generator; equal seeds give equal hands on one machine.

    Returns:
        Flexion, spreading and twist of the joints, radians; no finger is inside another one or the palm.
    """
    found: list[Tensor] = []
    while sum(map(len, found)) < number:
        angles = _draw(_AT_ONCE, generator)
        found.append(angles[~entangled(angles)])
    return torch.cat(found)[:number]


def entangled(angles: Float[Tensor, "hands 15 3"]) -> Bool[Tensor, " hands"]:
    """Whether a finger is inside another one or the palm.

    Args:
        angles: flexion, spreading and twist of the joints, radians.

    Returns:
        True where it is.
    """
    points = HAND.points(rotations_of(angles))
    starts, ends = points[:, 1:16], torch.stack([points[:, HAND.parents.index(j)] for j in range(1, 16)], dim=1)
    part = torch.linspace(0, 1, _POINTS_PER_BONE)[:, None]
    lines = torch.lerp(starts[:, :, None], ends[:, :, None], part).reshape(len(angles), 5, -1, 3)
    narrow = torch.zeros(len(angles), dtype=torch.bool)
    for first in range(5):
        for second in range(first):
            narrow |= torch.cdist(lines[:, first], lines[:, second]).flatten(1).amin(-1) < NARROW
    tips = points[:, 16:]
    over_palm = (tips[..., 0] > -0.085) & (tips[..., 2].abs() < 0.04)
    return narrow | (over_palm & (tips[..., 1] > -PALM_DEPTH)).any(-1)


def _draw(number: int, generator: torch.Generator) -> Float[Tensor, "number 15 3"]:
    """Hands within the ranges of the angles, entangled or not."""

    def normal(*size: int) -> Tensor:
        return torch.randn(number, *size, generator=generator)

    closed = _closures(number, generator)
    apart = 0.35 * normal(4) * (torch.rand(number, 1, generator=generator) < 0.35)
    flexion = torch.stack(
        [_degrees(-4, 85, (closed - apart).clamp_min(-0.12)), _degrees(0, 102, closed + apart)], dim=-1
    )
    flexion = flexion + math.radians(9) * normal(4, 2)
    last = DIP_PER_PIP * flexion[..., 1] + math.radians(7) * normal(4)
    fan = math.radians(7) * normal(1) * torch.tensor(_FAN) + math.radians(4) * normal(4) + math.radians(2) * normal(1)
    fan = fan * (1 - (1 - NARROWEST) * (flexion[..., 0] / (math.pi / 2)).clamp(0, 1))
    angles = torch.zeros(number, 5, 3, 3)
    angles[:, _ALONG, :2, 0], angles[:, _ALONG, 2, 0], angles[:, _ALONG, 0, 1] = flexion, last, fan
    angles[:, 4] = _thumbs(number, generator)
    return clamped(_pinched(angles.flatten(1, 2), generator))


def _closures(number: int, generator: torch.Generator) -> Float[Tensor, "number 4"]:
    """How far index, middle, ring and little finger are closed, from 0 to 1.

    Half of the hands close all fingers similarly, a third have open and closed fingers, the others are relaxed.
    """
    common = torch.rand(number, 1, generator=generator)
    step = torch.randn(number, 4, generator=generator)
    similar = common + 0.12 * torch.cumsum(step, dim=1) / torch.tensor([1.0, 1.4, 1.7, 2.0])
    states = torch.randint(0, 3, (number, 4), generator=generator)
    as_before = torch.rand(number, 4, generator=generator) < torch.tensor([0.0, 0.25, 0.4, 0.55])
    for finger in (1, 2, 3):
        states[:, finger] = torch.where(as_before[:, finger], states[:, finger - 1], states[:, finger])
    signs = states * torch.tensor([0.5, 0.45, 0.45, 0.48]) + 0.1 * step
    relaxed = 0.15 + 0.25 * common + torch.linspace(0, 0.2, 4) + 0.06 * step
    kind = torch.rand(number, 1, generator=generator)
    closed: Tensor = torch.where(kind < 0.5, similar, torch.where(kind < 0.83, signs, relaxed))
    return closed.clamp(-0.05, 1.05)


def _thumbs(number: int, generator: torch.Generator) -> Float[Tensor, "number 3 3"]:
    """Angles of the thumb's joints; the more it crosses the palm, the more it turns and bends."""
    opposed = torch.rand(number, generator=generator)
    thumb = torch.randn(number, 3, 3, generator=generator) * torch.deg2rad(
        torch.tensor([[9.0, 11.0, 7.0], [11.0, 4.0, 0.0], [20.0, 0.0, 0.0]])
    )
    thumb[:, 0, 0] += _degrees(-20, 38, opposed)
    thumb[:, 0, 1] += _degrees(2, 16, opposed)
    thumb[:, 0, 2] += _degrees(-8, 25, opposed)
    thumb[:, 1, 0] += _degrees(0, 35, opposed)
    thumb[:, 1, 1] -= math.radians(4)
    thumb[:, 2, 0] += _degrees(0, 35, opposed)
    return thumb


def _pinched(angles: Float[Tensor, "hands 15 3"], generator: torch.Generator) -> Float[Tensor, "hands 15 3"]:
    """Give some hands the one of several thumbs whose tip is nearest to a fingertip."""
    chosen = torch.nonzero(torch.rand(len(angles), generator=generator) < PINCHES).squeeze(-1)
    thumbs = _thumbs(len(chosen) * _THUMBS, generator)
    tried = angles[chosen].repeat_interleave(_THUMBS, dim=0)
    tried[:, 12:] = thumbs
    tried = clamped(tried)
    points = HAND.points(rotations_of(tried))
    finger = torch.randint(0, 4, (len(chosen),), generator=generator).repeat_interleave(_THUMBS)
    far = torch.linalg.vector_norm(points[:, 20] - points[torch.arange(len(points)), 16 + finger], dim=-1)
    best = torch.where(far < TOUCHING, torch.inf, far).view(-1, _THUMBS).argmin(-1)
    angles[chosen] = tried.view(-1, _THUMBS, 15, 3)[torch.arange(len(chosen)), best]
    return angles


def _degrees(low: float, high: float, part: Tensor) -> Tensor:
    """Radians between two angles in degrees."""
    return torch.deg2rad(low + (high - low) * part)
