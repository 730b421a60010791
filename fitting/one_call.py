"""The methods of `Fitter` as functions that load the models for a single fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.calibration import Axis, CalibratedCamera
from fitting.inputs.keypoints import FormatName, Keypoints
from fitting.inputs.starts import StartBodies
from fitting.keypoints3d import Fit3DResult
from fitting.optimise.settings import FitSettings
from fitting.output.fit_result import FitResult
from fitting.video.clip_result import ClipResult
from fitting.video.ground import Ground
from fitting.video.tracking import Choice
from fitting.views.result import ViewsResult


def fit_image(
    path: str | Path,
    people: int = 1,
    *,
    focal: float | None = None,
    keypoints: Keypoints | None = None,
    start: StartBodies | None = None,
    hypotheses: int = 1,
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> list[FitResult]:
    """Fit bodies to the people on a photo, the largest first: `Fitter.fit_photo` in one call.

    Args:
        path: the photo.
        people: maximum number of people.
        focal: focal length in pixels; default: from the photo's EXIF, otherwise estimated from its size.
        keypoints: keypoints of the people from another detector; default: detect them.
        start: initial bodies from another method, in any order.
        hypotheses: maximum number of bodies to find for each person.
        body: body model; default: the open body.
        settings: settings of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person.

    Raises:
        FileNotFoundError: the photo does not exist.
        ValueError: the file is not a photo, nobody is found, or the keypoints are outside the photo.
    """
    fitter = Fitter(body, settings=settings, device=device)
    return fitter.fit_photo(path, people=people, focal=focal, keypoints=keypoints, start=start, hypotheses=hypotheses)


def fit_keypoints(
    keypoints: Keypoints,
    image_size: tuple[int, int],
    *,
    focal: float | None = None,
    start: StartBodies | None = None,
    hypotheses: int = 1,
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> list[FitResult]:
    """Fit bodies to keypoints of the people on one image: `Fitter.fit_keypoints` in one call.

    Args:
        keypoints: keypoints of at least one person.
        image_size: width and height in pixels.
        focal: focal length in pixels; default: estimated from the image's size.
        start: initial bodies from another method, in any order.
        hypotheses: maximum number of bodies to find for each person.
        body: body model; default: the open body.
        settings: settings of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person, in the keypoints' order.

    Raises:
        ValueError: the keypoints are outside the image.
    """
    fitter = Fitter(body, settings=settings, device=device)
    return fitter.fit_keypoints(keypoints, image_size, focal=focal, start=start, hypotheses=hypotheses)


def fit_keypoints_3d(
    points: Float[np.ndarray, "people joints 3"],
    *,
    confidence: Float[np.ndarray, "people joints"] | None = None,
    format: FormatName = "mediapipe",
    up: Sequence[float] = (0.0, 1.0, 0.0),
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> list[Fit3DResult]:
    """Fit bodies to 3D keypoints: `Fitter.fit_keypoints_3d` in one call.

    Args:
        points: positions in metres, in axes with known ``up``.
        confidence: from 0 to 1; default: 1.
        format: keypoint format (`fitting.inputs.keypoints.FORMATS`).
        up: the direction against gravity.
        body: body model; default: the open body.
        settings: settings of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person, in the axes of the points.

    Raises:
        ValueError: the points are not finite or have a wrong shape, too few are seen, all seen points are collinear, or
            ``up`` is not a direction.
    """
    fitter = Fitter(body, settings=settings, device=device)
    return fitter.fit_keypoints_3d(points, confidence=confidence, format=format, up=up)


def fit_views(
    views: Sequence[Keypoints | None],
    cameras: Sequence[CalibratedCamera],
    *,
    people: int = 1,
    up: Axis | None = None,
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> list[ViewsResult]:
    """Fit bodies to people in several calibrated views: `Fitter.fit_views` in one call.

    Args:
        views: keypoints in each camera's picture, in pixels, all of one format; None if nobody is found.
        cameras: one for each view, in the same order (`fitting.read_cameras`).
        people: maximum number of people.
        up: the direction against gravity in world axes; default: from the calibration.
        body: body model; default: the open body.
        settings: settings of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person, in world axes.

    Raises:
        ValueError: there are fewer than two views, another number of cameras, different formats, keypoints outside
            the pictures, or no person matched in two views.
    """
    return Fitter(body, settings=settings, device=device).fit_views(views, cameras, people=people, up=up)


def fit_video(
    video: str | Path,
    *,
    person: Choice = 0,
    fps: float | None = None,
    focal: float | None = None,
    smoothness: float = 1.0,
    ground: Ground | None = None,
    hands: bool = True,
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> ClipResult:
    """Fit a body to a person in a video: `Fitter.fit_video` in one call.

    Args:
        video: a video file, or a folder of its frames.
        person: how many people of the first frame that shows anybody are larger, or a point on the person there.
        fps: frames a second, in place of what the file says; 30 for a folder.
        focal: focal length in pixels; assumed from the video's size if left out.
        smoothness: factor on the weight of accelerations; 0 fits each frame for itself.
        ground: the ground below the camera, if known; estimated from the feet if left out and the camera stands.
        hands: also detect and fit hands.
        body: the open body if left out.
        settings: of the fit.
        device: where the optimisation runs.

    Returns:
        The parameters of every frame.

    Raises:
        FileNotFoundError: the video does not exist.
        ValueError: the video cannot be read, or nobody or not the selected person is found.
    """
    fitter = Fitter(body, settings=settings, device=device)
    return fitter.fit_video(
        video, person=person, fps=fps, focal=focal, smoothness=smoothness, ground=ground, hands=hands
    )
