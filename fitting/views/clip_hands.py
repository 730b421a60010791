"""Hands of a person in a clip of several views: fitted frame by frame to all views, then smoothed in time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.hands.arms import Arms
from fitting.models import FittingModels
from fitting.optimise.problem import Estimate
from fitting.output.hand_poses import HandPoses
from fitting.terms.view_reprojection import ViewKeypoints
from fitting.video.clip_hands import HAND_ARRAYS, batches, hands_of_frames, smoothed
from fitting.video.kept_work import Arrays
from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.views.hands import hands_in_views
from fitting.views.matching import MatchedPerson
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle


def in_tracks(one: MatchedPerson, tracks: Sequence[TrackedKeypoints], frames: Sequence[int]) -> MatchedPerson:
    """A person matched at one moment, with the rows of each view's track instead of the people of that moment.

    Args:
        one: the person.
        tracks: keypoints of each view.
        frames: frame of each track at that moment.

    Returns:
        The person; views that do not show the person keep -1.
    """
    rows = [int(np.searchsorted(track.frames, frame)) for track, frame in zip(tracks, frames, strict=True)]
    return dataclasses.replace(one, person=np.where(one.person >= 0, rows, -1))


@torch.no_grad()
def hands_of_clip(
    models: FittingModels,
    tracks: Sequence[TrackedKeypoints],
    people: Sequence[MatchedPerson],
    cameras: ViewKeypoints,
    bodies: Estimate,
) -> Arrays | None:
    """Fit the hands of a person in every frame of a clip on its own, to all views that show them.

    Args:
        models: body, prior and settings.
        tracks: undistorted keypoints of each view.
        people: the person in each frame, as of `in_tracks`.
        cameras: the cameras, in the axes of the fit.
        bodies: the fitted bodies.

    Returns:
        Hands as of `fitting.video.clip_hands.hands_of_frames`; None without keypoints of hands, or if the body has no
        fingers.
    """
    views = hands_in_views([track.keypoints for track in tracks], people, cameras)
    if not views or models.hand_body is None:
        return None
    seen, parts = torch.from_numpy(np.any([view.keypoints.found.any(-1) for view in views], axis=0)), []
    for begin, end in batches(len(people)):
        rows, part = torch.arange(begin, end)[seen[begin:end]], bodies[torch.arange(begin, end)]
        fits = models.fit_hands([view[rows] for view in views], bodies[rows]) if len(rows) else None
        parts.append(hands_of_frames(models.body_pose(part), fits, rows - begin))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@torch.no_grad()
def smooth_hands(
    models: FittingModels,
    joined: dict[str, Any],
    searched: Bool[Tensor, " frames"],
    fps: float,
    betas: Float[Tensor, "1 shapes"],
) -> HandPoses | None:
    """Take the hands of single frames out of a clip's arrays, smooth them, and turn the wrists as they are.

    Wrists are smoothed in world axes: a straight elbow leaves open how far the forearm is twisted.

    Args:
        models: body, prior and settings.
        joined: parameters of every frame in world axes; changed in place.
        searched: frames in which hands were searched.
        fps: frames per second.
        betas: shape.

    Returns:
        The fingers; None if no hands were fitted.
    """
    fits = {name: joined.pop(name) for name in HAND_ARRAYS if name in joined}
    if not fits:
        return None
    orient, pose, transl = (torch.from_numpy(joined[name]) for name in ("global_orient", "body_pose", "transl"))
    orient, pose = axis_angle_to_matrix(orient), axis_angle_to_matrix(pose)
    forearms = Arms.of(orient, pose).forearm
    hands = smoothed(fits | {name: _turned(forearms, fits[name]) for name in ("rest", "wrists")}, searched, fps)
    hands = dataclasses.replace(hands, wrists=_turned(forearms.mT, hands.wrists))
    pose = hands.applied(pose)
    bodies = [part.to(models.device) for part in (orient, pose, betas.expand(len(pose), -1), transl)]
    joined["body_pose"] = matrix_to_axis_angle(pose).numpy()
    joined["joints"] = models.body.posed_landmarks(*bodies).joints.cpu().numpy()
    return hands.poses


def _turned(
    by: Float[Tensor, "frames 2 3 3"], axis_angle: Float[np.ndarray, "frames 2 3"]
) -> Float[np.ndarray, "frames 2 3"]:
    """Rotations after which others follow, axis-angle."""
    turned: np.ndarray = matrix_to_axis_angle(by @ axis_angle_to_matrix(torch.from_numpy(axis_angle))).numpy()
    return turned
