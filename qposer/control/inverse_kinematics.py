"""Inverse kinematics with the code prior: constraints and targets in space (`qposer.control.constraint_solver`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.kinematics import chain
from qposer.body_pose.posed_skeleton import POINT_NAMES, OrientedPose, PosedSkeleton, carrier
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, JOINT_NAMES, NUM_BODY_JOINTS
from qposer.control.constraint_solver import DRAWS, ConstraintSolver, SolverOptions
from qposer.control.constraints import TOLERANCE, Constraint, about
from qposer.control.edits import joints_of
from qposer.control.free_joints import FreeJoints
from qposer.control.measures import Coordinate
from qposer.prior.code_prior import CodePrior, default_prior

THOROUGH = SolverOptions(iterations=16, candidates=6, noise=(0.7, 0.2), pull=0.5, stay=1.0, follow=12.0)
FAR = SolverOptions(iterations=16, candidates=3, noise=(0.5, 0.2), pull=0.1, stay=0.3, follow=1.0)
WHILE_DRAGGING = SolverOptions(iterations=5, candidates=1, noise=(0.3, 0.2), pull=0.1, stay=0.3, follow=1.0)

ROOM = 1.0
"""Maximum score difference from the best solution for a different solution."""


class ConstraintSolution(NamedTuple):
    """One solution."""

    posture: OrientedPose
    energy: float
    """Energy of the code prior: 1 is the 95th percentile of recorded poses."""


def check_single(posture: OrientedPose) -> None:
    """Check for a single oriented pose.

    Raises:
        ValueError: the shapes are wrong or have batch dimensions.
    """
    shapes = [tuple(part.shape) for part in posture]
    if shapes != [(NUM_BODY_JOINTS, 3, 3), (3, 3)]:
        raise ValueError(f"expected a single oriented pose with matrices (21, 3, 3) and (3, 3), not {shapes}")


@torch.no_grad()
def solve_constraints(
    prior: CodePrior,
    posture: OrientedPose,
    constraints: Sequence[Constraint],
    freedom: FreeJoints,
    n: int = 1,
    *,
    generator: torch.Generator,
    options: SolverOptions = THOROUGH,
) -> list[ConstraintSolution]:
    """Find poses near a given one that satisfy constraints as far as possible, the best first.

    Args:
        prior: the pose prior.
        posture: start pose, without batch dimensions.
        constraints: constraints to satisfy; their joints are ignored.
        freedom: the free joints.
        n: number of solutions, each from its own starts.
        generator: random generator of the prior's noise.
        options: effort and weights.

    Returns:
        ``n`` solutions, the best first, on the prior's device.

    Raises:
        ValueError: ``n`` is below 1, or exceeds the number of starts.
    """
    most = DRAWS // options.candidates
    if not 1 <= n <= most:
        raise ValueError(f"the number of solutions must be from 1 to {most}, not {n}")
    check_single(posture)
    posture = posture.to(prior.network.mean)
    solver = ConstraintSolver(prior, posture, constraints, freedom, options)
    state = solver.run(solver.starts(n * options.candidates), generator)
    found = solver.posture(state.decoded, state.turn)
    energy = prior.energy(found.body_pose)
    skeleton = PosedSkeleton.of(found)
    missed = torch.zeros_like(energy)
    for constraint in constraints:
        missed += (constraint.gap(skeleton) / TOLERANCE[constraint.unit] - 0.5).clamp(0.0, 10.0)
    moved = (found.body_pose - posture.body_pose).square().sum((-1, -2, -3))
    score = 8 * missed + 2 * (energy - 0.5).clamp(min=0) + 0.1 * moved
    best = _spread(score, found.body_pose, n)
    return [ConstraintSolution(OrientedPose(*(part[i] for part in found)), energy[i].item()) for i in best]


class IKSolution(NamedTuple):
    """A pose with points at or close to their targets.

    Attributes:
        distance: remaining distance in metres, for each target.
        energy: energy of the code prior.
    """

    posture: OrientedPose
    distance: dict[str, float]
    energy: float


DRAGGED = 15.0
"""Distance in centimetres along an axis covered by the default iterations; more distant targets get more."""

REACH = 1.05
"""Maximum distance of targets from a limb's origin, in limb lengths; farther targets are moved closer."""


def solve_ik(
    posture: OrientedPose,
    targets: Mapping[str, Sequence[float]],
    keep: Sequence[str] = (),
    *,
    prior: CodePrior | None = None,
) -> IKSolution:
    """Inverse kinematics: move joints or surface points to target positions, starting from a given pose.

    The limb of each target moves, the spine helps hands and head, and all other joints keep their rotations. The pelvis
    stays fixed; to move it, move the feet in the opposite direction.

    Args:
        posture: start pose, without batch dimensions.
        targets: target positions by names of `qposer.body_pose.posed_skeleton.POINT_NAMES`; x (left), y (up), z
            (forward) in metres from the pelvis, in the world's axes.
        keep: parts (`qposer.body_pose.skeleton.BODY_PARTS`) that must not move.
        prior: default: the shipped one. The result is on its device.

    Returns:
        The pose, the distances of its points from the targets, and its energy.

    Raises:
        ValueError: no target is given, a point or part does not exist, a target is not three finite numbers, or all
            joints that could move are fixed.
    """
    check_single(posture)
    if not targets:
        raise ValueError("no target is given: give a point, for example left_wrist, and its position")
    prior = prior or default_prior()
    posture = posture.to(prior.network.mean)
    skeleton = PosedSkeleton.of(posture)
    constraints: list[Constraint] = []
    named: set[str] = set()
    helping: set[str] = set()
    for name, target in targets.items():
        if name not in POINT_NAMES or carrier(name) == 0:
            raise ValueError(f"no point {name!r} can be moved: use one of {', '.join(_MOVABLE)}")
        try:
            goal = torch.as_tensor(target, dtype=skeleton.points.dtype, device=skeleton.points.device)
        except (TypeError, ValueError):
            goal = skeleton.points.new_empty(0)
        if goal.shape != (3,) or not bool(torch.isfinite(goal).all()):
            raise ValueError(f"the target of {name} must be three finite numbers in metres, not {target!r}")
        moves, helps = _limb(carrier(name))
        named |= moves
        helping |= helps
        goal = _within_reach(skeleton, name, goal)
        constraints += [about(name, Coordinate(name, axis), 100 * goal[axis].item(), "cm", ()) for axis in range(3)]
    kept = {BODY_JOINT_NAMES[joint] for joint in joints_of(keep)} if keep else set()
    freedom = FreeJoints.of(named - kept, helping - kept)
    generator = torch.Generator().manual_seed(0)
    far = max(constraint.gap(skeleton).item() for constraint in constraints) > DRAGGED
    found = solve_constraints(
        prior, posture, constraints, freedom, generator=generator, options=FAR if far else WHILE_DRAGGING
    )[0]
    ended = PosedSkeleton.of(found.posture)
    left = {name: math.dist(ended.point(name).tolist(), list(target)) for name, target in targets.items()}
    return IKSolution(found.posture, left, found.energy)


_MOVABLE = tuple(name for name in POINT_NAMES if carrier(name) != 0)
_SPINE = {"spine1", "spine2", "spine3"}
_TRUNK = {*_SPINE, "neck", "head"}  # the head reaches as far as the spine bends


def _limb(joint: int) -> tuple[set[str], set[str]]:
    """Names of the joints that move a joint's points, and of those that help."""
    way = {JOINT_NAMES[j] for j in chain(joint) if j > 0}
    limb = way - _SPINE
    return (limb, way & _SPINE) if limb else (way, set())


def _within_reach(skeleton: PosedSkeleton, name: str, goal: Float[Tensor, "3"]) -> Float[Tensor, "3"]:
    """The goal, or the point on the way to it just beyond the limb's reach."""
    way = [j for j in chain(carrier(name)) if j > 0]
    limb = [j for j in way if JOINT_NAMES[j] not in _TRUNK] or way
    stops = [skeleton.points[j] for j in limb] + [skeleton.point(name)]
    length = sum(torch.linalg.vector_norm(b - a) for a, b in pairwise(stops))
    away = goal - stops[0]
    return stops[0] + away * min(1.0, float(REACH * length / torch.linalg.vector_norm(away.double()).clamp(min=1e-6)))


def _spread(score: Float[Tensor, " candidates"], body_pose: Float[Tensor, "candidates 21 3 3"], n: int) -> list[int]:
    """The candidate with the lowest score, and nearly as good ones, each as different as possible from those before."""
    order = score.argsort()
    order = order[: max(n, int((score <= score.min() + ROOM).sum()))]
    chosen = [int(order[0])]
    unlike = torch.full_like(score, torch.inf)
    while len(chosen) < n:
        unlike = torch.minimum(unlike, (body_pose - body_pose[chosen[-1]]).square().sum((-1, -2, -3)))
        chosen.append(int(order[unlike[order].argmax()]))
    return chosen
