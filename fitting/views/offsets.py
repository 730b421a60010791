"""Estimate the frame offsets between unsynchronised videos of one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.views.rig import Rig

FARTHEST = 60
"""Maximum offset in frames."""

MOST_FRAMES = 150
"""Number of compared frames of each video, evenly spread."""

LEAST_COMMON = 8
"""Minimum number of frames that two videos must have in common."""

CLEARLY = 0.8
"""Minimum relative reduction of the ray distance, compared with no offset, to accept an offset."""

SWEEPS = 2
"""Rounds of the search, in which one view's offset changes at a time."""

LEAST_GAIN = 0.003
"""Minimum absolute reduction in metres; detector errors cause smaller ones."""

_APART = 0.5
"""Upper limit of ray distances, metres."""


def estimate_offsets(rig: Rig, tracks: Sequence[TrackedKeypoints]) -> list[int]:
    """Estimate the frame of each video that shows the moment of the first video's frame 0.

    The rays of a person's keypoints in two views meet if they show the same moment. The offset of a person who does not
    move cannot be determined; then, and if none is clearly better, it is zero.

    Args:
        rig: the cameras.
        tracks: keypoints of the person in each camera's video, in undistorted pixels.

    Returns:
        Frames; the first is 0.
    """
    pairs: dict[tuple[int, int, int], float] = {}

    def apart(view: int, offsets: Sequence[int]) -> float:
        """Mean distance of a view's rays from those of other views with enough common frames."""
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
    """Rows of the common frames."""
    _, rows, others = np.intersect1d(first, other, return_indices=True)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_FRAMES)).astype(int)) if len(rows) else rows
    return rows[chosen], others[chosen]


def _distance(rig: Rig, tracks: Sequence[TrackedKeypoints], first: int, view: int, offset: int) -> float:
    """Mean distance in metres between the rays of two views, with the second delayed by ``offset`` frames."""
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
    distance = rig.ray_distance(rig.triangulate(xy, weight), xy)[..., [first, view]].mean(-1)
    return float(np.minimum(distance, _APART)[known].mean())
