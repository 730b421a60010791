"""Inverse kinematics of fingers with the hand prior: fingertips to targets (`qposer.control.hand_solver`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.articulation import Articulation
from qposer.body_pose.poses import as_matrices
from qposer.control.hand_measures import Coordinate, HandConstraint, PosedHand
from qposer.control.hand_solver import WHILE_DRAGGING, HandSolverOptions, solve_hand
from qposer.hands.angles import angles_of, clamped, rotations_of
from qposer.hands.prior import HandPrior, load_hand_prior
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import FINGERS

STEP = 2.0
"""Centimetres that a fingertip moves towards its target in one of the solver's runs."""

MOST_RUNS = 2

CLOSE, GAIN = 0.003, 0.001
"""Distance in metres from the target above which other starts are tried, since extended fingers may not find how to
bend; and by how much the result must be better."""

ANEW = HandSolverOptions(iterations=8, starts=4, noise=(0.4, 0.2))


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
        prior: default: the shipped one. The result is on its device.

    Returns:
        The pose, the distances of the tips from their targets, and its energy.

    Raises:
        ValueError: no target is given, a finger does not exist, or a target is not three finite numbers.
    """
    prior = prior or load_hand_prior()
    pose = as_matrices(hand_pose, HAND).to(prior.code_prior.network.mean)
    if not targets:
        raise ValueError(f"no target is given: give a finger, one of {', '.join(FINGERS)}, and its tip's position")
    wanted = {finger: _target(finger, target, pose) for finger, target in targets.items()}
    for _ in range(MOST_RUNS):
        near = _distances(pose, wanted, skeleton)
        pose = _moved(prior, pose, wanted, skeleton, WHILE_DRAGGING)
        if max(near.values()) <= STEP / 100:
            break
    left = _distances(pose, wanted, skeleton)
    if max(left.values()) > CLOSE:
        other = _moved(prior, pose, wanted, skeleton, ANEW)
        closer = _distances(other, wanted, skeleton)
        if sum(closer.values()) < sum(left.values()) - GAIN:
            pose, left = other, closer
    return FingerSolution(pose, left, prior.code_prior.energy(pose).item())


def _moved(
    prior: HandPrior,
    pose: Float[Tensor, "15 3 3"],
    targets: Mapping[str, Float[Tensor, "3"]],
    skeleton: Articulation,
    options: HandSolverOptions,
) -> Float[Tensor, "15 3 3"]:
    """The hand after one run of the solver, within the ranges of joints."""
    posed, moving = PosedHand.of(pose, skeleton), HAND.indices(list(targets))
    constraints = [one for finger, target in targets.items() for one in _at(finger, _step(posed, finger, target))]
    found = solve_hand(prior, pose, constraints, torch.Generator().manual_seed(0), options, skeleton)
    moved = pose.clone()
    moved[moving] = rotations_of(clamped(angles_of(found)))[moving]
    return moved


def _distances(
    pose: Float[Tensor, "15 3 3"], targets: Mapping[str, Float[Tensor, "3"]], skeleton: Articulation
) -> dict[str, float]:
    """Distances of fingertips from their targets, metres."""
    posed = PosedHand.of(pose, skeleton)
    return {finger: math.dist(posed.place(f"{finger}_tip"), target) / 100 for finger, target in targets.items()}


def _target(finger: str, target: Sequence[float], like: Tensor) -> Float[Tensor, "3"]:
    """A checked target in centimetres, on the device of a tensor."""
    if finger not in FINGERS:
        raise ValueError(f"there is no finger {finger!r}: use one of {', '.join(FINGERS)}")
    try:
        place = 100 * torch.as_tensor(target, dtype=like.dtype, device=like.device)
    except (TypeError, ValueError):
        place = like.new_empty(0)
    if place.shape != (3,) or not bool(torch.isfinite(place).all()):
        raise ValueError(f"the target of the {finger} must be three finite numbers in metres, not {target!r}")
    return place


def _step(posed: PosedHand, finger: str, target: Float[Tensor, "3"]) -> Float[Tensor, "3"]:
    """The target, or the point on the way to it that is `STEP` from the fingertip."""
    tip = posed.place(f"{finger}_tip")
    length = torch.linalg.vector_norm(target - tip)
    return target if length <= STEP else tip + (target - tip) * (STEP / length)


def _at(finger: str, goal: Float[Tensor, "3"]) -> list[HandConstraint]:
    """Constraints that put a fingertip at a point."""
    return [
        HandConstraint(f"{finger} at its target", Coordinate(f"{finger}_tip", axis), place, place, "cm")
        for axis, place in enumerate(goal.tolist())
    ]
