"""Fit bodies to photos, 2D keypoints, 3D keypoints and videos, in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from fitting.inputs.calibration import Axis, CalibratedCamera
from fitting.inputs.detect import Detector, detect
from fitting.inputs.focal import checked_focal
from fitting.inputs.images import Photo, read_image
from fitting.inputs.keypoints import FormatName, Keypoints
from fitting.inputs.starts import StartBodies
from fitting.keypoints3d import Fit3DResult, fit_points
from fitting.models import FittingModels
from fitting.output.fit_result import FitResult
from fitting.photos import fit_images, fit_people
from fitting.refit import refit
from fitting.video.clip import ClipFit, fit_clips
from fitting.video.clip_result import ClipResult
from fitting.video.footage import Footage
from fitting.video.frames import Video, open_video
from fitting.video.ground import Ground
from fitting.video.hand_sightings import with_hands
from fitting.video.kept_work import KeptWork
from fitting.video.sightings import follow_people, follow_person
from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.video.tracking import Choice
from fitting.views.fit import fit_people_in_views
from fitting.views.result import ViewsResult


class Fitter(FittingModels):
    """A body model, a prior and settings; load once, fit often."""

    def fit_photo(
        self,
        photo: Photo | str | Path,
        *,
        people: int = 1,
        focal: float | None = None,
        keypoints: Keypoints | None = None,
        start: StartBodies | None = None,
        hypotheses: int = 1,
        hands: bool = True,
        detector: Detector | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> list[FitResult]:
        """Fit bodies to the largest ``people`` in a photo.

        Args:
            photo: a photo or its file.
            people: maximum number of people.
            focal: focal length in pixels; default: from the photo's EXIF, otherwise estimated from its size.
            keypoints: keypoints of the people; default: detected by the shipped detector.
            start: initial bodies from another method (`read_start`); the fit stays close to them where the keypoints
                allow it.
            hypotheses: maximum number of bodies to find for each person: the answer and its ``alternatives``.
            hands: also detect and fit hands, and keep those of ``start``; given keypoints have them or not.
            detector: an open detector, for many photos; default: one is opened for this photo.
            on_step: called after every step.

        Returns:
            One result for each person, the largest first.

        Raises:
            FileNotFoundError: the photo does not exist.
            ValueError: the file is not a photo, ``people`` is below 1, no person is found, or the keypoints lie outside
                the photo.
        """
        if people < 1:
            raise ValueError(f"the number of people must be at least 1, not {people}")
        photo = photo if isinstance(photo, Photo) else read_image(photo)
        if keypoints is None:
            keypoints = detect(photo.rgb, people, hands, detector)
        else:
            keypoints = keypoints.largest_first()[:people]
        if start is not None and not hands:
            start = dataclasses.replace(start, hand_pose=None, hands_found=None)
        size, known = (photo.width, photo.height), photo.focal_px if focal is None else focal
        results = self.fit_keypoints(keypoints, size, focal=known, start=start, hypotheses=hypotheses, on_step=on_step)
        return _with_focal_warning(results, photo) if focal is None else results

    def fit_photos(
        self,
        photos: Sequence[Photo],
        keypoints: Sequence[Keypoints],
        *,
        focal: float | None = None,
        hypotheses: int = 1,
    ) -> list[list[FitResult]]:
        """Fit bodies to the people in several photos in one batch, which is faster than one photo after another.

        Args:
            photos: the photos, of any sizes.
            keypoints: those of each photo, all of one format, with or without positions in metres.
            focal: focal length of all photos in pixels; default: as in `fit_photo`.
            hypotheses: maximum number of bodies to find for each person: the answer and its ``alternatives``.

        Returns:
            For each photo, one result for each person: those of `fit_photo`, up to rounding.

        Raises:
            ValueError: keypoints lie outside their photo, or ``hypotheses`` is below 1.
        """
        sizes = [(photo.width, photo.height) for photo in photos]
        focals = [photo.focal_px if focal is None else focal for photo in photos]
        results = fit_images(self, keypoints, sizes, focals, hypotheses)
        if focal is not None:
            return results
        return [_with_focal_warning(one, photo) for one, photo in zip(results, photos, strict=True)]

    def fit_keypoints(
        self,
        keypoints: Keypoints,
        image_size: tuple[int, int],
        *,
        focal: float | None = None,
        start: StartBodies | None = None,
        hypotheses: int = 1,
        on_step: Callable[[], None] = lambda: None,
    ) -> list[FitResult]:
        """Fit bodies to 2D keypoints of the people in one image, in one batch.

        Args:
            keypoints: keypoints of at least one person.
            image_size: width and height in pixels.
            focal: focal length in pixels; default: estimated from the image's size.
            start: initial bodies from another method, in any order.
            hypotheses: maximum number of bodies to find for each person: the answer and its ``alternatives``.
            on_step: called after every step.

        Returns:
            One result for each person, in the keypoints' order.

        Raises:
            ValueError: the keypoints are outside the image.
        """
        return fit_people(self, keypoints, image_size, focal, on_step, start, hypotheses)

    def refit(
        self,
        result: FitResult,
        *,
        moved: Mapping[str, tuple[float, float]] | None = None,
        unseen: Collection[str] = (),
        holds: Sequence[str] = (),
        height: float | None = None,
    ) -> FitResult:
        """Fit one person again after corrections, from an earlier result, which the fit stays close to.

        Args:
            result: earlier result.
            moved: pixels of keypoints that were placed by hand, by name; they are exact.
            unseen: names of keypoints to ignore.
            holds: what is known of the pose, in words: "left foot on the floor".
            height: known standing height in metres.

        Returns:
            The new result.

        Raises:
            ValueError: an unknown keypoint, a hold that is not understood, or too few keypoints that remain.
        """
        return refit(self, result, moved or {}, unseen, holds, height)

    def fit_keypoints_3d(
        self,
        points: Float[np.ndarray, "people joints 3"],
        *,
        confidence: Float[np.ndarray, "people joints"] | None = None,
        format: FormatName = "mediapipe",
        up: Sequence[float] = (0.0, 1.0, 0.0),
        on_step: Callable[[], None] = lambda: None,
    ) -> list[Fit3DResult]:
        """Fit bodies to 3D keypoints, in one batch.

        Args:
            points: positions in metres, in any axes; points of confidence 0 may have any finite value.
            confidence: from 0 to 1, default 1; at least four points per person must be seen.
            format: keypoint format (`fitting.inputs.keypoints.FORMATS`).
            up: upward direction in the axes of the points.
            on_step: called after every step.

        Returns:
            One result for each person, in the axes of the points.

        Raises:
            ValueError: the points are not finite or have a wrong shape, too few are seen, all seen points are
                collinear, or ``up`` is invalid.
        """
        return fit_points(self, points, confidence, format, up, on_step)

    def fit_views(
        self,
        views: Sequence[Keypoints | None],
        cameras: Sequence[CalibratedCamera],
        *,
        people: int = 1,
        up: Axis | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> list[ViewsResult]:
        """Fit bodies to people whom two calibrated cameras at least see at the same moment.

        Args:
            views: keypoints in each camera's picture, in pixels, all of one format; None if nobody is found. Their
                hands are fitted, too.
            cameras: one for each view, in the same order (`fitting.read_cameras`).
            people: maximum number of people.
            up: the direction against gravity in world axes; default: from the calibration.
            on_step: called after every step.

        Returns:
            One result for each person, in world axes, those whom the views agree on most first.

        Raises:
            ValueError: there are fewer than two views, another number of cameras, different formats, keypoints outside
                of the pictures, or no person matched in two views.
        """
        return fit_people_in_views(self, views, cameras, people, up, on_step)

    def fit_video(
        self,
        video: str | Path,
        *,
        person: Choice = 0,
        fps: float | None = None,
        focal: float | None = None,
        smoothness: float = 1.0,
        ground: Ground | None = None,
        hands: bool = True,
        on_step: Callable[[], None] = lambda: None,
    ) -> ClipResult:
        """Fit one body to a person in a video. `fitting.video.clip_run` also writes files and can resume.

        Args:
            video: a video file, or a folder of its frames.
            person: rank by size in the first frame with people (0 is the largest), or a point on the person in that
                frame.
            fps: frames per second; default: the file's rate, 30 for a folder.
            focal: focal length in pixels; default: estimated from the video's size.
            smoothness: factor on the smoothness weight; 0 fits each frame independently.
            ground: the ground below the camera, if known; default: estimated from the feet if the camera stands.
            hands: also detect and fit hands.
            on_step: called after every frame of the detection and every step of the optimiser.

        Returns:
            The parameters of every frame.

        Raises:
            FileNotFoundError: the video does not exist.
            ValueError: the video cannot be read, or does not show a person, or not the selected one.
        """
        opened, known = _opened(video, fps, focal)
        seen, when = follow_person(opened, person, KeptWork(), on_step)
        tracks = self._with_hands(opened, Footage((seen,), when), on_step) if hands else [seen]
        return self._fit_tracks(opened, tracks, known, smoothness, ground, on_step)[0]

    def fit_people_in_video(
        self,
        video: str | Path,
        *,
        people: int | None = None,
        fps: float | None = None,
        focal: float | None = None,
        smoothness: float = 1.0,
        ground: Ground | None = None,
        hands: bool = True,
        on_step: Callable[[], None] = lambda: None,
    ) -> list[ClipResult]:
        """Fit a body to each person in a video.

        Args:
            video: a video file, or a folder of its frames.
            people: maximum number of people; default: everybody.
            fps: frames per second; default: the file's rate, 30 for a folder.
            focal: focal length in pixels; default: estimated from the video's size.
            smoothness: factor on the smoothness weight; 0 fits each frame independently.
            ground: the ground below the camera, if known; default: estimated from the feet if the camera stands.
            hands: also detect and fit hands.
            on_step: called after every frame of the detection and every step of the optimiser.

        Returns:
            One result for each person, those who are seen largest and longest first.

        Raises:
            FileNotFoundError: the video does not exist.
            ValueError: the video cannot be read or does not show a person, or ``people`` is below 1.
        """
        if people is not None and people < 1:
            raise ValueError(f"the number of people must be at least 1, not {people}")
        opened, known = _opened(video, fps, focal)
        found = follow_people(opened, None, KeptWork(), on_step)
        found = dataclasses.replace(found, people=found.people[:people])
        tracks = self._with_hands(opened, found, on_step) if hands else found.people
        return self._fit_tracks(opened, tracks, known, smoothness, ground, on_step)

    def _with_hands(self, video: Video, found: Footage, on_step: Callable[[], None]) -> Sequence[TrackedKeypoints]:
        """The tracks with keypoints of hands, if the body has fingers."""
        if self.hand_body is None:
            return found.people
        return with_hands(found.people, video, found.when, KeptWork(), on_step)

    def _fit_tracks(
        self,
        video: Video,
        tracks: Sequence[TrackedKeypoints],
        focal: float | None,
        smoothness: float,
        ground: Ground | None,
        on_step: Callable[[], None],
    ) -> list[ClipResult]:
        size = (video.width, video.height)
        known = video.focal_px if focal is None else focal
        fits = [ClipFit(self, seen, size, known, smoothness, on_step=on_step) for seen in tracks]
        results = fit_clips(fits, ground)
        if focal is None and video.focal_warning is not None:
            return [dataclasses.replace(result, notes=(video.focal_warning,)) for result in results]
        return results


def _with_focal_warning(results: list[FitResult], photo: Photo) -> list[FitResult]:
    if photo.focal_warning is None:
        return results
    return [dataclasses.replace(one, notes=(photo.focal_warning, *one.notes)) for one in results]


def _opened(video: str | Path, fps: float | None, focal: float | None) -> tuple[Video, float | None]:
    """The video, and the given focal length if it is plausible."""
    opened = open_video(video, fps)
    return opened, None if focal is None else checked_focal(focal, opened.width, opened.height)
