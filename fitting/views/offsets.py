"""By how many frames unsynchronised videos of one person are apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.views.rig import Rig

FARTHEST = 60
"""Frames: larger offsets are not looked for."""

MOST_FRAMES = 150
"""Of each video that are compared, evenly spread."""

LEAST_COMMON = 8
"""Frames at least that two videos must have in common."""

CLEARLY = 0.8
"""Rays must pass each other this much closer than those of videos as they are, for an offset to be taken."""

SWEEPS = 2
"""In which each view's offset is looked for, those of the others held."""

LEAST_GAIN = 0.003
"""And by so many metres, less than which detectors' errors bring about."""

_APART = 0.5
"""Metres: rays that are farther apart count as so far."""


def estimate_offsets(rig: Rig, tracks: Sequence[TrackedKeypoints]) -> list[int]:
    """The frame of each video at which the first one's frame 0 was taken.

    The rays of one person's keypoints in two views meet if these are of the same moment. Of a person who does not move
    no offset can be told; then, as wherever none is clearly better, it is zero.

    Args:
        rig: the cameras.
        tracks: the person in each camera's video, in undistorted pixels.

    Returns:
        Frames; the first is 0.
    """
    pairs: dict[tuple[int, int, int], float] = {}

    def apart(view: int, offsets: Sequence[int]) -> float:
        """How far the rays of a view pass those of the others that it has enough in common with, on average."""
        distances = []
        for other in range(len(tracks)):
            if other != view:
                key = (other, view, offsets[view] - offsets[other])
                if key not in pairs:
                    pairs[key] = _distance(rig, tracks, *key)
                distances.append(pairs[key])
        finite = [distance for distance in distances if distance < np.inf]
        return float(np.mean(finite)) if finite else np.inf

    found = [0] * len(tracks)
    for _ in range(SWEEPS):
        for view in range(1, len(tracks)):
            candidates = [[*found[:view], offset, *found[view + 1 :]] for offset in range(-FARTHEST, FARTHEST + 1)]
            distances = [apart(view, candidate) for candidate in candidates]
            best = int(np.argmin(distances))
            as_it_is = apart(view, [*found[:view], 0, *found[view + 1 :]])
            if distances[best] < min(CLEARLY * as_it_is, as_it_is - LEAST_GAIN):
                found = candidates[best]
    return found


def _common(
    first: Int[np.ndarray, " seen"], other: Int[np.ndarray, " _seen"]
) -> tuple[Int[np.ndarray, " common"], Int[np.ndarray, " common"]]:
    """Rows of the frames that both have."""
    _, rows, others = np.intersect1d(first, other, return_indices=True)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_FRAMES)).astype(int)) if len(rows) else rows
    return rows[chosen], others[chosen]


def _distance(rig: Rig, tracks: Sequence[TrackedKeypoints], first: int, view: int, offset: int) -> float:
    """How far rays of two views pass each other on average, in metres, the second so many frames behind the first."""
    rows, others = _common(tracks[first].frames, tracks[view].frames - offset)
    if len(rows) < LEAST_COMMON:
        return np.inf
    seen = [tracks[first].keypoints[rows.tolist()], tracks[view].keypoints[others.tolist()]]
    known = seen[0].seen & seen[1].seen
    if not known.any():
        return np.inf
    weight = np.zeros((*known.shape, len(rig.focal)))
    xy = np.zeros((*weight.shape, 2))
    for number, one in zip((first, view), seen, strict=True):
        xy[:, :, number], weight[:, :, number] = one.xy, known
    distance = rig.off(rig.triangulate(xy, weight), xy)[..., [first, view]].mean(-1)
    return float(np.minimum(distance, _APART)[known].mean())
