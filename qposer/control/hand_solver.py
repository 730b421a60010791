"""Hands that satisfy constraints, as a least-squares problem over relaxed codes of the hand prior.

The unknowns are standardised latents of the joints that the constraints name; the other joints keep their rotations
exactly. The cost contains the constraints, the distance to the denoiser's prediction and to the initial pose, joints
beyond their anatomical ranges, last joints that do not follow the middle ones, and fingers in each other or the palm.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import combinations
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qposer.body_pose.articulation import Articulation
from qposer.control.hand_measures import EXACTNESS, TOLERANCE, HandConstraint, PosedHand
from qposer.hands.anatomy import NARROW, PALM_DEPTH
from qposer.hands.angles import DIP_PER_PIP, LIMITS
from qposer.hands.prior import HandPrior
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import FINGER_JOINT_NAMES, NUM_HAND_JOINTS
from qposer.least_squares import Damping, Equations, Step, minimise
from qposer.prior.code_prior import CodePrior
from qposer.prior.diffusion import SIGMA_MIN
from qposer.prior.seeding import normal_noise

RANGE_UNIT = 1.0
"""Violation of an anatomical range that costs as much as a constraint at its exactness, degrees."""
COUPLING_UNIT = 20.0
"""The same for last joints that deviate from their share of the middle joint's flexion."""
DEPTH_UNIT = 0.1
"""The same for fingers in each other or in the palm, cm."""
STAY = 0.3
"""Weight of the initial pose per radian."""
PULL = 0.15
"""Weight of the prior per standard deviation of a latent."""

DRAWS = 256
"""Number of samples of the prior from which additional starts are chosen."""
NUDGE = 0.02
"""Step of the finite differences, in standardised latents."""
LEAST_STIFFNESS = 1e-3
DAMPING = Damping(first=1e-2, accepted=1 / 3, rejected=5.0, least=1e-5, most=1e4)


class HandSolverOptions(NamedTuple):
    """Effort of a solve."""

    iterations: int
    starts: int
    """The initial pose, and samples of the prior that violate the constraints least."""
    noise: tuple[float, float]
    """First and last noise level of the prior's denoiser."""


THOROUGH = HandSolverOptions(iterations=25, starts=6, noise=(0.6, 0.15))
WHILE_DRAGGING = HandSolverOptions(iterations=6, starts=1, noise=(0.3, 0.15))

_PART = torch.tensor([0.2, 0.6, 1.0])[:, None]


class _Draws(NamedTuple):
    """Hands sampled from the prior."""

    poses: Float[Tensor, "draws 15 3 3"]
    latents: Float[Tensor, "draws 15 latent"]
    """Standardised."""


_drawn: WeakKeyDictionary[nn.Module, _Draws] = WeakKeyDictionary()


def _draws(prior: CodePrior) -> _Draws:
    """The same hands at every call, sampled at first use."""
    if prior.network not in _drawn:
        poses = prior.sample(DRAWS, generator=torch.Generator().manual_seed(0))
        _drawn[prior.network] = _Draws(poses, prior.standard_latents(poses))
    return _Draws(*(part.to(prior.network.mean) for part in _drawn[prior.network]))


class _State(NamedTuple):
    latents: Float[Tensor, "starts 15 latent"]
    decoded: Float[Tensor, "starts 15 3 3"]
    residuals: Float[Tensor, "starts residuals"]


def solve_hand(
    prior: HandPrior,
    initial: Float[Tensor, "15 3 3"],
    constraints: Sequence[HandConstraint],
    generator: torch.Generator,
    options: HandSolverOptions = THOROUGH,
    skeleton: Articulation = HAND,
) -> Float[Tensor, "15 3 3"]:
    """A right hand near the initial one that satisfies constraints as far as possible.

    Args:
        prior: the hand prior.
        initial: rotations relative to the parents.
        constraints: at least one.
        generator: random generator.
        options: effort.
        skeleton: bones of the hand; default: an adult's.

    Returns:
        The solution; joints that no constraint names keep their rotations.
    """
    solver = _HandSolver(prior, initial, constraints, generator, options, skeleton)
    state = minimise(solver, solver.state(solver.starts()), options.iterations, DAMPING)
    poses = solver.pose(state.decoded)
    posed = PosedHand.of(poses, skeleton)
    missed = torch.stack([(c.residual(posed).abs() / TOLERANCE[c.unit] - 0.5).clamp(min=0) for c in constraints])
    unusual = prior.code_prior.energy(poses).clamp(min=0)
    return poses[(10 * missed.square().sum(0) + solver.cost(state) + unusual).argmin()]


class _HandSolver:
    """A `qposer.least_squares.LeastSquares` problem; steps are accepted for each start independently."""

    def __init__(
        self,
        prior: HandPrior,
        initial: Float[Tensor, "15 3 3"],
        constraints: Sequence[HandConstraint],
        generator: torch.Generator,
        options: HandSolverOptions,
        skeleton: Articulation,
    ) -> None:
        self.prior, self.network = prior.code_prior, prior.code_prior.network
        self.initial, self.constraints, self.options, self.skeleton = initial, constraints, options, skeleton
        named = {joint for constraint in constraints for joint in constraint.measure.joints}
        self.moving = [index for index, joint in enumerate(FINGER_JOINT_NAMES) if joint in named]
        self.heads = self.network.config.latent_dim
        codebooks = self.prior.model.quantizer.codebooks
        ends = codebooks.amin(1), codebooks.amax(1)
        self.lowest, self.highest = (self.network.standardise(end.expand(NUM_HAND_JOINTS, -1, -1)) for end in ends)
        self.nudges = NUDGE * torch.eye(self.heads, dtype=initial.dtype, device=initial.device)[:, None]
        self.pairs = _pairs_that_move({joint // 3 for joint in self.moving})
        self.coupled = [finger for finger in range(4) if 3 * finger + 2 in self.moving]
        self.deep = _entanglement(PosedHand.of(initial, skeleton), self.pairs)
        self.noise = normal_noise((options.starts, *self.network.mean.shape), self.network.mean, generator)
        self.target = torch.zeros(0)

    def starts(self) -> Float[Tensor, "starts 15 latent"]:
        """Latents of the initial pose, and those of the most suitable samples."""
        latents = self.prior.standard_latents(self.initial).expand(self.options.starts, -1, -1).clone()
        if self.options.starts == 1:
            return latents
        draws = _draws(self.prior)
        suited = self.residuals(draws.poses).square().sum(-1).argsort()[: self.options.starts - 1]
        latents[1:, self.moving] = draws.latents[suited][:, self.moving]
        return latents

    def state(self, latents: Float[Tensor, "starts 15 latent"]) -> _State:
        """A state with all values that follow from the latents."""
        decoded = self.decode(latents)
        return _State(latents, decoded, self.residuals(decoded))

    def decode(self, latents: Float[Tensor, "*batch 15 latent"]) -> Float[Tensor, "*batch 15 3 3"]:
        """Rotations of all joints."""
        raw = self.network.unstandardise(latents)
        return self.prior.model.decode_latents(raw.unflatten(-1, self.prior.model.config.latent_shape[1:]))

    def pose(self, decoded: Float[Tensor, "*batch 15 3 3"]) -> Float[Tensor, "*batch 15 3 3"]:
        """The decoded rotations of moving joints, and the initial ones of the others."""
        pose = self.initial.expand(decoded.shape).clone()
        pose[..., self.moving, :, :] = decoded[..., self.moving, :, :]
        return pose

    def residuals(self, decoded: Float[Tensor, "*batch 15 3 3"]) -> Float[Tensor, "*batch residuals"]:
        """Residuals of all terms except the prior's; the sum of their squares is the cost."""
        hand = PosedHand.of(self.pose(decoded), self.skeleton)
        wanted = torch.stack([c.residual(hand) / EXACTNESS[c.unit] for c in self.constraints], dim=-1)
        angles = hand.angles[..., self.moving, :]
        low, high = LIMITS[self.moving].rad2deg().to(angles).unbind(-1)
        beyond = ((angles - high).clamp(min=0) - (low - angles).clamp(min=0)) / RANGE_UNIT
        flexion = hand.angles[..., :12, 0].unflatten(-1, (4, 3))
        coupled = (flexion[..., 2] - DIP_PER_PIP * flexion[..., 1])[..., self.coupled] / COUPLING_UNIT
        moved = STAY / 2**0.5 * (hand.rotations - self.initial)[..., self.moving, :, :]
        deeper = (_entanglement(hand, self.pairs) - self.deep).clamp(min=0) / DEPTH_UNIT
        return torch.cat([wanted, beyond.flatten(-2), coupled, moved.flatten(-3), deeper], dim=-1)

    def begin_step(self, step: int, state: _State) -> None:
        """Update the denoiser's prediction."""
        (first, last), levels = self.options.noise, state.latents.new_full((NUM_HAND_JOINTS,), SIGMA_MIN)
        levels[self.moving] = first * (last / first) ** (step / (self.options.iterations - 1))
        noisy = state.latents + levels[:, None] * self.noise
        self.target = self.network.denoiser(noisy, levels.expand(noisy.shape[:-1]))[:, self.moving]

    def cost(self, state: _State) -> Float[Tensor, " starts"]:
        """Sum of squares of all terms."""
        total: Tensor = state.residuals.square().sum(-1) + self._pull(state).square().sum(-1)
        return total

    def linearise(self, state: _State) -> Equations:
        """Normal equations; a joint's latents change almost only that joint, so one decode a latent is enough."""
        nudged = self.decode(state.latents[:, None] + self.nudges)
        tried = state.decoded[:, None].expand(-1, len(self.moving) * self.heads, -1, -1, -1).clone()
        for place, joint in enumerate(self.moving):
            tried[:, place * self.heads : (place + 1) * self.heads, joint] = nudged[:, :, joint]
        jacobian = ((self.residuals(tried) - state.residuals[:, None]) / NUDGE).mT
        curvature, slope = jacobian.mT @ jacobian, (jacobian.mT @ state.residuals[..., None])[..., 0]
        diagonal = curvature.diagonal(dim1=-2, dim2=-1)
        diagonal += PULL**2
        return Equations(curvature, slope + PULL * self._pull(state), diagonal + LEAST_STIFFNESS)

    def moved(self, state: _State, step: Step) -> _State:
        """The state after a step; latents are clamped to the outermost codes."""
        latents = state.latents.clone()
        latents[:, self.moving] += step.own.unflatten(1, (-1, self.heads))
        return self.state(torch.minimum(torch.maximum(latents, self.lowest), self.highest))

    def _pull(self, state: _State) -> Float[Tensor, "starts unknowns"]:
        return PULL * (state.latents[:, self.moving] - self.target).flatten(1)


def _pairs_that_move(fingers: Set[int]) -> list[tuple[int, int]]:
    """Pairs of fingers with one that moves; a finger with itself stands for the finger and the palm."""
    pairs = [*combinations(range(5), 2), *((finger, finger) for finger in range(5))]
    return [pair for pair in pairs if not fingers.isdisjoint(pair)]


def _entanglement(hand: PosedHand, pairs: Sequence[tuple[int, int]]) -> Float[Tensor, "*batch pairs"]:
    """How deep fingers are in each other, or their tips in the palm, cm; like `qposer.hands.anatomy.entangled`."""
    joints, tips = hand.points[..., 1:16, :].unflatten(-2, (5, 3)), hand.points[..., 16:, :]
    ends = torch.cat([joints, tips[..., None, :]], dim=-2)
    lines = torch.lerp(ends[..., :3, None, :], ends[..., 1:, None, :], _PART.to(ends)).flatten(-3, -2)
    depths = []
    for first, second in pairs:
        if first == second:
            tip = tips[..., first, :]
            over = (tip[..., 0] > -8.5) & (tip[..., 2].abs() < 4.0)
            depths.append(torch.where(over, tip[..., 1] + 100 * PALM_DEPTH, 0.0).clamp(min=0))
        else:
            near = torch.cdist(lines[..., first, :, :], lines[..., second, :, :]).flatten(-2).amin(-1)
            depths.append((100 * NARROW - near).clamp(min=0))
    return torch.stack(depths, dim=-1)
