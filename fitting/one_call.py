"""The methods of `Fitter` as functions that load what they need: for a single fit."""

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
from fitting.optimise.schedule import FitSettings
from fitting.output.results import FitResult
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
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> list[FitResult]:
    """Fit bodies to the people on a photo, the largest first: `Fitter.fit_photo` in one call.

    Args:
        path: the photo.
        people: how many at most.
        focal: focal length in pixels; from the photo's EXIF, or else assumed from its size.
        keypoints: those of the people, where a detector other than the shipped one found them.
        start: bodies that another method found, in any order.
        body: the open body if left out.
        settings: of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person.

    Raises:
        FileNotFoundError: there is no such photo.
        ValueError: it is not a photo, nobody is found on it, or the keypoints lie outside of it.
    """
    fitter = Fitter(body, settings=settings, device=device)
    return fitter.fit_photo(path, people=people, focal=focal, keypoints=keypoints, start=start)


def fit_keypoints(
    keypoints: Keypoints,
    image_size: tuple[int, int],
    *,
    focal: float | None = None,
    start: StartBodies | None = None,
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> list[FitResult]:
    """Fit bodies to keypoints of the people on one image: `Fitter.fit_keypoints` in one call.

    Args:
        keypoints: of at least one person.
        image_size: width and height in pixels.
        focal: focal length in pixels; assumed from the image's size if left out.
        start: bodies that another method found, in any order.
        body: the open body if left out.
        settings: of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person, in the keypoints' order.

    Raises:
        ValueError: the keypoints lie outside of the image.
    """
    return Fitter(body, settings=settings, device=device).fit_keypoints(keypoints, image_size, focal=focal, start=start)


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
    """Fit bodies to keypoints in space: `Fitter.fit_keypoints_3d` in one call.

    Args:
        points: metres, in any axes of which ``up`` is known.
        confidence: from 0 to 1; all 1 if left out.
        format: which keypoints these are (`fitting.inputs.keypoints.FORMATS`).
        up: the direction against gravity.
        body: the open body if left out.
        settings: of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person, in the axes of the points.

    Raises:
        ValueError: the points are not finite or of another shape, too few are seen, all seen ones are on a line, or
            ``up`` is no direction.
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
        views: the keypoints in each camera's picture, in its pixels, all of one format; None where nobody is found.
        cameras: one for each view, in the same order (`fitting.read_cameras`).
        people: how many at most.
        up: the direction against gravity in world axes; as the calibration has it if left out.
        body: the open body if left out.
        settings: of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person, in world axes.

    Raises:
        ValueError: there are fewer than two views, another number of cameras, different formats, keypoints outside of
            the pictures, or nobody whom two views show alike.
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
        body: the open body if left out.
        settings: of the fit.
        device: where the optimisation runs.

    Returns:
        The parameters of every frame.

    Raises:
        FileNotFoundError: there is no such video.
        ValueError: it cannot be read, nobody is found in it, or not the person who was asked for.
    """
    fitter = Fitter(body, settings=settings, device=device)
    return fitter.fit_video(video, person=person, fps=fps, focal=focal, smoothness=smoothness, ground=ground)
