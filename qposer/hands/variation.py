"""How training poses of hands are varied, and impossible hands, which the prior learns to tell from them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.angles import angles_of, rotations_of
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import NUM_HAND_JOINTS
from qposer.training.pose_kind import PoseKind
from qposer.training.rig_variation import STRENGTH

_SPREADS = torch.deg2rad(torch.tensor([4.0, 2.0, 2.0]))
"""Largest standard deviations of flexion, spreading and twist between people and recordings."""

_SMALLEST, _LARGEST = math.radians(15), math.radians(50)
"""Range of turns about random axes."""
_KINDS = torch.tensor([0.3, 0.2, 0.15, 0.15, 0.2])
"""Shares of the ways in which hands are made impossible, in the order of `_WAYS`."""

_Angles = Float[Tensor, "hands 15 3"]


def vary_hands(
    rotations: Float[Tensor, "hands 15 3 3"], generator: torch.Generator, strength: float = STRENGTH
) -> Float[Tensor, "hands 15 3 3"]:
    """Vary the angles of all joints a little, of some hands more than of others.

    Args:
        rotations: rotations relative to the parents.
        generator: random generator on the CPU.
        strength: factor on the variation; 0 for none.

    Returns:
        Rotations relative to the parents.
    """
    amount = strength * torch.rand(len(rotations), 1, 1, generator=generator)
    varied = amount * _SPREADS * torch.randn(*rotations.shape[:2], 3, generator=generator)
    return rotations @ rotations_of(varied).to(rotations)


def draw_varied(
    poses: Float[Tensor, "poses 15 3"], size: int, generator: torch.Generator, strength: float = STRENGTH
) -> Float[Tensor, "size 15 3 3"]:
    """Random poses of hands as rotation matrices, varied.

    Args:
        poses: axis-angle in radians, sampled with replacement.
        size: number of poses to draw.
        generator: random generator on the CPU.
        strength: strength of the variation; 0 for none.

    Returns:
        Rotation matrices relative to the parents.
    """
    rotations = axis_angle_to_matrix(poses[torch.randint(len(poses), (size,), generator=generator)])
    return vary_hands(rotations, generator, strength)


def impossible_hands(
    rotations: Float[Tensor, "hands 15 3 3"], generator: torch.Generator
) -> tuple[Float[Tensor, "hands 15 3 3"], Bool[Tensor, "hands 15"]]:
    """Make hands impossible, each in one way.

    Joints bend backwards, last joints bend without the middle ones, neighbours cross, joints turn sideways or twist, or
    some joints turn about random axes.

    Args:
        rotations: rotations of possible hands.
        generator: random generator on the CPU.

    Returns:
        The hands, and a mask of the changed joints, at least one of each hand.
    """
    angles = angles_of(rotations)
    kind = torch.multinomial(_KINDS, len(angles), replacement=True, generator=generator)
    changed = torch.stack([way(angles.clone(), generator) for way in _WAYS])[kind, torch.arange(len(angles))]
    mask = (changed - angles).abs().amax(-1) > 1e-4
    made = torch.where(mask[..., None, None], rotations_of(changed), rotations)
    turned = kind == len(_WAYS) - 1
    turns, is_turned = _turns(len(angles), generator)
    made = torch.where((turned[:, None] & is_turned)[..., None, None], rotations @ turns.to(rotations), made)
    return made, torch.where(turned[:, None], is_turned, mask)


def _backwards(angles: _Angles, generator: torch.Generator) -> _Angles:
    """Some joints bent towards the back of the hand."""
    least = torch.deg2rad(torch.tensor([40.0, 15.0, 18.0] * 4 + [50.0, 22.0, 35.0]))
    bent = least + (math.radians(85) - least) * torch.rand(len(angles), NUM_HAND_JOINTS, generator=generator)
    chosen = _some(len(angles), NUM_HAND_JOINTS, 0.12, generator)
    angles[..., 0] = torch.where(chosen, -bent, angles[..., 0])
    return angles


def _last_alone(angles: _Angles, generator: torch.Generator) -> _Angles:
    """Last joints bent far while the middle ones are straight."""
    drawn = torch.rand(2, len(angles), 4, generator=generator)
    chosen = _some(len(angles), 4, 0.4, generator)
    for joint, low, high, part in ((1, -5, 15, drawn[0]), (2, 42, 95, drawn[1])):
        bent = torch.deg2rad(low + (high - low) * part)
        angles[:, joint:12:3, 0] = torch.where(chosen, bent, angles[:, joint:12:3, 0])
    return angles


def _crossed(angles: _Angles, generator: torch.Generator) -> _Angles:
    """Two neighbours, bent alike, spread across each other."""
    pair = torch.tensor([[0, 3], [3, 9], [9, 6]])[torch.randint(0, 3, (len(angles),), generator=generator)]
    row = torch.arange(len(angles))
    for bone in range(3):
        angles[row, pair[:, 1] + bone, 0] = angles[row, pair[:, 0] + bone, 0]
    size = torch.deg2rad(14 + 26 * torch.rand(2, len(angles), generator=generator))
    angles[row, pair[:, 0], 1], angles[row, pair[:, 1], 1] = -size[0], size[1]
    return angles


def _sideways(angles: _Angles, generator: torch.Generator) -> _Angles:
    """Some joints turned sideways or twisted beyond what they can."""
    most = torch.tensor([[32.0, 20.0], [15.0, 20.0], [15.0, 20.0]] * 4 + [[65.0, 65.0], [32.0, 30.0], [20.0, 25.0]])
    drawn = torch.rand(2, len(angles), NUM_HAND_JOINTS, 2, generator=generator)
    signs = torch.where(drawn[0] < 0.5, -1.0, 1.0)
    turned = signs * torch.deg2rad(most + 35 * drawn[1])
    chosen = _some(len(angles), 2 * NUM_HAND_JOINTS, 0.06, generator).unflatten(-1, (NUM_HAND_JOINTS, 2))
    angles[..., 1:] = torch.where(chosen, turned, angles[..., 1:])
    return angles


def _as_they_are(angles: _Angles, generator: torch.Generator) -> _Angles:
    """No change: these hands get turns about random axes."""
    return angles


_WAYS: tuple[Callable[[_Angles, torch.Generator], _Angles], ...] = (
    _backwards,
    _last_alone,
    _crossed,
    _sideways,
    _as_they_are,
)


def _turns(number: int, generator: torch.Generator) -> tuple[Float[Tensor, "number 15 3 3"], Bool[Tensor, "number 15"]]:
    """Turns about random axes for all joints, and a mask of the chosen ones."""
    axes = torch.nn.functional.normalize(torch.randn(number, NUM_HAND_JOINTS, 3, generator=generator), dim=-1)
    size = _SMALLEST * (_LARGEST / _SMALLEST) ** torch.rand(number, NUM_HAND_JOINTS, 1, generator=generator)
    return axis_angle_to_matrix(size * axes), _some(number, NUM_HAND_JOINTS, 0.2, generator)


def _some(number: int, of: int, part: float, generator: torch.Generator) -> Bool[Tensor, "number of"]:
    """Random masks with at least one true entry each."""
    chosen = torch.rand(number, of, generator=generator) < part
    chosen[torch.arange(number), torch.randint(of, (number,), generator=generator)] = True
    return chosen


HAND_KIND = PoseKind(
    HAND,
    ("thumb", "index", "middle", "ring", "pinky", "fingers"),
    (("thumb",), ("index",), ("middle",), ("ring",), ("pinky",)),
    draw_varied,
    vary_hands,
    impossible_hands,
)
"""Poses of right hands."""
