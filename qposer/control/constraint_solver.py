"""The solver that bends postures: Levenberg and Marquardt's method over relaxed codes.

What moves are standardised latents of the joints that may move, decoded by QPoser, and, where asked for, the
orientation of the pelvis. All other joints keep their rotations exactly. What shall be small are constraints, the
distance to where the code prior's denoiser sees human poses, the distance to the posture before, how far joints are
beyond their anatomical ranges, and how deep arms are inside the body. The Jacobian takes one decode a head: a joint's
latents move hardly anything but the joint itself, so all joints can be nudged in one go, and the nudged rotations be
tried one by one in the kinematic tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from qposer.control.constraints import Constraint, Unit
from qposer.prior.code_prior import DISPERSION, CodePrior
from qposer.prior.diffusion import SIGMA_MIN

EXACTNESS: dict[Unit, float] = {"degrees": 2.0, "cm": 1.0}
"""A constraint that is off by this costs as much as all other terms do at their unit."""

RANGE_UNIT = 4.0
"""The same for joints beyond their anatomical ranges, degrees."""

DEPTH_UNIT = 2.0
"""The same for points of arms that get deeper into the body than they were, cm."""

CARRIED = 8.0
"""Weight, a radian, of how the legs are turned in space while the pelvis turns."""

NUDGE = 0.02
"""Of a standardised latent, and radians of the pelvis: finite differences for the Jacobian."""

DRAWS = 512
"""Poses of the prior's that further candidates may start from."""

TEMPERATURE = 1 / DISPERSION
"""Of these draws, which are a little nearer to the usual than recorded poses."""

POOL = 4
"""Of the draws that suit best, one in so many is started from: those that are most unlike each other."""

PRIOR_WEIGHTS = (1.0, 1.0, 2.0, 4.0)
"""How much the candidates heed the prior, in turn."""


@dataclass(frozen=True)
class SolverOptions:
    """How hard a solve tries, and what weighs how much beside the constraints."""

    iterations: int
    candidates: int
    """Starts for each answer, of which the best end is taken: the posture as it is, and draws of the prior."""
    noise: tuple[float, float]
    """Levels, first and last, of the noise that the prior is shown."""
    pull: float
    """Weight of the prior, a standard deviation of a latent."""
    stay: float
    """Weight of the posture before, a radian, for joints that move freely."""
    follow: float
    """The same for joints that help."""


@dataclass(frozen=True)
class FreeJoints:
    """What may move in a solve.

    Attributes:
        named: body joints, of the 21, that move freely.
        helping: those that move if need be.
        pelvis: whether the pelvis may turn; the legs then stay as they are in space, unless they are named.
    """

    named: tuple[int, ...]
    helping: tuple[int, ...] = ()
    pelvis: bool = False

    @classmethod
    def of(cls, named: Iterable[str], helping: Iterable[str] = (), pelvis: bool = False) -> FreeJoints:
        """From names of body joints; hips help where the pelvis turns.

        Args:
            named: joints that a constraint is about.
            helping: joints that move if need be.
            pelvis: whether the pelvis may turn.

        Returns:
            The freedom of these joints.

        Raises:
            ValueError: no joint may move.
        """
        free = {BODY_JOINT_NAMES.index(name) for name in named}
        help_ = {BODY_JOINT_NAMES.index(name) for name in (*helping, *(("left_hip", "right_hip") if pelvis else ()))}
        if not free | help_:
            raise ValueError("no joint may move: name some that may")
        return cls(tuple(sorted(free)), tuple(sorted(help_ - free)), pelvis)

    @property
    def moving(self) -> list[int]:
        """All body joints that may move, in ascending order."""
        return sorted({*self.named, *self.helping})


class Draws(NamedTuple):
    """Poses that the prior has drawn."""

    body_pose: Float[Tensor, "draws 21 3 3"]
    latents: Float[Tensor, "draws 21 latent"]
    """Standardised."""


_drawn: WeakKeyDictionary[CodePrior, Draws] = WeakKeyDictionary()


def _draws(prior: CodePrior) -> Draws:
    """The same poses at every call, drawn when they are first needed."""
    if prior not in _drawn:
        body_pose = prior.sample(DRAWS, TEMPERATURE, generator=torch.Generator().manual_seed(0))
        _drawn[prior] = Draws(body_pose, prior.network.standardise(prior.model.latents(body_pose)))
    return _drawn[prior]


class State(NamedTuple):
    """Where a solve stands."""

    latents: Float[Tensor, "candidates 21 latent"]
    turn: Float[Tensor, "candidates 3"]
    """Axis-angle by which the pelvis has turned in space."""


class ConstraintSolver:
    """Levenberg-Marquardt over some candidates at once, each with a damping of its own."""

    def __init__(
        self,
        prior: CodePrior,
        start: OrientedPose,
        constraints: Sequence[Constraint],
        freedom: FreeJoints,
        options: SolverOptions,
    ) -> None:
        self.prior, self.start, self.freedom, self.options = prior, start, freedom, options
        self.constraints, self.moving = constraints, freedom.moving
        self.before = PosedSkeleton.of(start)
        network = prior.network
        self.heads = network.config.latent_dim
        codebooks = prior.model.quantizer.codebooks
        self.lowest, self.highest = (network.standardise(end.expand(21, -1, -1)) for end in _ends(codebooks))
        self.carried = [j for j in freedom.helping if PARENTS[j + 1] == 0] if freedom.pelvis else []
        stay = torch.full((NUM_BODY_JOINTS,), options.stay)
        stay[list(freedom.helping)] = options.follow
        stay[self.carried] = 0.0
        self.stay = stay[self.moving, None, None]
        names = {BODY_JOINT_NAMES[j] for j in self.moving}
        self.arms = [side for side in ("left", "right") if f"{side}_shoulder" in names]
        self.inside = penetration(self.before, self.arms)
        self.ranges = [angle for angle in ANGLES.values() if names.issuperset(angle.joints)]

    def starts(self, candidates: int) -> Float[Tensor, "candidates 21 latent"]:
        """The posture's latents, and with them the moving joints of those draws of the prior that suit best."""
        latents = self.prior.network.standardise(self.prior.model.latents(self.start.body_pose))
        starts = latents.expand(candidates, -1, -1).clone()
        if candidates == 1:
            return starts
        draws = _draws(self.prior)
        residuals = self.residuals(draws.body_pose, torch.zeros(len(draws.body_pose), 3))
        suited = squared(residuals).argsort()[: POOL * (candidates - 1)]
        far = farthest_points(draws.latents[suited][:, self.moving].flatten(1).numpy(), candidates - 1)
        starts[1:, self.moving] = draws.latents[suited[far]][:, self.moving]
        return starts

    def decode(self, latents: Float[Tensor, "*batch 21 latent"]) -> Float[Tensor, "*batch 21 3 3"]:
        """Rotations of all joints."""
        raw = self.prior.network.unstandardise(latents)
        return self.prior.model.decode_latents(raw.unflatten(-1, self.prior.model.config.latent_shape[1:]))

    def posture(self, decoded: Float[Tensor, "*batch 21 3 3"], turn: Float[Tensor, "*batch 3"]) -> OrientedPose:
        """The posture with the moving joints as decoded, and the pelvis turned.

        Args:
            decoded: rotations of the body joints, relative to the parents.
            turn: axis-angle of the pelvis, radians, relative to where it began.

        Returns:
            The posture; joints that stay have the rotations they began with.
        """
        body_pose = self.start.body_pose.expand(decoded.shape).clone()
        body_pose[..., self.moving, :, :] = decoded[..., self.moving, :, :]
        orient = self.start.global_orient.expand(*decoded.shape[:-3], 3, 3)
        return OrientedPose(body_pose, axis_angle_to_matrix(turn) @ orient if self.freedom.pelvis else orient)

    def residuals(
        self, decoded: Float[Tensor, "*batch 21 3 3"], turn: Float[Tensor, "*batch 3"]
    ) -> Float[Tensor, "*batch residuals"]:
        """What shall be zero: all terms but the prior's pull.

        Args:
            decoded: rotations of the body joints, relative to the parents.
            turn: axis-angle of the pelvis, radians, relative to where it began.

        Returns:
            One number for each term; the sum of their squares is the cost.
        """
        posture = self.posture(decoded, turn)
        figure = PosedSkeleton.of(posture)
        asked = [constraint.residual(figure) / EXACTNESS[constraint.unit] for constraint in self.constraints]
        for angle in self.ranges:
            value = angle.measure(figure)
            asked.append(((value - angle.high).clamp(min=0) - (angle.low - value).clamp(min=0)) / RANGE_UNIT)
        moved = posture.body_pose[..., self.moving, :, :] - self.start.body_pose[self.moving]
        rest = [(self.stay / 2**0.5 * moved).flatten(-3)]
        rest.append((penetration(figure, self.arms) - self.inside).clamp(min=0) / DEPTH_UNIT)
        if self.freedom.pelvis:
            rest.append(self.options.follow / 3 * turn)
        for joint in self.carried:
            drift = figure.world[..., joint + 1, :, :] - self.before.world[joint + 1]
            rest.append(CARRIED / 2**0.5 * drift.flatten(-2))
        return torch.cat([torch.stack(asked, dim=-1), *rest], dim=-1)

    def jacobian(
        self, state: State, decoded: Float[Tensor, "candidates 21 3 3"], now: Float[Tensor, "candidates residuals"]
    ) -> Float[Tensor, "candidates residuals unknowns"]:
        """Of the residuals, by the latents of the moving joints and by the turn of the pelvis.

        Args:
            state: latents and turns at which it is taken.
            decoded: the rotations that the state's latents stand for.
            now: the residuals there.

        Returns:
            Derivatives, by forward differences.
        """
        nudged = self.decode(state.latents[:, None] + NUDGE * torch.eye(self.heads)[:, None])
        columns = len(self.moving) * self.heads
        tried = decoded[:, None].expand(-1, columns, -1, -1, -1).clone()
        for place, joint in enumerate(self.moving):
            tried[:, place * self.heads : (place + 1) * self.heads, joint] = nudged[:, :, joint]
        turn = state.turn[:, None].expand(-1, columns, -1)
        if self.freedom.pelvis:
            tried = torch.cat([tried, decoded[:, None].expand(-1, 3, -1, -1, -1)], dim=1)
            turn = torch.cat([turn, state.turn[:, None] + NUDGE * torch.eye(3)], dim=1)
        return ((self.residuals(tried, turn) - now[:, None]) / NUDGE).mT

    def aim(
        self,
        latents: Float[Tensor, "candidates 21 latent"],
        level: float,
        noise: Float[Tensor, "#candidates 21 latent"],
    ) -> Float[Tensor, "candidates moving latent"]:
        """Where the denoiser sees human poses, if the joints that stay are known to it.

        Args:
            latents: of all body joints, in standardised units.
            level: standard deviation of the noise that the denoiser is shown.
            noise: unit normal numbers to be scaled by the level.

        Returns:
            Expected clean latents of the moving joints (Tweedie's formula, as in Karras et al., NeurIPS 2022).
        """
        levels = torch.full((NUM_BODY_JOINTS,), SIGMA_MIN)
        levels[self.moving] = level
        noisy = latents + levels[:, None] * noise
        aims: Tensor = self.prior.network.denoiser(noisy, levels.expand(noisy.shape[:-1]))[:, self.moving]
        return aims

    def run(self, starts: Float[Tensor, "candidates 21 latent"], generator: torch.Generator) -> State:
        """Improve all candidates.

        Args:
            starts: latents to begin with, standardised.
            generator: draws the noise that the prior is shown.

        Returns:
            Where the candidates ended.
        """
        options, moving, own = self.options, self.moving, len(self.moving) * self.heads
        noise = torch.randn(starts.shape, generator=generator)
        weight = options.pull * torch.tensor(PRIOR_WEIGHTS)[torch.arange(len(starts)) % len(PRIOR_WEIGHTS), None]
        state = State(starts, torch.zeros(len(starts), 3))
        damping = torch.full((len(starts), 1), 1e-2)
        decoded = self.decode(state.latents)
        now = self.residuals(decoded, state.turn)
        for step in range(options.iterations):
            first, last = options.noise
            aim = self.aim(state.latents, first * (last / first) ** (step / max(options.iterations - 1, 1)), noise)
            jacobian = self.jacobian(state, decoded, now)
            pull = weight * (state.latents[:, moving] - aim).flatten(1)
            normal, slope = jacobian.mT @ jacobian, (jacobian.mT @ now[..., None]).squeeze(-1)
            normal.diagonal(dim1=-2, dim2=-1)[:, :own] += weight**2
            slope[:, :own] += weight * pull
            damped = normal + torch.diag_embed(damping * (normal.diagonal(dim1=-2, dim2=-1) + 1e-3))
            change = -torch.linalg.solve(damped, slope)

            latents = state.latents.clone()
            latents[:, moving] += change[:, :own].unflatten(1, (-1, self.heads))
            latents = torch.minimum(torch.maximum(latents, self.lowest), self.highest)
            turn = state.turn + change[:, own:] if self.freedom.pelvis else state.turn
            tried = self.decode(latents)
            after = self.residuals(tried, turn)
            pulled = weight * (latents[:, moving] - aim).flatten(1)
            better = squared(after) + squared(pulled) < squared(now) + squared(pull)
            damping = torch.where(better[:, None], damping / 3, damping * 5).clamp(1e-5, 1e4)
            state = State(*(_where(better, new, old) for new, old in zip((latents, turn), state, strict=True)))
            decoded, now = _where(better, tried, decoded), _where(better, after, now)
        return state


def _ends(codebooks: Float[Tensor, "heads codes dim"]) -> tuple[Tensor, Tensor]:
    """The lowest and the highest numbers that codes stand for."""
    return codebooks.amin(1), codebooks.amax(1)


def squared(rows: Float[Tensor, "candidates rows"]) -> Float[Tensor, " candidates"]:
    """Sums of squares."""
    return rows.square().sum(-1)


def _where(chosen: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(chosen.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
