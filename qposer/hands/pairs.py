"""Edits of both hands by named parts: "left_hand", "right_index", "thumb" (of both hands), "left_ring2", ..."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.poses import as_matrices, in_kind_of
from qposer.hands.prior import HandPrior, load_hand_prior
from qposer.hands.skeleton import HAND, mirror_hand
from qposer.hands.smplh import NUM_HAND_JOINTS, SIDES

Hands = Float[Tensor, "*#batch 30 3"] | Float[Tensor, "*#batch 30 3 3"]
"""Poses of both hands, the left one first, axis-angle in radians or matrices, zero for flat hands. Edits return the
representation of the first input."""

_OF_ONE_HAND = {"hand": HAND.joint_names, **HAND.parts}

HAND_PARTS: tuple[str, ...] = (*(f"{side}_{part}" for side in SIDES for part in _OF_ONE_HAND), *_OF_ONE_HAND)
"""Names of parts; without a side they mean both hands."""


def as_right_hands(hands: Hands) -> Float[Tensor, "*batch 2 15 3 3"]:
    """Both hands as right hands, the left one first.

    Args:
        hands: poses of both hands.

    Returns:
        Rotations relative to the parents.

    Raises:
        ValueError: the input is not a pose of both hands, or not finite.
    """
    if 30 not in (hands.shape[-2:-1] if hands.shape[-2:] != (3, 3) else hands.shape[-3:-2]):
        raise ValueError(f"a pose of both hands must be (..., 30, 3) or (..., 30, 3, 3), not {tuple(hands.shape)}")
    axis = -3 if hands.shape[-2:] == (3, 3) else -2
    left, right = (as_matrices(hand, HAND) for hand in hands.chunk(2, dim=axis))
    return torch.stack([mirror_hand(left), right], dim=-4)


def of_right_hands(hands: Float[Tensor, "*batch 2 15 3 3"]) -> Float[Tensor, "*batch 30 3 3"]:
    """The pose of both hands; inverse of `as_right_hands`."""
    left, right = hands.unbind(-4)
    return torch.cat([mirror_hand(left), right], dim=-3)


def swap(hands: Hands, donor: Hands, parts: str | Sequence[str], *, prior: HandPrior | None = None) -> Tensor:
    """The hands with the parts' codes taken from a donor; a hand without a named part keeps its pose.

    Args:
        hands: poses to edit.
        donor: poses that provide the parts; ``mirror(hands)`` copies from one hand to the other.
        parts: names of one or more parts.
        prior: default: the shipped one.

    Returns:
        Poses in the representation of ``hands``.

    Raises:
        ValueError: a part does not exist, or one of the two is not a pose of both hands.
    """
    prior = prior or load_hand_prior()
    own, other = as_right_hands(hands), as_right_hands(donor)
    edited = {side: prior.swap(own[..., side, :, :, :], other[..., side, :, :, :], of) for side, of in _by_side(parts)}
    return in_kind_of(hands, _with_edits(own, edited))


def blend(
    poses: Sequence[Hands],
    weights: Sequence[float],
    parts: str | Sequence[str] = "hand",
    *,
    prior: HandPrior | None = None,
) -> Tensor:
    """Decode the codes of a weighted mean of poses; a hand without a named part keeps the first pose.

    Args:
        poses: poses of equal shapes.
        weights: one for each pose; only their ratios matter.
        parts: names of one or more parts; default: both hands.
        prior: default: the shipped one.

    Returns:
        Poses in the representation of the first.

    Raises:
        ValueError: a part does not exist, the numbers of poses and weights differ, or a weight is invalid.
    """
    prior = prior or load_hand_prior()
    every = [as_right_hands(pose) for pose in poses]
    edited = {
        side: prior.blend([pose[..., side, :, :, :] for pose in every], weights, of) for side, of in _by_side(parts)
    }
    return in_kind_of(poses[0], _with_edits(every[0], edited))


def vary(
    hands: Hands,
    parts: str | Sequence[str],
    amount: float = 0.5,
    n: int = 1,
    *,
    seed: int = 0,
    prior: HandPrior | None = None,
) -> Tensor:
    """Resample parts consistently with the rest of their hand, whose joints keep their rotations.

    Args:
        hands: poses to vary.
        parts: names of one or more parts.
        amount: from 0 (only quantisation) to 1 (as if the parts were unknown).
        n: number of poses.
        seed: random seed; equal seeds give equal poses on one machine.
        prior: default: the shipped one.

    Returns:
        ``(n, ...)`` poses in the representation of ``hands``.

    Raises:
        ValueError: a part does not exist, ``amount`` is not from 0 to 1, or ``n`` is below 1.
    """
    prior, generator = prior or load_hand_prior(), torch.Generator().manual_seed(seed)
    own = as_right_hands(hands)
    edited = {
        side: prior.vary(own[..., side, :, :, :], of, amount, n, generator=generator) for side, of in _by_side(parts)
    }
    return in_kind_of(hands, _with_edits(own.expand(n, *own.shape), edited))


def complete(
    hands: Hands,
    unknown: str | Sequence[str],
    n: int = 1,
    temperature: float = 0.7,
    *,
    seed: int = 1,
    prior: HandPrior | None = None,
) -> Tensor:
    """Complete fingers from the others of their hand, whose joints keep their rotations.

    Args:
        hands: poses; values at unknown joints are ignored.
        unknown: names of one or more parts; of each hand, something must be known.
        n: number of completions, that of the largest cluster first.
        temperature: 1 for the full variety; lower for more common completions.
        seed: random seed; equal seeds give equal poses on one machine.
        prior: default: the shipped one.

    Returns:
        ``(n, ...)`` poses in the representation of ``hands``.

    Raises:
        ValueError: a part does not exist, nothing is known of a hand, or ``n`` or ``temperature`` is out of range.
    """
    prior, generator = prior or load_hand_prior(), torch.Generator().manual_seed(seed)
    own = as_right_hands(hands)
    edited = {
        side: prior.complete(own[..., side, :, :, :], of, n, temperature, generator=generator)
        for side, of in _by_side(unknown)
    }
    return in_kind_of(hands, _with_edits(own.expand(n, *own.shape), edited))


def mirror(hands: Hands) -> Tensor:
    """The mirrored hands: the left hand poses as the right one did, and the reverse.

    Raises:
        ValueError: the input is not a pose of both hands, or not finite.
    """
    return in_kind_of(hands, of_right_hands(as_right_hands(hands).flip(-4)))


def joints_of(parts: str | Sequence[str]) -> list[int]:
    """Indices of the joints of parts among the 30 of both hands.

    Raises:
        ValueError: no part is named, or an unknown one.
    """
    return [NUM_HAND_JOINTS * side + joint for side, names in _by_side(parts) for joint in HAND.indices(names)]


def _by_side(parts: str | Sequence[str]) -> list[tuple[int, list[str]]]:
    """Joints to edit of each hand that has some: its number, and names of joints."""
    names = [parts] if isinstance(parts, str) else list(parts)
    if not names:
        raise ValueError(f"no part is named: use some of {', '.join(HAND_PARTS)}")
    joints: list[set[str]] = [set(), set()]
    for name in names:
        if name not in HAND_PARTS:
            near = get_close_matches(name, HAND_PARTS, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f"there is no part {name!r} of the hands{hint}: the parts are {', '.join(HAND_PARTS)}")
        side, _, part = name.partition("_")
        for number, each in enumerate(SIDES):
            if side == each or side not in SIDES:
                joints[number] |= set(_OF_ONE_HAND[part if side in SIDES else name])
    return [(number, sorted(of)) for number, of in enumerate(joints) if of]


def _with_edits(own: Float[Tensor, "*batch 2 15 3 3"], edited: dict[int, Tensor]) -> Float[Tensor, "*batch 30 3 3"]:
    return of_right_hands(torch.stack([edited.get(side, own[..., side, :, :, :]) for side in range(2)], dim=-4))
