"""Constraints on a pose as a least-squares problem over relaxed codes, for several candidates at once.

The unknowns are standardised latents of the free joints, decoded by QPoser, and optionally the orientation of the
pelvis. All other joints keep their rotations exactly. The cost contains the constraints, the distance to the denoiser's
prediction, the distance to the start pose, violations of anatomical ranges, and penetration of the arms into the body.
The Jacobian needs one decode per head: a joint's latents affect almost only that joint, so all joints are perturbed at
once, and the perturbed rotations are applied one by one in the kinematic tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, NUM_BODY_JOINTS, PARENTS
from qposer.body_pose.surface import farthest_points
from qposer.control.anatomy import ANGLES
from qposer.control.collisions import penetration
from qposer.control.constraints import EXACTNESS, Constraint
from qposer.control.free_joints import FreeJoints
from qposer.least_squares import Damping, Equations, Step, minimise
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import DISPERSION
from qposer.prior.diffusion import SIGMA_MIN
from qposer.prior.seeding import normal_noise

RANGE_UNIT = 4.0
"""The same for joints beyond their anatomical ranges, degrees."""

DEPTH_UNIT = 2.0
"""The same for an increase of the arm points' penetration of the body, cm."""

CARRIED = 8.0
"""Weight per radian of the legs' world rotation while the pelvis rotates."""

NUDGE = 0.02
"""Finite-difference steps for the Jacobian: of a standardised latent, and of the pelvis in radians."""

DRAWS = 512
"""Number of prior samples from which additional candidates may start."""

TEMPERATURE = 1 / DISPERSION
"""Temperature of these samples, which are slightly more typical than recorded poses."""

POOL = 4
"""One in this many of the best samples is used as a start: the most different ones."""

DAMPING = Damping(first=1e-2, accepted=1 / 3, rejected=5.0, least=1e-5, most=1e4)

LEAST_STIFFNESS = 1e-3
"""Stiffness of unknowns that no term depends on."""

PRIOR_WEIGHTS = (1.0, 1.0, 2.0, 4.0)
"""Weights of the prior for successive candidates."""


@dataclass(frozen=True)
class SolverOptions:
    """Effort of a solve, and weights of the terms relative to the constraints."""

    iterations: int
    candidates: int
    """Starts for each solution: the given pose, and samples from the prior; the best result is used."""
    noise: tuple[float, float]
    """First and last noise level of the prior's denoiser."""
    pull: float
    """Weight of the prior per standard deviation of a latent."""
    stay: float
    """Weight of the start pose per radian, for joints that move freely."""
    follow: float
    """The same for joints that help."""


class Draws(NamedTuple):
    """Poses sampled from the prior."""

    body_pose: Float[Tensor, "draws 21 3 3"]
    latents: Float[Tensor, "draws 21 latent"]
    """Standardised."""


_drawn: WeakKeyDictionary[CodePrior, Draws] = WeakKeyDictionary()


def _draws(prior: CodePrior) -> Draws:
    """The same poses at every call, sampled at first use."""
    if prior not in _drawn:
        body_pose = prior.sample(DRAWS, TEMPERATURE, generator=torch.Generator().manual_seed(0))
        _drawn[prior] = Draws(body_pose, prior.standard_latents(body_pose))
    return Draws(*(part.to(prior.network.mean) for part in _drawn[prior]))


class State(NamedTuple):
    """State of a solve."""

    latents: Float[Tensor, "candidates 21 latent"]
    turn: Float[Tensor, "candidates 3"]
    """World rotation of the pelvis since the start, axis-angle."""
    decoded: Float[Tensor, "candidates 21 3 3"]
    """Rotations decoded from the latents."""
    residuals: Float[Tensor, "candidates residuals"]
    """All residuals except those of the prior."""


class ConstraintSolver:
    """A `qposer.least_squares.LeastSquares` problem; steps are accepted for each candidate independently."""

    def __init__(
        self,
        prior: CodePrior,
        start: OrientedPose,
        constraints: Sequence[Constraint],
        freedom: FreeJoints,
        options: SolverOptions,
    ) -> None:
        network = prior.network
        self.prior, self.start, self.freedom, self.options = prior, start, freedom, options
        self.constraints, self.moving = constraints, freedom.moving
        self.before = PosedSkeleton.of(start)
        self.heads = network.config.latent_dim
        codebooks = prior.model.quantizer.codebooks
        self.lowest, self.highest = (network.standardise(end.expand(21, -1, -1)) for end in _ends(codebooks))
        self.carried = [j for j in freedom.helping if PARENTS[j + 1] == 0] if freedom.pelvis else []
        stay = network.mean.new_full((NUM_BODY_JOINTS,), options.stay)
        stay[list(freedom.helping)] = options.follow
        stay[self.carried] = 0.0
        self.stay = stay[self.moving, None, None]
        names = {BODY_JOINT_NAMES[j] for j in self.moving}
        self.arms = [side for side in ("left", "right") if f"{side}_shoulder" in names]
        self.inside = penetration(self.before, self.arms)
        self.ranges = [angle for angle in ANGLES.values() if names.issuperset(angle.joints)]

    def starts(self, candidates: int) -> Float[Tensor, "candidates 21 latent"]:
        """The start pose's latents, and those with the moving joints of the best prior samples."""
        latents = self.prior.standard_latents(self.start.body_pose)
        starts = latents.expand(candidates, -1, -1).clone()
        if candidates == 1:
            return starts
        draws = _draws(self.prior)
        residuals = self.residuals(draws.body_pose, latents.new_zeros(len(draws.body_pose), 3))
        suited = squared(residuals).argsort()[: POOL * (candidates - 1)]
        far = farthest_points(draws.latents[suited][:, self.moving].flatten(1).numpy(force=True), candidates - 1)
        starts[1:, self.moving] = draws.latents[suited[far]][:, self.moving]
        return starts

    def decode(self, latents: Float[Tensor, "*batch 21 latent"]) -> Float[Tensor, "*batch 21 3 3"]:
        """Rotations of all joints."""
        raw = self.prior.network.unstandardise(latents)
        return self.prior.model.decode_latents(raw.unflatten(-1, self.prior.model.config.latent_shape[1:]))

    def posture(self, decoded: Float[Tensor, "*batch 21 3 3"], turn: Float[Tensor, "*batch 3"]) -> OrientedPose:
        """The oriented pose with decoded moving joints and rotated pelvis.

        Args:
            decoded: rotations of the body joints, relative to the parents.
            turn: axis-angle of the pelvis, radians, relative to the start.

        Returns:
            The oriented pose; fixed joints have their initial rotations.
        """
        body_pose = self.start.body_pose.expand(decoded.shape).clone()
        body_pose[..., self.moving, :, :] = decoded[..., self.moving, :, :]
        orient = self.start.global_orient.expand(*decoded.shape[:-3], 3, 3)
        return OrientedPose(body_pose, axis_angle_to_matrix(turn) @ orient if self.freedom.pelvis else orient)

    def residuals(
        self, decoded: Float[Tensor, "*batch 21 3 3"], turn: Float[Tensor, "*batch 3"]
    ) -> Float[Tensor, "*batch residuals"]:
        """Residuals of all terms except the prior's.

        Args:
            decoded: rotations of the body joints, relative to the parents.
            turn: axis-angle of the pelvis, radians, relative to the start.

        Returns:
            One number for each term; the sum of their squares is the cost.
        """
        posture = self.posture(decoded, turn)
        skeleton = PosedSkeleton.of(posture)
        residuals = [constraint.residual(skeleton) / EXACTNESS[constraint.unit] for constraint in self.constraints]
        for angle in self.ranges:
            value = angle.measure(skeleton)
            residuals.append(((value - angle.high).clamp(min=0) - (angle.low - value).clamp(min=0)) / RANGE_UNIT)
        moved = posture.body_pose[..., self.moving, :, :] - self.start.body_pose[self.moving]
        rest = [(self.stay / 2**0.5 * moved).flatten(-3)]
        rest.append((penetration(skeleton, self.arms) - self.inside).clamp(min=0) / DEPTH_UNIT)
        if self.freedom.pelvis:
            rest.append(self.options.follow / 3 * turn)
        for joint in self.carried:
            drift = skeleton.world[..., joint + 1, :, :] - self.before.world[joint + 1]
            rest.append(CARRIED / 2**0.5 * drift.flatten(-2))
        return torch.cat([torch.stack(residuals, dim=-1), *rest], dim=-1)

    def jacobian(self, state: State) -> Float[Tensor, "candidates residuals unknowns"]:
        """Jacobian of the residuals by the moving joints' latents and the pelvis rotation, by forward differences."""
        nudged = self.decode(state.latents[:, None] + NUDGE * _identity(self.heads, state.latents)[:, None])
        columns = len(self.moving) * self.heads
        tried = state.decoded[:, None].expand(-1, columns, -1, -1, -1).clone()
        for place, joint in enumerate(self.moving):
            tried[:, place * self.heads : (place + 1) * self.heads, joint] = nudged[:, :, joint]
        turn = state.turn[:, None].expand(-1, columns, -1)
        if self.freedom.pelvis:
            tried = torch.cat([tried, state.decoded[:, None].expand(-1, 3, -1, -1, -1)], dim=1)
            turn = torch.cat([turn, state.turn[:, None] + NUDGE * _identity(3, state.turn)], dim=1)
        return ((self.residuals(tried, turn) - state.residuals[:, None]) / NUDGE).mT

    def aim(
        self,
        latents: Float[Tensor, "candidates 21 latent"],
        level: float,
        noise: Float[Tensor, "#candidates 21 latent"],
    ) -> Float[Tensor, "candidates moving latent"]:
        """The denoiser's prediction, with the fixed joints known.

        Args:
            latents: standardised latents of all body joints.
            level: standard deviation of the added noise.
            noise: unit normal samples, scaled by the level.

        Returns:
            Expected clean latents of the moving joints (Tweedie's formula, as in Karras et al., NeurIPS 2022).
        """
        levels = latents.new_full((NUM_BODY_JOINTS,), SIGMA_MIN)
        levels[self.moving] = level
        noisy = latents + levels[:, None] * noise
        aims: Tensor = self.prior.network.denoiser(noisy, levels.expand(noisy.shape[:-1]))[:, self.moving]
        return aims

    def begin_step(self, step: int, state: State) -> None:
        """Update the denoiser's prediction.

        Args:
            step: number of the step, from 0.
            state: current state.
        """
        (first, last), steps = self.options.noise, self.options.iterations
        level = first * (last / first) ** (step / max(steps - 1, 1))
        self.target = self.aim(state.latents, level, self.noise)

    def cost(self, state: State) -> Float[Tensor, " candidates"]:
        """Sum of squares of all terms."""
        return squared(state.residuals) + squared(self._pull(state))

    def linearise(self, state: State) -> Equations:
        """Normal equations; their stiffness is the curvature's diagonal (Marquardt)."""
        jacobian, own = self.jacobian(state), len(self.moving) * self.heads
        curvature, slope = jacobian.mT @ jacobian, (jacobian.mT @ state.residuals[..., None]).squeeze(-1)
        diagonal = curvature.diagonal(dim1=-2, dim2=-1)
        diagonal[:, :own] += self.weight**2
        slope[:, :own] += self.weight * self._pull(state)
        return Equations(curvature, slope, diagonal + LEAST_STIFFNESS)

    def moved(self, state: State, step: Step) -> State:
        """The state after a step; latents are clamped to the outermost codes.

        Args:
            state: current state.
            step: changes of the moving joints' latents, and of the pelvis' turn where it is free.

        Returns:
            The candidate.
        """
        own = len(self.moving) * self.heads
        latents = state.latents.clone()
        latents[:, self.moving] += step.own[:, :own].unflatten(1, (-1, self.heads))
        latents = torch.minimum(torch.maximum(latents, self.lowest), self.highest)
        return self.state(latents, state.turn + step.own[:, own:] if self.freedom.pelvis else state.turn)

    def state(self, latents: Float[Tensor, "candidates 21 latent"], turn: Float[Tensor, "candidates 3"]) -> State:
        """A state with all values derived from its unknowns.

        Args:
            latents: standardised.
            turn: world rotation of the pelvis, axis-angle in radians.

        Returns:
            The state.
        """
        decoded = self.decode(latents)
        return State(latents, turn, decoded, self.residuals(decoded, turn))

    def run(self, starts: Float[Tensor, "candidates 21 latent"], generator: torch.Generator) -> State:
        """Improve all candidates.

        Args:
            starts: initial latents, standardised.
            generator: random generator of the prior's noise.

        Returns:
            The final state.
        """
        self.noise = normal_noise(starts.shape, starts, generator)
        weights = islice(cycle(PRIOR_WEIGHTS), len(starts))
        self.weight = self.options.pull * starts.new_tensor(list(weights))[:, None]
        return minimise(self, self.state(starts, starts.new_zeros(len(starts), 3)), self.options.iterations, DAMPING)

    def _pull(self, state: State) -> Float[Tensor, "candidates unknowns"]:
        """Weighted distances of the moving joints' latents from the denoiser's prediction."""
        return self.weight * (state.latents[:, self.moving] - self.target).flatten(1)


def _identity(size: int, like: Tensor) -> Float[Tensor, "size size"]:
    return torch.eye(size, dtype=like.dtype, device=like.device)


def _ends(codebooks: Float[Tensor, "heads codes dim"]) -> tuple[Tensor, Tensor]:
    """The lowest and highest values of codes."""
    return codebooks.amin(1), codebooks.amax(1)


def squared(rows: Float[Tensor, "candidates rows"]) -> Float[Tensor, " candidates"]:
    """Sums of squares."""
    return rows.square().sum(-1)
