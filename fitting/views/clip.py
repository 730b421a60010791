"""Fit one person in the videos of several calibrated cameras, with one shape and smooth motion."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.calibration import Axis, CalibratedCamera, up_direction
from fitting.inputs.keypoints import Keypoints
from fitting.keypoints3d import in_axes_of_points, upright
from fitting.models import FittingModels
from fitting.optimise.problem import Estimate, Problem
from fitting.optimise.schedule import POSE, WHOLE
from fitting.terms.smoothness import Smoothness
from fitting.terms.term import Unknown
from fitting.video.clip import SHAPE_FRAMES
from fitting.video.clip_problem import ClipSolver
from fitting.video.clip_stages import RESIDUAL, ROUGHNESS
from fitting.video.frames import Video, open_video
from fitting.video.hand_sightings import with_hands
from fitting.video.kept_work import KeptWork
from fitting.video.sightings import follow_person
from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.views.clip_hands import hands_of_clip, in_tracks, smooth_hands
from fitting.views.fit import check_cameras, check_matched, undistorted_views
from fitting.views.matching import MatchedPerson, match_people
from fitting.views.offsets import estimate_offsets
from fitting.views.result import ViewsClip
from fitting.views.rig import Rig
from fitting.views.solving import STAGES, reject_in_views, start_of_views
from qposer import __version__
from qposer.body_pose.rotations import matrix_to_axis_angle

SAME_RATE = 0.01
"""Maximum relative difference of the frame rates of synchronised videos."""

MOST_FRAMES = 600
"""Number of frames fitted jointly; motion is not smoothed across block boundaries."""


def fit_view_videos(
    models: FittingModels,
    videos: Sequence[Path],
    cameras: Sequence[CalibratedCamera],
    offsets: Sequence[int] | None = None,
    up: Axis | None = None,
    on_step: Callable[[], None] = lambda: None,
    hands: bool = True,
) -> ViewsClip:
    """Fit one body to the largest person in the videos of several cameras.

    Args:
        models: body, prior and settings.
        videos: one for each camera, with equal frame rates.
        cameras: cameras in the same order.
        offsets: frame of each video that shows the moment of the first video's frame 0; default: estimated.
        up: the direction against gravity in world axes; default: from the calibration.
        on_step: called after every searched frame and every step.
        hands: also detect and fit hands, if the body has fingers; otherwise they are rigid.

    Returns:
        The parameters of every frame.

    Raises:
        FileNotFoundError: a video is missing.
        ValueError: a video cannot be read, or its size or frame rate does not match the calibration or the first video;
            nobody is found, or no person is matched in two views.
    """
    check_cameras(cameras)
    opened = [open_video(video) for video in videos]
    notes = [
        note
        for video, camera in zip(opened, cameras, strict=True)
        if (note := camera.check_size((video.width, video.height), str(video.path)))
    ]
    _check_rates(opened)
    if offsets is not None and len(offsets) != len(videos):
        raise ValueError(f"there are {len(offsets)} offsets and {len(videos)} videos: give one for each")
    followed = [follow_person(video, 0, KeptWork(), on_step) for video in opened]
    tracks = [seen for seen, _ in followed]
    if hands and models.hand_body is not None:
        shown = zip(opened, followed, strict=True)
        tracks = [with_hands([seen], video, when, KeptWork(), on_step)[0] for video, (seen, when) in shown]
    return fit_tracks(models, tracks, cameras, offsets, up, notes, on_step)


def _check_rates(videos: Sequence[Video]) -> None:
    for video in videos:
        if abs(video.fps / videos[0].fps - 1) > SAME_RATE:
            raise ValueError(
                f"{video.path} has {video.fps:g} frames per second and {videos[0].path} {videos[0].fps:g}: "
                "convert the videos to one rate"
            )


def fit_tracks(
    models: FittingModels,
    tracks: Sequence[TrackedKeypoints],
    cameras: Sequence[CalibratedCamera],
    offsets: Sequence[int] | None = None,
    up: Axis | None = None,
    notes: Sequence[str] = (),
    on_step: Callable[[], None] = lambda: None,
) -> ViewsClip:
    """Fit one body to a person tracked in several videos.

    Args:
        models: body, prior and settings.
        tracks: the person's keypoints in each camera's video.
        cameras: cameras in the same order.
        offsets: frame of each video that shows the moment of the first video's frame 0; default: estimated.
        up: the direction against gravity in world axes; default: from the calibration.
        notes: notes for the result.
        on_step: called after every step.

    Returns:
        The parameters of every frame.

    Raises:
        ValueError: no two views agree on the person, or the settings have additional terms.
    """
    models.settings.check_for_space()
    axis, direction = up_direction(check_cameras(cameras), up)
    rig = Rig.of(cameras)
    straight = [_undistorted(track, camera) for track, camera in zip(tracks, cameras, strict=True)]
    known = tuple(estimate_offsets(rig, straight) if offsets is None else offsets)
    moments = moments_of(straight, known)
    people = {frame: match_people(rig, views, 1) for frame, views in moments.items()}
    matched = {frame: found[0] for frame, found in people.items() if found}
    check_matched(rig, next(iter(moments.values())), list(matched.values()), cameras)
    frames = np.arange(min(matched), max(matched) + 1)
    matched = {frame: in_tracks(one, straight, [frame + offset for offset in known]) for frame, one in matched.items()}
    rows = [_filled(matched, frame) for frame in frames.tolist()]
    fit = _ClipFit(models, rig, straight, upright(direction.tolist()), on_step)
    spread = np.unique(np.linspace(0, len(matched) - 1, SHAPE_FRAMES).round().astype(int))
    betas = fit.shape([matched[sorted(matched)[number]] for number in spread])
    parts = [fit.motion(rows[begin : begin + MOST_FRAMES], betas) for begin in range(0, len(rows), MOST_FRAMES)]
    joined: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    seen = (joined.pop("confidence") > 0).any(axis=-1)
    error = joined.pop("error")
    counted = np.maximum((error > 0).sum(0), 1)
    hands = smooth_hands(models, joined, torch.from_numpy(np.isin(frames, list(matched))), tracks[0].fps, betas)
    return ViewsClip(
        **joined,
        hands=hands,
        betas=betas[0].cpu().numpy(),
        pelvis=fit.pelvis(betas),
        frames=frames,
        matched=np.isin(frames, list(matched)),
        fps=tracks[0].fps,
        up=axis,
        offsets=known,
        cameras=tuple(camera.name for camera in cameras),
        used=np.asarray(seen)[np.isin(frames, list(matched))].mean(0),
        error_percent=error.sum(0) / counted,
        notes=tuple(notes),
        body=models.body.name,
        qposer_version=__version__,
    )


def _undistorted(track: TrackedKeypoints, camera: CalibratedCamera) -> TrackedKeypoints:
    (straight,) = undistorted_views([track.keypoints], [dataclasses.replace(camera, size=None)])
    assert straight is not None
    return dataclasses.replace(track, keypoints=straight)


def _filled(matched: Mapping[int, MatchedPerson], frame: int) -> MatchedPerson:
    """The person in a frame, or of the next matched frame, in no view."""
    if frame in matched:
        return matched[frame]
    nearest = matched[min(matched, key=lambda other: abs(other - frame))]
    nobody = np.full_like(nearest.person, -1)
    return dataclasses.replace(nearest, confidence=0.0 * nearest.confidence, person=nobody)


@dataclass(frozen=True)
class _ClipFit:
    """Fits of a clip's frames."""

    models: FittingModels
    rig: Rig
    tracks: Sequence[TrackedKeypoints]
    """Undistorted keypoints, all of one format, noise floor and frame rate."""
    to_camera: Tensor
    on_step: Callable[[], None]

    def shape(self, people: Sequence[MatchedPerson]) -> Float[Tensor, "1 shapes"]:
        """A common shape from otherwise independent fits of some frames."""
        problem, found, _ = self._start(people)
        found = dataclasses.replace(found, betas=found.betas.mean(0, keepdim=True))
        return self._improved(problem, found, (), WHOLE)[1].betas

    def motion(self, people: Sequence[MatchedPerson], betas: Float[Tensor, "1 shapes"]) -> dict[str, np.ndarray]:
        """Fit consecutive frames with smooth motion.

        Args:
            people: the matched person in each frame.
            betas: shape components.

        Returns:
            Parameters in world axes, errors in percent and confidences, and hands as of `hands_of_clip`, by frame.
        """
        problem, found, shift = self._start(people)
        factor = (self.tracks[0].fps / 30.0) ** 4
        smooth = [Smoothness(unknown, factor * weight) for unknown, weight in ROUGHNESS.items()]
        problem, found = self._improved(problem, dataclasses.replace(found, betas=betas), smooth, POSE)
        models = self.models
        found = dataclasses.replace(found, pose=models.space.commit(found.pose))
        if models.settings.residual:
            found = self._solver(problem, smooth).run(RESIDUAL, problem, found, self.on_step)
        found = dataclasses.replace(found, betas=betas.expand(len(people), -1))
        assert problem.views is not None
        hands = hands_of_clip(models, self.tracks, people, problem.views, found)
        return _measured(models, problem, found, self.to_camera.to(shift), shift) | (hands or {})

    def pelvis(self, betas: Float[Tensor, "1 shapes"]) -> Float[np.ndarray, "3"]:
        """Position of the shape's pelvis without orientation and translation."""
        rest = betas.new_zeros(1, 22, 3)
        joints = self.models.body.posed_landmarks(rest[:, 0], rest[:, 1:], betas).joints
        return joints[0, 0].cpu().numpy()

    def _start(self, people: Sequence[MatchedPerson]) -> tuple[Problem, Estimate, Tensor]:
        seen = self.tracks[0].keypoints
        return start_of_views(
            self.models, self.rig, people, seen.format, self.to_camera, seen.noise_floor, self.on_step
        )

    def _improved(
        self, problem: Problem, found: Estimate, smooth: Sequence[Smoothness], free: tuple[Unknown, ...]
    ) -> tuple[Problem, Estimate]:
        solver = self._solver(problem, smooth)
        for number, stage in enumerate(STAGES):
            if number:
                problem = reject_in_views(problem, solver.landmarks(problem, found), self.models)
            found = solver.run(dataclasses.replace(stage, free=free), problem, found, self.on_step)
        return problem, found

    def _solver(self, problem: Problem, smooth: Sequence[Smoothness]) -> ClipSolver:
        models, settings = self.models, self.models.settings
        terms = settings.all_terms(models.body, problem.format)
        return ClipSolver(models.body, models.space, settings.weights, settings.seed, smooth, terms)


@torch.no_grad()
def _measured(
    models: FittingModels, problem: Problem, found: Estimate, to_camera: Tensor, shift: Tensor
) -> dict[str, np.ndarray]:
    """Arrays of the clip's frames."""
    seen = problem.views
    assert seen is not None
    orient, transl = in_axes_of_points(models, found, to_camera, shift)
    body_pose = models.body_pose(found)
    joints = models.body.posed_landmarks(orient, body_pose, found.betas, transl).joints
    landmarks = models.body.landmarks(found.orient, body_pose, found.betas, found.transl, format=problem.format)
    distance = torch.linalg.vector_norm(seen.displacement(landmarks), dim=-1) * seen.confidence
    error = 100.0 * distance.sum(-1) / seen.confidence.sum(-1).clamp(min=1e-9) / seen.height
    arrays = {
        "global_orient": matrix_to_axis_angle(orient),
        "body_pose": matrix_to_axis_angle(body_pose),
        "transl": transl,
        "codes": models.model.encode_latents(models.space.latents(found.pose)),
        "joints": joints,
        "error": error,
        "confidence": seen.confidence,
    }
    return {name: array.cpu().numpy() for name, array in arrays.items()}


def moments_of(tracks: Sequence[TrackedKeypoints], offsets: Sequence[int]) -> dict[int, list[Keypoints | None]]:
    """Keypoints of all views by frame number of the first video, for frames seen in at least two views.

    Args:
        tracks: tracked keypoints of each video.
        offsets: frame of each video that shows the moment of the first video's frame 0.

    Returns:
        Views by frame.

    Raises:
        ValueError: no two videos show the person at the same moment.
    """
    numbers = [
        {int(frame) - offset: row for row, frame in enumerate(track.frames)}
        for track, offset in zip(tracks, offsets, strict=True)
    ]
    found = {}
    for frame in sorted(set().union(*numbers)):
        views = [track.keypoints[of[frame]] if frame in of else None for track, of in zip(tracks, numbers, strict=True)]
        if sum(view is not None for view in views) >= 2:
            found[frame] = views
    if not found:
        raise ValueError("no two videos show the person at the same moment: check the offsets")
    return found
