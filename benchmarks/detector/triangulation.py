"""Detections in all views of a recording, and the keypoints triangulated from all views."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from benchmarks.multiview.recording import read_cameras
from fitting.inputs.detect import Detector
from fitting.video.frames import open_video

ROUNDS = 10
SCALE_PX = 12.0
"""Scale of the robust weights of a view's keypoints in pixels."""


@dataclass(frozen=True)
class Cameras:
    """Calibrated cameras without distortion; a point X projects to K (R X + t)."""

    intrinsics: Float[np.ndarray, "views 3 3"]
    rotation: Float[np.ndarray, "views 3 3"]
    shift: Float[np.ndarray, "views 3"]

    def seen(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points views 3"]:
        """Transform points to camera axes, metres."""
        return np.asarray(np.einsum("vij,pj->pvi", self.rotation, points) + self.shift)

    def project(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points views 2"]:
        """Project points, in metres, to pixels of every view."""
        pixels = np.einsum("vij,pvj->pvi", self.intrinsics, self.seen(points))
        return np.asarray(pixels[..., :2] / pixels[..., 2:])

    def triangulate(
        self, xy: Float[np.ndarray, "points views 2"], confidence: Float[np.ndarray, "points views"]
    ) -> Float[np.ndarray, "points 3"]:
        """Triangulate points with robust weights, which reduce the influence of views that disagree with the others.

        Args:
            xy: keypoints in every view, pixels.
            confidence: confidence of each keypoint; zero excludes a view.

        Returns:
            Points in world axes, metres.
        """
        projections = self.intrinsics @ np.concatenate([self.rotation, self.shift[..., None]], axis=-1)
        weights, depth = confidence, np.ones_like(confidence)
        points = np.zeros((len(xy), 3))
        for _ in range(ROUNDS):
            rows = xy[..., None] * projections[None, :, None, 2] - projections[None, :, :2]
            rows = rows * (weights / depth)[..., None, None]
            axes = np.linalg.svd(rows.reshape(len(xy), -1, 4))[2]
            points = axes[:, 3, :3] / axes[:, 3, 3:]
            distance = np.linalg.norm(self.project(points) - xy, axis=-1)
            weights, depth = confidence / np.sqrt(1.0 + (distance / SCALE_PX) ** 2), self.seen(points)[..., 2]
        return points


@dataclass(frozen=True)
class Triangulated:
    """A person in all frames of all views."""

    xy: Float[np.ndarray, "frames views 33 2"]
    confidence: Float[np.ndarray, "frames views 33"]
    """Zero for all keypoints of views without a detection."""
    landmarks: Float[np.ndarray, "frames views 33 3"]
    """Triangulated keypoints in camera axes, metres."""
    truth: Float[np.ndarray, "frames views 33 2"]
    """Triangulated keypoints in pixels."""
    focal: Float[np.ndarray, " views"]
    """Heights in pixels."""
    world: Float[np.ndarray, "frames views 33 3"]
    """The detector's positions in camera axes, metres."""


def triangulated(folder: Path) -> Triangulated:
    """Detect the person in every frame of every view of a recording, and triangulate.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the videos differ in length, or a file has unexpected contents.
    """
    calibrated = read_cameras(folder)
    views = [_detections(folder / f"{name}.mp4") for name in calibrated]
    if len({len(view) for view in views}) != 1:
        raise ValueError(f"{folder}: expected videos of equal length, found {[len(view) for view in views]} frames")
    seen = np.stack(views, axis=1)  # frames views 33 6
    cameras = Cameras(*(np.stack(part) for part in zip(*calibrated.values(), strict=True)))
    by_point = seen.swapaxes(1, 2).reshape(-1, len(views), 6)
    points = cameras.triangulate(by_point[..., :2], by_point[..., 2])
    shape = (len(seen), seen.shape[2], len(views))
    landmarks, truth = (
        positions.reshape(*shape, -1).swapaxes(1, 2) for positions in (cameras.seen(points), cameras.project(points))
    )
    return Triangulated(seen[..., :2], seen[..., 2], landmarks, truth, cameras.intrinsics[:, 0, 0], seen[..., 3:])


def _detections(clip: Path) -> Float[np.ndarray, "frames 33 6"]:
    """Pixels, confidence and position in metres of the largest person; zeros in frames without a detection."""
    found = []
    with Detector() as detector:
        for picture in open_video(clip).frames():
            person = detector.search(picture)
            rows = np.zeros((33, 6))
            if person is not None and person.world is not None:
                rows[:, :2], rows[:, 2], rows[:, 3:] = person.xy[0], person.confidence[0], person.world[0]
            found.append(rows)
    return np.stack(found)
