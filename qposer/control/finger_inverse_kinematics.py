"""Inverse kinematics of fingers with the hand prior: fingertips to targets (`qposer.control.hand_solver`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.articulation import Articulation
from qposer.body_pose.poses import as_matrices
from qposer.control.hand_measures import Coordinate, HandConstraint, PosedHand, finger_joints
from qposer.control.hand_solver import WHILE_DRAGGING, solve_hand
from qposer.hands.angles import angles_of, clamped, rotations_of
from qposer.hands.prior import HandPrior, load_hand_prior
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import FINGERS

STEP = 2.0
"""Centimetres that a fingertip moves towards its target in one of the solver's runs."""

MOST_RUNS = 3


class FingerSolution(NamedTuple):
    """A right hand with fingertips at or close to their targets."""

    hand_pose: Float[Tensor, "15 3 3"]
    distance: dict[str, float]
    """Remaining distance of each fingertip from its target, metres."""
    energy: float
    """Energy of the hand prior."""


@torch.no_grad()
def solve_fingertips(
    hand_pose: Float[Tensor, "15 3 3"],
    targets: Mapping[str, Sequence[float]],
    *,
    skeleton: Articulation = HAND,
    prior: HandPrior | None = None,
) -> FingerSolution:
    """Move fingertips of a right hand to targets, starting from a given pose.

    The joints of these fingers move within their anatomical ranges, out of the other fingers and the palm; all other
    joints keep their rotations.

    Args:
        hand_pose: rotations relative to the parents, zero for the flat hand; `mirror_hand` makes a left hand a right
            one.
        targets: target positions of the tips by names of `qposer.hands.smplh.FINGERS`, metres from the wrist in its
            frame (`qposer.hands.skeleton`).
        skeleton: bones of the hand; default: an adult's.
        prior: default: the shipped one.

    Returns:
        The pose, the distances of the tips from their targets, and its energy.

    Raises:
        ValueError: no target is given, a finger does not exist, or a target is not three finite numbers.
    """
    prior, pose = prior or load_hand_prior(), as_matrices(hand_pose, HAND)
    if not targets:
        raise ValueError(f"no target is given: give a finger, one of {', '.join(FINGERS)}, and its tip's position")
    wanted = {finger: _target(finger, target) for finger, target in targets.items()}
    start, moving = PosedHand.of(pose, skeleton), HAND.indices(list(wanted))
    ends = {finger: _within_reach(start, finger, target) for finger, target in wanted.items()}
    for _ in range(MOST_RUNS):
        posed = PosedHand.of(pose, skeleton)
        constraints = [one for finger, end in ends.items() for one in _at(finger, _step(posed, finger, end))]
        generator = torch.Generator().manual_seed(0)
        found = solve_hand(prior, pose, constraints, generator, WHILE_DRAGGING, skeleton)
        pose = pose.clone()
        pose[moving] = rotations_of(clamped(angles_of(found)))[moving]
        if all(torch.equal(_step(posed, finger, end), end) for finger, end in ends.items()):
            break
    ended = PosedHand.of(pose, skeleton)
    left = {finger: math.dist(ended.place(f"{finger}_tip"), target) / 100 for finger, target in wanted.items()}
    return FingerSolution(pose, left, prior.code_prior.energy(pose).item())


def _target(finger: str, target: Sequence[float]) -> Float[Tensor, "3"]:
    """A checked target in centimetres."""
    if finger not in FINGERS:
        raise ValueError(f"there is no finger {finger!r}: use one of {', '.join(FINGERS)}")
    try:
        place = 100 * torch.as_tensor(target, dtype=torch.float32)
    except (TypeError, ValueError):
        place = torch.empty(0)
    if place.shape != (3,) or not bool(torch.isfinite(place).all()):
        raise ValueError(f"the target of the {finger} must be three finite numbers in metres, not {target!r}")
    return place


def _within_reach(posed: PosedHand, finger: str, target: Float[Tensor, "3"]) -> Float[Tensor, "3"]:
    """The target, or the point on the way to it that the stretched finger reaches."""
    stops = [*(posed.place(joint) for joint in finger_joints(finger)), posed.place(f"{finger}_tip")]
    length = sum(float(torch.linalg.vector_norm(after - before)) for before, after in pairwise(stops))
    return stops[0] + _shortened(target - stops[0], length)


def _step(posed: PosedHand, finger: str, end: Float[Tensor, "3"]) -> Float[Tensor, "3"]:
    """The end, or the point on the way to it that is `STEP` from the fingertip."""
    tip = posed.place(f"{finger}_tip")
    return end if torch.linalg.vector_norm(end - tip) <= STEP else tip + _shortened(end - tip, STEP)


def _shortened(way: Float[Tensor, "3"], length: float) -> Float[Tensor, "3"]:
    return way * min(1.0, length / max(float(torch.linalg.vector_norm(way.double())), 1e-6))


def _at(finger: str, goal: Float[Tensor, "3"]) -> list[HandConstraint]:
    """Constraints that put a fingertip at a point."""
    return [
        HandConstraint(f"{finger} at its target", Coordinate(f"{finger}_tip", axis), place, place, "cm")
        for axis, place in enumerate(goal.tolist())
    ]
