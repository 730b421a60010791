"""Fits of hands to noisy landmarks in a picture, with the prior, without it, and with a normal distribution."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.hands.gaussian import GaussianHands
from benchmarks.hands.held_out import HeldOut
from benchmarks.intervals import mean_interval
from benchmarks.tables import Table
from fitting.hands.problem import HandProblem, HandSpace, HandView, HandWeights
from fitting.hands.skeleton import HandSkeleton
from fitting.inputs.camera import Camera
from fitting.optimise.pose_space import RelaxedCodes
from qposer.body_pose.rotations import axis_angle_to_matrix, nearest_rotation
from qposer.hands.angles import angles_of, clamped, rotations_of
from qposer.hands.prior import HandPrior
from qposer.hands.skeleton import HAND

NOISES = (0.0, 0.02, 0.05)
"""Standard deviations of landmarks, as fractions of the hand's length in the picture."""

DISTANCE, FOCAL, CENTRE = (0.6, 3.0), 1200.0, 500.0
"""Metres from the camera, and pixels."""

FACED = 30.0
"""Standard deviation in degrees of the initial orientation about the true one."""


class AngleSpace:
    """Joint angles within their ranges, and the denoiser of a normal distribution of them."""

    def __init__(self, gaussian: GaussianHands) -> None:
        """Standardise by the distribution.

        Args:
            gaussian: distribution of flexion, spreading and twist.
        """
        self.mean = gaussian.mean.float().reshape(15, 3)
        self.std = gaussian.covariance.diagonal().sqrt().float().reshape(15, 3)
        scale = self.std.flatten()
        self.correlation = gaussian.covariance.float() / (scale[:, None] * scale)

    def encode(self, pose: Float[Tensor, "hands 15 3 3"]) -> Float[Tensor, "hands 15 3"]:
        """Standardised angles."""
        return (angles_of(pose) - self.mean) / self.std

    def decode(self, numbers: Float[Tensor, "hands 15 3"]) -> Float[Tensor, "hands 15 3 3"]:
        """The pose of standardised angles."""
        return rotations_of(numbers * self.std + self.mean)

    def bounded(self, numbers: Float[Tensor, "hands 15 3"]) -> Float[Tensor, "hands 15 3"]:
        """Angles within the anatomical ranges."""
        return (clamped(numbers * self.std + self.mean) - self.mean) / self.std

    def denoised(
        self, numbers: Float[Tensor, "*draws hands 15 3"], level: Float[Tensor, "*#draws #hands #joints"]
    ) -> Float[Tensor, "*draws hands 15 3"]:
        """The expected angles without noise.

        Args:
            numbers: standardised angles with noise.
            level: standard deviation of the noise, the same for all.

        Returns:
            Standardised angles.
        """
        noise = level.flatten()[0].square() * torch.eye(45)
        gain = torch.linalg.solve(self.correlation + noise, self.correlation)
        expected: Tensor = (numbers.flatten(-2) @ gain).unflatten(-1, (15, 3))
        return expected


def fits(prior: HandPrior, gaussian: GaussianHands, hands: HeldOut) -> Table:
    """Errors of fits to projected landmarks of held-out hands.

    Args:
        prior: the hand prior.
        gaussian: the normal distribution of angles.
        hands: held-out hands.

    Returns:
        A row for each noise: mean distances of the 21 landmarks relative to the wrist, in millimetres.
    """
    angles, codes = AngleSpace(gaussian), RelaxedCodes(prior.code_prior)
    free = HandWeights(prior=0.0, guess=0.0)
    methods: dict[str, tuple[HandSpace, HandWeights]] = {
        "prior": (codes, HandWeights()),
        "normal distribution of angles": (angles, HandWeights()),
        "codes without the prior": (codes, free),
        "ranges of angles alone": (angles, free),
    }
    rows = []
    for noise in NOISES:
        cells = []
        for space, weights in methods.values():
            error = errors(space, weights, axis_angle_to_matrix(hands.pose), noise)
            cells.append(f"{mean_interval(error, hands.group):.1f}")
        rows.append((f"{100 * noise:.0f} %", *cells))
    return Table(("noise", *methods), rows)


def fits_in_views(prior: HandPrior, hands: HeldOut) -> Table:
    """Errors of fits to projected landmarks of held-out hands in several calibrated cameras.

    Args:
        prior: the hand prior.
        hands: held-out hands.

    Returns:
        A row for each noise: mean distances of the 21 landmarks relative to the wrist, in millimetres.
    """
    space, pose = RelaxedCodes(prior.code_prior), axis_angle_to_matrix(hands.pose)
    columns = {"1 view": (1, False), "2 views": (2, False), "4 views": (4, False), "4 views, 1 mirrored": (4, True)}
    rows = []
    for noise in NOISES:
        found = [errors(space, HandWeights(), pose, noise, *column) for column in columns.values()]
        rows.append((f"{100 * noise:.0f} %", *(f"{mean_interval(error, hands.group):.1f}" for error in found)))
    return Table(("noise", *columns), rows)


@torch.no_grad()
def errors(
    space: HandSpace,
    weights: HandWeights,
    pose: Float[Tensor, "hands 15 3 3"],
    noise: float,
    views: int = 1,
    mirrored: bool = False,
) -> Float[Tensor, " hands"]:
    """Project hands, add noise, fit, and compare.

    Args:
        space: pose space of the fit.
        weights: weights of the fit.
        pose: true poses.
        noise: standard deviation of the landmarks, as a fraction of the hand's length.
        views: number of cameras, each in a random direction from the hand.
        mirrored: whether the last view shows the hand as in a mirror.

    Returns:
        Mean distance of the landmarks relative to the wrist, millimetres.
    """
    generator = torch.Generator().manual_seed(0)
    number = len(pose)
    skeleton = HandSkeleton(torch.from_numpy(HAND.rest_points).expand(number, -1, -1))
    orient = nearest_rotation(torch.randn(number, 3, 3, generator=generator))
    wrist = _place(number, generator)
    truth = skeleton.posed(orient, wrist, pose).landmarks
    seen = [_seen(truth, torch.eye(3).expand(number, 3, 3), wrist, noise, generator)]
    turn = math.radians(FACED) / math.sqrt(3) * torch.randn(number, 3, generator=generator)
    for _ in range(views - 1):
        rotation = nearest_rotation(torch.randn(number, 3, 3, generator=generator))
        seen.append(_seen(truth, rotation, _place(number, generator), noise, generator))
    if mirrored:
        xy = seen[-1].keypoints
        seen[-1] = replace(seen[-1], keypoints=torch.stack([2 * xy[:, :1, 0] - xy[..., 0], xy[..., 1]], dim=-1))
    mean = space.decode(torch.zeros_like(space.encode(pose)))
    problem = HandProblem(skeleton, space, seen, mean, torch.zeros(number), wrist, weights)
    found = problem.solve(axis_angle_to_matrix(turn) @ orient)
    relative = (found.landmarks - found.landmarks[:, :1]) - (truth - truth[:, :1])
    error: Tensor = 1000 * torch.linalg.vector_norm(relative, dim=-1).mean(-1)
    return error


def _place(number: int, generator: torch.Generator) -> Float[Tensor, "hands 3"]:
    """Random positions of wrists in a camera's axes, metres."""
    low, high = DISTANCE
    away = low * (high / low) ** torch.rand(number, generator=generator)
    aside = 0.3 * torch.randn(number, 2, generator=generator)
    return torch.cat([aside * away[:, None], away[:, None]], dim=-1)


def _seen(
    truth: Float[Tensor, "hands 21 3"],
    rotation: Float[Tensor, "hands 3 3"],
    wrist: Float[Tensor, "hands 3"],
    noise: float,
    generator: torch.Generator,
) -> HandView:
    """Landmarks with noise in cameras that have rotated axes and the wrists at given positions."""
    number = len(truth)
    translation = wrist - (rotation @ truth[:, 0, :, None])[..., 0]
    camera = Camera(torch.full((number,), FOCAL), torch.full((number, 2), CENTRE))
    size = FOCAL * 0.18 / wrist[:, 2]
    xy = camera.project(truth @ rotation.mT + translation[:, None])
    xy = xy + noise * size[:, None, None] * torch.randn(number, 21, 2, generator=generator)
    seen, unknown = torch.ones(number, 21), torch.zeros(number, 21)
    return HandView(xy, seen, unknown, unknown[:, 0], wrist, size, camera, rotation, translation)
