"""Fit bodies in world axes to keypoints in several calibrated views."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import torch

from fitting.hands.fit import FittedHands
from fitting.inputs.calibration import Axis, CalibratedCamera, up_direction
from fitting.inputs.keypoints import FORMATS, FormatName, Keypoints
from fitting.keypoints3d import upright
from fitting.models import FittingModels
from fitting.photos import on_image
from fitting.views.hands import hands_in_views
from fitting.views.matching import MatchedPerson, match_people
from fitting.views.result import ViewFit, ViewsResult
from fitting.views.rig import Rig
from fitting.views.solving import ViewsSolution, solve_views
from qposer import __version__
from qposer.body_pose.rotations import matrix_to_axis_angle

TORSO = (0.15, 1.2)
"""Range of torso lengths in metres, from small children to adults."""


def fit_people_in_views(
    models: FittingModels,
    views: Sequence[Keypoints | None],
    cameras: Sequence[CalibratedCamera],
    people: int = 1,
    up: Axis | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> list[ViewsResult]:
    """Fit bodies to people seen by at least two calibrated cameras at the same moment, in one batch.

    Args:
        models: body, prior and settings.
        views: keypoints in each camera's picture, in pixels, all of one format; None if nobody is found.
        cameras: one for each view, in the same order.
        people: maximum number of people.
        up: the direction against gravity in world axes; default: from the calibration, otherwise the axis nearest to
            the cameras' own upward directions.
        on_step: called after every step.

    Returns:
        One result for each person, the best agreement of views first.

    Raises:
        ValueError: there are fewer than two views, another number of cameras, different formats, keypoints outside
            the pictures, no person matched in two views, or settings of a photo's camera.
    """
    if people < 1:
        raise ValueError(f"the number of people must be at least 1, not {people}")
    models.settings.check_for_space()
    axis, direction = up_direction(check_cameras(cameras), up)
    straight = undistorted_views(views, cameras)
    rig, format = Rig.of(cameras), next(seen.format for seen in straight if seen is not None)
    matched = match_people(rig, straight, people)
    check_matched(rig, straight, matched, cameras)
    floor = max(seen.noise_floor for seen in straight if seen is not None)
    solution = solve_views(models, rig, matched, format, upright(direction.tolist()), floor, on_step)
    assert solution.problem.views is not None
    hands = models.fit_hands(hands_in_views(straight, matched, solution.problem.views), solution.estimate)
    return _results(models, views, cameras, matched, solution, hands, axis)


def check_cameras(cameras: Sequence[CalibratedCamera]) -> Sequence[CalibratedCamera]:
    """Check for at least two cameras at different positions.

    Raises:
        ValueError: there are fewer, or all have the same position.
    """
    if len(cameras) < 2:
        raise ValueError(f"several views need at least two cameras, not {len(cameras)}: fit a photo instead")
    places = [-camera.rotation.T @ camera.translation for camera in cameras]
    if max(float(np.linalg.norm(a - b)) for a, b in combinations(places, 2)) < 1e-6:
        raise ValueError("all cameras have the same position: give the translations of a calibration")
    return cameras


def undistorted_views(views: Sequence[Keypoints | None], cameras: Sequence[CalibratedCamera]) -> list[Keypoints | None]:
    """Undistort the views' keypoints to pixels of pinhole cameras; those outside the pictures become unseen.

    Args:
        views: keypoints in the pictures' pixels.
        cameras: one for each view.

    Returns:
        The views in the same order.

    Raises:
        ValueError: the numbers of views and cameras or the formats differ, nobody is seen, or keypoints lie outside.
    """
    if len(views) != len(cameras):
        raise ValueError(f"there are {len(views)} views and {len(cameras)} cameras: give one view for each camera")
    formats = sorted({seen.format for seen in views if seen is not None})
    if len(formats) != 1:
        found = f"keypoints of different formats ({', '.join(formats)})" if formats else "nobody in any view"
        raise ValueError(f"there is {found}: give views that show people, with keypoints of one format")
    straight: list[Keypoints | None] = []
    for seen, camera in zip(views, cameras, strict=True):
        if seen is not None:
            try:
                seen = seen if camera.size is None else on_image(seen, camera.size)
            except ValueError as error:
                raise ValueError(f"view {camera.name}: {error}") from None
            hands = seen.hands
            if hands is not None:
                hands = dataclasses.replace(hands, xy=camera.undistorted(hands.xy))
            seen = dataclasses.replace(seen, xy=camera.undistorted(seen.xy), world=None, hands=hands)
        straight.append(seen)
    return straight


def check_matched(
    rig: Rig,
    views: Sequence[Keypoints | None],
    matched: Sequence[MatchedPerson],
    cameras: Sequence[CalibratedCamera],
) -> None:
    """Reject views without a matched person, and calibrations that are not in metres.

    Args:
        rig: the cameras.
        views: undistorted keypoints.
        matched: people matched across views.
        cameras: cameras, named in messages.

    Raises:
        ValueError: the views or the calibration are invalid; the message names the probable cause.
    """
    shown = [view for view, seen in enumerate(views) if seen is not None]
    if len(shown) < 2:
        raise ValueError(f"people are seen only by camera {cameras[shown[0]].name}, but two cameras are required")
    format = next(seen.format for seen in views if seen is not None)
    pairs = [_of_pair(rig, views, pair) for pair in combinations(shown, 2)]
    clouds = [(one.points, one.point_confidence > 0) for one in matched] or [cloud for cloud, _ in pairs]
    lengths = [length for points, known in clouds if (length := _torso_length(points, known, format)) is not None]
    if lengths and not TORSO[0] < np.median(lengths) < TORSO[1]:
        raise ValueError(
            f"the torso of a person is {np.median(lengths):.3g} m long: the calibration must be in metres, and "
            "its cameras must be in the order of the views"
        )
    if not matched:
        if np.mean([behind for _, behind in pairs]) > 0.5:
            raise ValueError(
                "people are behind the cameras: R and t of the calibration must be world to camera "
                "(x_camera = R x_world + t)"
            )
        raise ValueError(
            "no two views agree on a person: check that views and cameras are in the same order, that the "
            "calibration belongs to them, and that the pictures were taken at the same moment"
        )


def _of_pair(
    rig: Rig, views: Sequence[Keypoints | None], pair: tuple[int, int]
) -> tuple[tuple[np.ndarray, np.ndarray], bool]:
    """Triangulate the largest people of two views: points, their validity, and whether most are behind a camera."""
    seen = [view for view in (views[pair[0]], views[pair[1]]) if view is not None]
    known = seen[0].seen[0] & seen[1].seen[0]
    xy, weight = np.zeros((len(known), len(views), 2)), np.zeros((len(known), len(views)))
    for view, one in zip(pair, seen, strict=True):
        xy[:, view], weight[:, view] = one.xy[0], known
    points = rig.triangulate(xy, weight)
    depth = rig.in_views(points[known])[:, list(pair), 2]
    return (points, known), bool(known.any() and np.median(depth, axis=0).min() <= 0)


def _torso_length(points: np.ndarray, known: np.ndarray, format: FormatName) -> float | None:
    """Distance in metres between the midpoints of shoulders and hips; None if unknown."""
    torso = list(FORMATS[format].torso)
    if not known[torso].all():
        return None
    return float(np.linalg.norm(points[torso[:2]].mean(0) - points[torso[2:]].mean(0)))


@torch.no_grad()
def _results(
    models: FittingModels,
    views: Sequence[Keypoints | None],
    cameras: Sequence[CalibratedCamera],
    matched: Sequence[MatchedPerson],
    solution: ViewsSolution,
    hands: FittedHands | None,
    up: Axis,
) -> list[ViewsResult]:
    estimate, seen = solution.estimate, solution.problem.views
    assert seen is not None
    body_pose = models.body_pose(estimate) if hands is None else hands.body_pose
    parameters = solution.orient, body_pose, estimate.betas, solution.transl
    joints = models.body.posed_landmarks(*parameters).joints
    if hands is None or models.hand_body is None:
        vertices = models.body(*parameters).vertices
    else:
        vertices = models.hand_body(*parameters, hand_pose=hands.hand_pose).vertices
    format = solution.problem.format
    landmarks = models.body.landmarks(estimate.orient, body_pose, estimate.betas, estimate.transl, format=format)
    distance = torch.linalg.vector_norm(seen.displacement(landmarks), dim=-1)
    error = (distance * seen.confidence).sum(-1) / seen.confidence.sum(-1).clamp(min=1e-9)
    depth = seen.in_views(landmarks)[..., 2].amin(-1)
    arrays = {
        "global_orient": matrix_to_axis_angle(solution.orient),
        "body_pose": matrix_to_axis_angle(body_pose),
        "betas": estimate.betas,
        "transl": solution.transl,
        "codes": models.model.encode_latents(models.space.latents(estimate.pose)),
        "joints": joints,
        "vertices": vertices,
    }
    numpy = {name: array.cpu().numpy() for name, array in arrays.items()}
    figures = [array.cpu().numpy() for array in (error, seen.height, seen.confidence, depth)]
    return [
        ViewsResult(
            **{name: array[person] for name, array in numpy.items()},
            faces=models.body.faces.cpu().numpy(),
            body=models.body.name,
            qposer_version=__version__,
            up=up,
            views=_view_fits(views, cameras, one, [figure[person] for figure in figures]),
            settings=models.settings.as_json,
            notes=tuple(hands.warnings(person)) if hands else (),
            hands=hands.poses(person) if hands else None,
        )
        for person, one in enumerate(matched)
    ]


def _view_fits(
    views: Sequence[Keypoints | None],
    cameras: Sequence[CalibratedCamera],
    matched: MatchedPerson,
    figures: Sequence[np.ndarray],
) -> tuple[ViewFit, ...]:
    """Results of one person by camera, from errors, heights, confidences and depths by view."""
    fits = []
    for view, (seen, camera) in enumerate(zip(views, cameras, strict=True)):
        error, height, confidence, depth = (figure[view] for figure in figures)
        if seen is None:
            fits.append(ViewFit(camera.name, "empty"))
        elif matched.person[view] < 0 or not confidence.any():
            fits.append(ViewFit(camera.name, "rejected", behind=bool(depth <= 0)))
        else:
            own = seen[int(matched.person[view])]
            exchanged = bool(matched.exchanged[view])
            if exchanged:
                mirror = list(FORMATS[own.format].mirror)
                own = dataclasses.replace(own, xy=own.xy[:, mirror], confidence=own.confidence[:, mirror], world=None)
            fits.append(
                ViewFit(camera.name, "used", exchanged, False, own, confidence > 0, float(error), float(height))
            )
    return tuple(fits)
