"""Fit the fingers and wrists of fitted bodies to keypoints of hands.

Each hand is fitted with the prior of hands (`fitting.hands.problem`), where the arm ends. The wrist then turns as the
hand does; the twist is shared with the elbow, as the forearm's bones do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from fitting.body.body import Body
from fitting.hands.initial import hand_from_landmarks
from fitting.hands.problem import HandProblem
from fitting.hands.skeleton import HandSkeleton
from fitting.hands.template import TemplateHands
from fitting.inputs.camera import Camera
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.optimise.pose_space import RelaxedCodes
from fitting.terms.term import Posed
from qposer.body_pose.kinematics import forward_kinematics
from qposer.body_pose.rotations import axis_angle_to_matrix, reflected, turn_about
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, REST_JOINTS

TWISTS = (0.0, 90.0, 180.0, 270.0)
"""Starts without positions in metres: the fitted wrist, twisted about the forearm by these degrees."""

ELBOWS_SHARE = 0.7
"""Part of the forearm's twist that the elbow takes."""

REACH = 0.15
"""Metres in the picture's plane: hands that are farther from the end of the arm do not belong to it."""

MOST_BENT, MOST_TWISTED = math.radians(85), math.radians(130)
"""Angles of the wrist's bend and the forearm's twist beyond which a hand is not that of this arm."""


@dataclass(frozen=True)
class FittedHands:
    """Hands of people."""

    body_pose: Float[Tensor, "people 21 3 3"]
    """The body's pose with elbows and wrists turned as the hands are."""
    hand_pose: Float[Tensor, "people 30 3 3"]
    """Relative to the body's rest; zero for hands without keypoints that fit the arm."""
    fitted: Bool[Tensor, "people 2"]
    """Whether a hand has keypoints that fit the arm."""


def fit_hands(
    body: Body,
    space: RelaxedCodes,
    hands: HandKeypoints,
    camera: Camera,
    orient: Float[Tensor, "people 3 3"],
    body_pose: Float[Tensor, "people 21 3 3"],
    betas: Float[Tensor, "people betas"],
    transl: Float[Tensor, "people 3"],
    seed: int = 0,
) -> FittedHands:
    """Fit the hands of fitted bodies.

    Args:
        body: a body with fingers.
        space: relaxed codes of the hand prior.
        hands: keypoints.
        camera: one for each person.
        orient: rotation of the pelvis, in camera axes.
        body_pose: rotations relative to the parents.
        betas: shape coefficients.
        transl: position, metres.
        seed: of the noise.

    Returns:
        Body poses with the wrists of the hands, and hand poses.
    """
    template = TemplateHands.of(body, betas)
    arms = _Arms.of(orient, body_pose)
    still = _identity(2 * len(orient)).unflatten(0, (-1, 2)).to(orient)
    pose, wrists = still.clone(), arms.hand.clone()
    found = torch.from_numpy(hands.found).to(orient.device)
    if found.any():
        places = body.hand_landmarks(orient, body_pose, betas, transl)[:, :, 0]
        fits, near = _fitted(space, template, hands, camera, arms, places, found, seed)
        whose, side = found.nonzero().unbind(-1)
        pose[whose, side] = fits.body_pose
        wrists[whose, side] = torch.where((side == 0)[:, None, None], reflected(fits.orient), fits.orient)
        found[whose, side] = near
    turned, plausible = arms.with_hands(body_pose, wrists)
    fitted = found & plausible
    for ends in (_ELBOWS, _WRISTS):
        both = torch.where(fitted[..., None, None], turned[:, ends], body_pose[:, ends])
        body_pose = body_pose.index_copy(1, torch.tensor(ends, device=both.device), both)
    hand_pose = torch.where(
        fitted.repeat_interleave(15, dim=1)[..., None, None], template.to_body(pose), still.flatten(1, 2)
    )
    return FittedHands(body_pose, hand_pose, fitted)


@dataclass(frozen=True)
class _Arms:
    """Rotations of both arms' ends, the left one first."""

    forearm: Float[Tensor, "people 2 3 3"]
    """Of the elbows, in camera axes."""
    hand: Float[Tensor, "people 2 3 3"]
    """Of the wrists, in camera axes."""

    @classmethod
    def of(cls, orient: Float[Tensor, "people 3 3"], body_pose: Float[Tensor, "people 21 3 3"]) -> _Arms:
        """The arms of bodies."""
        rotations = torch.cat([orient[:, None], body_pose], dim=1)
        world, _ = forward_kinematics(rotations, torch.from_numpy(REST_JOINTS[: rotations.shape[1]]).to(rotations))
        return cls(world[:, [1 + joint for joint in _ELBOWS]], world[:, [1 + joint for joint in _WRISTS]])

    def twisted(self, radians: float) -> Float[Tensor, "people 2 3 3"]:
        """Rotations of the wrists, twisted about the forearms."""
        return self.forearm @ axis_angle_to_matrix(radians * _FOREARMS.to(self.hand)) @ self.forearm.mT @ self.hand

    def with_hands(
        self, body_pose: Float[Tensor, "people 21 3 3"], hand: Float[Tensor, "people 2 3 3"]
    ) -> tuple[Float[Tensor, "people 21 3 3"], Bool[Tensor, "people 2"]]:
        """The pose with hands of these rotations, and whether a wrist can bend so."""
        axes = _FOREARMS.to(hand)
        wrist = self.forearm.mT @ hand
        twist = torch.remainder(turn_about(wrist, axes) + math.pi, 2 * math.pi) - math.pi
        bent = torch.acos((axes * (wrist @ axes[..., None])[..., 0]).sum(-1).clamp(-1, 1))
        shared = axis_angle_to_matrix(ELBOWS_SHARE * twist[..., None] * axes)
        pose = body_pose.clone()
        pose[:, _ELBOWS] = pose[:, _ELBOWS] @ shared
        pose[:, _WRISTS] = shared.mT @ wrist
        return pose, (bent < MOST_BENT) & (twist.abs() < MOST_TWISTED)


def _fitted(
    space: RelaxedCodes,
    template: TemplateHands,
    hands: HandKeypoints,
    camera: Camera,
    arms: _Arms,
    places: Float[Tensor, "people 2 3"],
    found: Bool[Tensor, "people 2"],
    seed: int,
) -> tuple[Posed, Bool[Tensor, " hands"]]:
    """The found hands, as right hands, from the best of several starts, and whether they are where the arms end."""
    whose, side = found.nonzero().unbind(-1)
    left = (side == 0)[:, None]
    like = places

    def chosen(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(like)[whose, side]

    seen_from, rest, confidence = camera[whose], template.rest[whose, side], chosen(hands.confidence)
    xy, wrist = chosen(hands.xy), places[whose, side]
    mirrored = torch.stack([2 * seen_from.centre[:, None, 0] - xy[..., 0], xy[..., 1]], dim=-1)
    xy = torch.where(left[..., None], mirrored, xy)
    wrist = torch.where(left, wrist * like.new_tensor([-1.0, 1.0, 1.0]), wrist)
    world = torch.zeros_like(rest) if hands.world is None else chosen(hands.world)
    world = torch.where(left[..., None], world * like.new_tensor([-1.0, 1.0, 1.0]), world)
    measured = (world != 0).flatten(1).any(-1)
    starts = torch.stack([arms.twisted(math.radians(twist))[whose, side] for twist in TWISTS])
    starts = torch.where(left[..., None], reflected(starts), starts)
    orient, guess = hand_from_landmarks(rest, torch.where(measured[:, None, None], world, rest))
    starts[0] = torch.where(measured[:, None, None], orient, starts[0])
    mean = space.decode(torch.zeros_like(space.encode(guess)))
    guess = torch.where(measured[:, None, None, None], guess, mean)
    length = torch.linalg.vector_norm(rest[:, 4], dim=-1) + (rest[:, 4:6].diff(dim=1).norm(dim=-1)[:, 0])
    size = seen_from.focal * length / wrist[:, 2]
    several, row = (~measured | (torch.arange(len(TWISTS), device=like.device) == 0)[:, None]).nonzero().unbind(-1)
    problem = HandProblem(
        HandSkeleton(rest[row]), space, xy[row], confidence[row], world[row][..., 2], measured[row].to(like),
        guess[row], wrist[row], size[row], seen_from[row],
    )  # fmt: skip
    fits = problem.solve(starts[several, row], seed)
    costs = torch.full(starts.shape[:2], torch.inf, dtype=like.dtype, device=like.device)
    costs[several, row] = problem.cost(fits)
    place = torch.zeros_like(costs, dtype=torch.long)
    place[several, row] = torch.arange(len(row), device=like.device)
    best = place.gather(0, costs.argmin(0, keepdim=True))[0]
    fits = Posed(*(part[best] if len(part) == len(row) else part for part in fits))
    off = fits.transl - wrist
    sideways = torch.linalg.vector_norm(off[:, :2], dim=-1)
    return fits, sideways < REACH


def _identity(hands: int) -> Float[Tensor, "hands 15 3 3"]:
    return torch.eye(3).expand(hands, 15, 3, 3)


_ELBOWS = [BODY_JOINT_NAMES.index("left_elbow"), BODY_JOINT_NAMES.index("right_elbow")]
_WRISTS = [BODY_JOINT_NAMES.index("left_wrist"), BODY_JOINT_NAMES.index("right_wrist")]
_FOREARMS = normalize(torch.from_numpy(REST_JOINTS[[20, 21]] - REST_JOINTS[[18, 19]]).float(), dim=-1)
