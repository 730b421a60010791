"""Fit the fingers and wrists of fitted bodies to keypoints of hands, in one picture or in several calibrated views.

Each hand is fitted with the prior of hands (`fitting.hands.problem`), where the arm ends. The wrist then turns as the
hand does; the twist is shared with the elbow, as the forearm's bones do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.hands.arms import ELBOWS, WRISTS, Arms
from fitting.hands.initial import hand_from_landmarks
from fitting.hands.problem import HandProblem, HandView
from fitting.hands.skeleton import HandSkeleton
from fitting.hands.start import StartHands
from fitting.hands.template import TemplateHands
from fitting.inputs.camera import Camera
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.optimise.pose_space import RelaxedCodes
from fitting.output.hand_poses import HandPoses
from fitting.terms.term import Posed
from qposer.body_pose.rotations import matrix_to_axis_angle, reflected
from qposer.hands.smplh import SIDES

TWISTS = (0.0, 90.0, 180.0, 270.0)
"""Starts without positions in metres: the fitted wrist, twisted about the forearm by these degrees."""

REACH = 0.15
"""Metres in the pictures' planes: hands that are farther from the end of the arm do not belong to it."""

DISAGREES = 0.25
"""Mean distance from the keypoints of a view, as a fraction of the hand's length, from which the view is rejected."""

NEAREST = 0.1
"""Smallest assumed distance of a hand from a camera, metres."""

_SAME_AXES, _SAME_PLACE = torch.eye(3), torch.zeros(3)


@dataclass(frozen=True)
class HandsInView:
    """Keypoints of people's hands in one camera."""

    keypoints: HandKeypoints
    camera: Camera
    """One for each person."""
    rotation: Float[Tensor, "3 3"] = _SAME_AXES
    """From the axes of the bodies to those of the camera."""
    translation: Float[Tensor, "3"] = _SAME_PLACE
    """Metres."""

    def __getitem__(self, people: Int[Tensor, " chosen"]) -> HandsInView:
        """A selection of people."""
        return replace(self, keypoints=self.keypoints[people.tolist()], camera=self.camera[people])


@dataclass(frozen=True)
class FittedHands:
    """Hands of people."""

    body_pose: Float[Tensor, "people 21 3 3"]
    """The body's pose with elbows and wrists turned as the hands are."""
    hand_pose: Float[Tensor, "people 30 3 3"]
    """Relative to the body's rest; for hands without keypoints that fit the arm the start's, or else zero."""
    fitted: Bool[Tensor, "people 2"]
    """Whether a hand has keypoints that fit the arm."""
    found: Bool[Tensor, "people 2"]
    """Whether a hand is fitted or the start's."""
    unfitted: Bool[Tensor, "people 2"]
    """Whether a hand has keypoints, but none that fit the arm."""

    def poses(self, person: int) -> HandPoses:
        """A person's hands."""
        left, right = matrix_to_axis_angle(self.hand_pose[person]).cpu().numpy().reshape(2, -1, 3)
        return HandPoses(left, right, self.found[person].cpu().numpy())

    def warnings(self, person: int) -> list[str]:
        """A sentence for each hand of a person whose keypoints were not used."""
        return [
            f"the keypoints of the {side} hand do not fit the arm: its fingers are left "
            f"{'as they were' if found else 'at rest'}"
            for side, unfitted, found in zip(
                SIDES, self.unfitted[person].tolist(), self.found[person].tolist(), strict=True
            )
            if unfitted
        ]


def fit_hands(
    body: Body,
    space: RelaxedCodes,
    views: Sequence[HandsInView],
    orient: Float[Tensor, "people 3 3"],
    body_pose: Float[Tensor, "people 21 3 3"],
    betas: Float[Tensor, "people betas"],
    transl: Float[Tensor, "people 3"],
    start: StartHands | None = None,
    seed: int = 0,
) -> FittedHands:
    """Fit the hands of fitted bodies.

    Args:
        body: a body with fingers.
        space: relaxed codes of the hand prior.
        views: keypoints of the same people in each camera.
        orient: rotation of the pelvis.
        body_pose: rotations relative to the parents.
        betas: shape coefficients.
        transl: position, metres.
        start: initial hands, relative to the rest of ``body``; they are kept where a hand has no keypoints.
        seed: of the noise.

    Returns:
        Body poses with the wrists of the hands, and hand poses.
    """
    arms, template = Arms.of(orient, body_pose), TemplateHands.of(body, betas)
    still = torch.eye(3).expand(len(orient), 2, 15, 3, 3).to(orient)
    given = start or StartHands(still.flatten(1, 2), still.new_zeros(len(orient), 2, dtype=torch.bool), body.name)
    pose, wrists = still.clone(), arms.hand.clone()
    in_views = [torch.from_numpy(view.keypoints.found).to(orient.device) for view in views]
    seen = torch.stack([torch.zeros_like(given.found), *in_views]).any(0)
    near = seen.clone()
    if seen.any():
        whose, side = seen.nonzero().unbind(-1)
        places = body.hand_landmarks(orient, body_pose, betas, transl)[:, :, 0]
        hands = _Hands(whose, side, template.rest[whose, side], places[whose, side])
        starts = _starts(space, hands, views, arms, template.from_body(given.pose), given.found)
        fits, near[whose, side] = _fitted(space, hands, views, starts, seed)
        pose[whose, side] = fits.body_pose
        wrists[whose, side] = hands.as_right(fits.orient)
    turned, plausible = arms.with_hands(body_pose, wrists)
    fitted = near & plausible
    for ends in (ELBOWS, WRISTS):
        both = torch.where(fitted[..., None, None], turned[:, ends], body_pose[:, ends])
        body_pose = body_pose.index_copy(1, torch.tensor(ends, device=both.device), both)
    kept = torch.where(given.found[..., None, None, None], given.pose.unflatten(1, (2, 15)), still).flatten(1, 2)
    hand_pose = torch.where(fitted.repeat_interleave(15, dim=1)[..., None, None], template.to_body(pose), kept)
    return FittedHands(body_pose, hand_pose, fitted, fitted | given.found, seen & ~fitted)


class _Hands(NamedTuple):
    """The hands to fit. They are fitted as right hands: left ones are mirrored, and so are their cameras."""

    whose: Int[Tensor, " hands"]
    side: Int[Tensor, " hands"]
    rest: Float[Tensor, "hands 21 3"]
    """Of right hands."""
    place: Float[Tensor, "hands 3"]
    """Where the arms end, in the axes of the bodies, metres."""

    @property
    def left(self) -> Bool[Tensor, " hands"]:
        """The left hands."""
        return self.side == 0

    @property
    def signs(self) -> Float[Tensor, "hands 3"]:
        """Factors that mirror the coordinates of left hands."""
        return torch.where(self.left[:, None], self.place.new_tensor([-1.0, 1.0, 1.0]), self.place.new_ones(3))

    def as_right(self, rotations: Float[Tensor, "*starts hands 3 3"]) -> Float[Tensor, "*starts hands 3 3"]:
        """Rotations in the axes in which hands are fitted; its own inverse."""
        return torch.where(self.left[:, None, None], reflected(rotations), rotations)

    def rotation(self, view: HandsInView) -> Float[Tensor, "hands 3 3"]:
        """From the axes in which hands are fitted to those of their cameras."""
        return self.as_right(view.rotation.to(self.place).expand(len(self.side), 3, 3))

    def of(self, values: Float[np.ndarray, "people 2 ..."]) -> Float[Tensor, "hands ..."]:
        """Values of these hands."""
        return torch.from_numpy(values).to(self.place)[self.whose, self.side]

    def world(self, view: HandsInView) -> Float[Tensor, "hands 21 3"]:
        """Positions of the landmarks in the axes of their cameras, metres; zero if unknown."""
        if view.keypoints.world is None:
            return torch.zeros_like(self.rest)
        return self.signs[:, None] * self.of(view.keypoints.world)

    def in_view(self, view: HandsInView) -> HandView:
        """What a camera shows of them."""
        camera, xy, world = view.camera[self.whose], self.of(view.keypoints.xy), self.world(view)
        mirrored = torch.stack([2 * camera.centre[:, None, 0] - xy[..., 0], xy[..., 1]], dim=-1)
        rotation, translation = self.rotation(view), self.signs * view.translation.to(self.place)
        wrist = (rotation @ (self.signs * self.place)[..., None])[..., 0] + translation
        length = torch.linalg.vector_norm(self.rest[:, 4], dim=-1) + (self.rest[:, 4:6].diff(dim=1).norm(dim=-1)[:, 0])
        return HandView(
            torch.where(self.left[:, None, None], mirrored, xy),
            self.of(view.keypoints.confidence),
            depths=world[..., 2],
            depth_weight=_known(world).to(xy),
            wrist=wrist,
            size=camera.focal * length / wrist[:, 2].clamp(min=NEAREST),
            camera=camera,
            rotation=rotation,
            translation=translation,
            weight=torch.ones_like(wrist[:, 0]),
        )


class _Starts(NamedTuple):
    """Initial values of fits, several for each hand."""

    orient: Float[Tensor, "starts hands 3 3"]
    pose: Float[Tensor, "starts hands 15 3 3"]
    known: Bool[Tensor, "starts hands"]
    """Whether the pose is measured or given: the fit stays close to it."""
    used: Bool[Tensor, "starts hands"]


def _starts(
    space: RelaxedCodes,
    hands: _Hands,
    views: Sequence[HandsInView],
    arms: Arms,
    given: Float[Tensor, "people 2 15 3 3"],
    given_found: Bool[Tensor, "people 2"],
) -> _Starts:
    """The poses that single views show and the given ones, or for hands without such a pose the mean pose."""
    twisted = hands.as_right(torch.stack([arms.twisted(math.radians(by))[hands.whose, hands.side] for by in TWISTS]))
    pose, found = given[hands.whose, hands.side], given_found[hands.whose, hands.side]
    mean = space.decode(torch.zeros_like(space.encode(pose)))
    orients, poses, known = [], [], []
    for view in views:
        world = hands.world(view)
        measured = _known(world) & (hands.of(view.keypoints.confidence) > 0).any(-1)
        turn, bent = hand_from_landmarks(hands.rest, torch.where(measured[:, None, None], world, hands.rest))
        orients.append(hands.rotation(view).mT @ turn)
        poses.append(bent)
        known.append(measured)
    unknown = ~torch.stack([*known, found]).any(0)
    return _Starts(
        torch.stack([*orients, *twisted, twisted[0]]),
        torch.stack([*poses, *[mean] * len(TWISTS), pose]),
        torch.stack([*known, *[torch.zeros_like(found)] * len(TWISTS), found]),
        torch.stack([*known, *[unknown] * len(TWISTS), found]),
    )


def _fitted(
    space: RelaxedCodes, hands: _Hands, views: Sequence[HandsInView], starts: _Starts, seed: int
) -> tuple[Posed, Bool[Tensor, " hands"]]:
    """The hands, and whether they are where the arms end. Views that disagree with at least two others are rejected."""
    shown = [hands.in_view(view) for view in views]
    clear = torch.stack([view.confidence.square().sum(-1) for view in shown])
    alone = (clear > 0).sum(0) == 1
    shown = [
        replace(view, weight=share, depth_weight=view.depth_weight * alone)
        for view, share in zip(shown, clear / clear.amax(0), strict=True)
    ]
    fits = _best(space, hands, shown, starts, seed)
    agrees = _agreeing(shown, fits)
    rejected = (clear > 0) & ~agrees & (agrees.sum(0) >= 2)
    if rejected.any():
        shown = [replace(view, weight=view.weight * ~out) for view, out in zip(shown, rejected, strict=True)]
        fits = _best(space, hands, shown, starts, seed)
    sideways = torch.stack([torch.linalg.vector_norm(view.off_wrist(fits)[:, :2], dim=-1) for view in shown])
    near = ((sideways < REACH) | (clear == 0)).all(0)
    return fits, near & (alone | _agreeing(shown, fits).any(0))


def _agreeing(views: Sequence[HandView], fits: Posed) -> Bool[Tensor, "views hands"]:
    """The views whose keypoints are near the hands."""
    return torch.stack([(view.confidence > 0).any(-1) & (view.error(fits) < DISAGREES) for view in views])


def _best(space: RelaxedCodes, hands: _Hands, views: Sequence[HandView], starts: _Starts, seed: int) -> Posed:
    """The hands with the lowest costs, from all starts."""
    several, row = starts.used.nonzero().unbind(-1)
    like = hands.place
    problem = HandProblem(
        HandSkeleton(hands.rest[row]),
        space,
        [view[row] for view in views],
        starts.pose[several, row],
        starts.known[several, row].to(like),
        (hands.signs * hands.place)[row],
    )
    fits = problem.solve(starts.orient[several, row], seed)
    costs = torch.full(starts.used.shape, torch.inf, dtype=like.dtype, device=like.device)
    costs[several, row] = problem.cost(fits)
    place = torch.zeros_like(costs, dtype=torch.long)
    place[several, row] = torch.arange(len(row), device=like.device)
    best = place.gather(0, costs.argmin(0, keepdim=True))[0]
    return Posed(*(part[best] if len(part) == len(row) else part for part in fits))


def _known(world: Float[Tensor, "hands 21 3"]) -> Bool[Tensor, " hands"]:
    """Whether positions in metres are known."""
    return (world != 0).flatten(1).any(-1)
