"""Edits of a body with both hands by names of parts: "left_arm", "head", "left_hand", "right_index", ..."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.articulation import BODY
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control import edits
from qposer.hands import pairs
from qposer.prior.code_prior import CodePrior


class WholePose(NamedTuple):
    """A body and its hands, axis-angle in radians."""

    body: Float[Tensor, "*batch 21 3"]
    hands: Float[Tensor, "*batch 30 3"]
    """The left hand first, zero for flat hands."""


def parts_of(parts: str | Sequence[str]) -> tuple[list[str], list[str]]:
    """Those of the parts that belong to the body, and those of the hands.

    Args:
        parts: names of one or more parts.

    Returns:
        The names. Arms and sides of the body are without fingers.

    Raises:
        ValueError: no part is named, or an unknown one.
    """
    names = [parts] if isinstance(parts, str) else list(parts)
    if not names:
        raise ValueError(f"no part is named: use some of {', '.join(BODY.parts)}, or of hands and fingers")
    for name in names:
        if name not in BODY.parts and name not in pairs.HAND_PARTS:
            near = get_close_matches(name, (*BODY.parts, *pairs.HAND_PARTS), n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(
                f"there is no part {name!r}{hint}: the parts are {', '.join(BODY.parts)}, "
                f"and of the hands {', '.join(pairs.HAND_PARTS)}"
            )
    return [name for name in names if name in BODY.parts], [name for name in names if name not in BODY.parts]


def joints_of(parts: str | Sequence[str]) -> list[int]:
    """Indices of the joints of parts among the 21 of the body and, after them, the 30 of both hands.

    Raises:
        ValueError: no part is named, or an unknown one.
    """
    of_body, of_hands = parts_of(parts)
    body = edits.joints_of(of_body) if of_body else []
    return [*body, *(NUM_BODY_JOINTS + joint for joint in (pairs.joints_of(of_hands) if of_hands else ()))]


def swap(pose: WholePose, donor: WholePose, parts: str | Sequence[str], *, prior: CodePrior | None = None) -> WholePose:
    """The pose with the parts' codes taken from a donor; a body or a hand without a named part keeps its rotations.

    Args:
        pose: the pose to edit.
        donor: the pose that provides the parts.
        parts: names of one or more parts.
        prior: of bodies; default: the shipped one.

    Returns:
        The edited pose.

    Raises:
        ValueError: a part does not exist.
    """
    (of_body, of_hands), model = parts_of(parts), prior.model if prior else None
    return WholePose(
        edits.swap(pose.body, donor.body, of_body, model=model) if of_body else pose.body,
        pairs.swap(pose.hands, donor.hands, of_hands) if of_hands else pose.hands,
    )


def blend(
    poses: Sequence[WholePose],
    weights: Sequence[float],
    parts: str | Sequence[str] | None = None,
    *,
    prior: CodePrior | None = None,
) -> WholePose:
    """Decode the codes of a weighted mean of poses; a body or a hand without a named part is the first pose's.

    Args:
        poses: poses of equal shapes.
        weights: one for each pose; only their ratios matter.
        parts: parts to blend; default: all.
        prior: of bodies; default: the shipped one.

    Returns:
        The mean.

    Raises:
        ValueError: a part does not exist, the numbers of poses and weights differ, or a weight is invalid.
    """
    of_body, of_hands = (None, ["hand"]) if parts is None else parts_of(parts)
    bodies, hands = [pose.body for pose in poses], [pose.hands for pose in poses]
    model = prior.model if prior else None
    return WholePose(
        bodies[0] if of_body == [] else edits.blend(bodies, weights, of_body, model=model),
        pairs.blend(hands, weights, of_hands) if of_hands else hands[0],
    )


def interpolate(start: WholePose, end: WholePose, steps: int, *, prior: CodePrior | None = None) -> list[WholePose]:
    """Interpolate between poses, ends included; each is decoded from the codes of a `blend` of the two.

    Args:
        start: the first pose.
        end: the last pose.
        steps: number of poses.
        prior: of bodies; default: the shipped one.

    Returns:
        The poses in order.

    Raises:
        ValueError: there are fewer than two steps.
    """
    if steps < 2:
        raise ValueError(f"an interpolation needs at least 2 steps, not {steps}")
    return [blend([start, end], [steps - 1 - step, step], prior=prior) for step in range(steps)]


def mirror(pose: WholePose) -> WholePose:
    """The mirrored pose, with left and right swapped."""
    return WholePose(edits.mirror(pose.body), pairs.mirror(pose.hands))


def vary(
    pose: WholePose,
    parts: str | Sequence[str],
    amount: float = 0.5,
    n: int = 1,
    *,
    seed: int = 0,
    prior: CodePrior | None = None,
) -> WholePose:
    """Resample parts consistently with the rest of their body or hand, whose joints keep their rotations.

    Args:
        pose: the pose to vary.
        parts: names of the parts to resample.
        amount: from 0 (only quantisation) to 1 (as if the parts were unknown).
        n: number of poses.
        seed: random seed.
        prior: of bodies; default: the shipped one.

    Returns:
        A batch of ``n`` poses.

    Raises:
        ValueError: a part does not exist, ``amount`` is not from 0 to 1, or ``n`` is below 1.
    """
    of_body, of_hands = parts_of(parts)
    same = WholePose(*(part.expand(n, *part.shape) for part in pose)) if n > 0 else pose
    return WholePose(
        edits.vary(pose.body, of_body, amount, n, seed=seed, prior=prior) if of_body else same.body,
        pairs.vary(pose.hands, of_hands, amount, n, seed=seed) if of_hands else same.hands,
    )


def stacked(poses: Sequence[WholePose]) -> WholePose:
    """Poses as one batch."""
    return WholePose(*(torch.stack(parts) for parts in zip(*poses, strict=True)))
