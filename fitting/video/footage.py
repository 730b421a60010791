"""The people of a video: detections put together to tracks, cut where somebody else may have taken over."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from fitting.inputs.keypoints import Keypoints
from fitting.video.appearance import colour_distance, person_scale
from fitting.video.camera_motion import camera_moves
from fitting.video.frame_times import Timing, timing
from fitting.video.left_right import with_steady_sides
from fitting.video.tracked_keypoints import TrackedKeypoints

LEAST_SECONDS = 0.3
"""Tracks that are seen for less are dropped if everybody is asked for: they are chairs and mixtures of people."""

AROUND = 8
"""Number of detections before and after a jump that are compared."""

_OTHER_COLOURS, _OTHER_SCALE = 0.55, 0.45
"""Differences of colours, and of the logarithm of the size, between the detections before and after a jump to somebody
else."""

_LONG_GAP = 1.0
"""Seconds out of sight that are worth a sentence."""


@dataclass(frozen=True)
class Detections:
    """Everybody who was detected in a video, in rows, and the frames."""

    frames: Int[np.ndarray, " rows"]
    numbers: Int[np.ndarray, " rows"]
    """Which person each is."""
    unsure: Bool[np.ndarray, " rows"]
    """For whom another person's track would have done nearly as well."""
    xy: Float[np.ndarray, "rows 33 2"]
    confidence: Float[np.ndarray, "rows 33"]
    world: Float[np.ndarray, "rows 33 3"]
    colours: Float[np.ndarray, "rows colours"]
    seconds: Float[np.ndarray, " frames"]
    cuts: Bool[np.ndarray, " frames"]
    """Frames that are of another shot than the one before."""
    shifts: Float[np.ndarray, "frames 2"]
    """Of the background since the last look; infinite between looks, NaN where it shows too little."""


@dataclass(frozen=True)
class Footage:
    """The people of a video."""

    people: tuple[TrackedKeypoints, ...]
    when: Timing
    """Times of all frames."""


def footage(detected: Detections, fps: float, focus: int | None) -> Footage:
    """Put detections together to people.

    Args:
        detected: all detections.
        fps: frames per second according to the file.
        focus: the one person to keep; None for everybody.

    Returns:
        People, those who are seen largest and longest first.
    """
    when = timing(detected.seconds, fps)
    moves = camera_moves(detected.shifts[np.isfinite(detected.shifts[:, 0]) | np.isnan(detected.shifts[:, 0])])
    people: list[tuple[float, TrackedKeypoints]] = []
    least = min(LEAST_SECONDS * when.fps, len(detected.seconds) / 2)
    for number in np.unique(detected.numbers) if focus is None else [focus]:
        rows = np.flatnonzero(detected.numbers == number)
        pieces = cut_where_others_begin(detected, rows)
        for index, piece in enumerate(pieces if focus is None else pieces[:1]):
            if focus is not None or len(piece) >= least:
                seen = _tracked(detected, piece, when, _notes(detected, pieces, index, when, focus is None))
                size = float(np.prod(np.diff(seen.keypoints.boxes.reshape(-1, 2, 2), axis=1), axis=-1).sum())
                people.append((size, dataclasses.replace(seen, camera_moves=moves)))
    people.sort(key=lambda one: -one[0])
    return Footage(tuple(seen for _, seen in people), when)


def cut_where_others_begin(detected: Detections, rows: Int[np.ndarray, " track"]) -> list[Int[np.ndarray, " piece"]]:
    """Cut a track where the person's colours or size are others from one frame to the next, and stay so.

    Args:
        detected: all detections.
        rows: those of the track.

    Returns:
        Rows of each piece.
    """
    colours, scale = detected.colours[rows], np.log(person_scale(_keypoints(detected, rows)))
    jumps = np.zeros(len(rows))
    for row in range(1, len(rows)):
        before, after = slice(max(0, row - AROUND), row), slice(row, row + AROUND)
        if min(row, len(rows) - row) < AROUND // 2:
            continue
        unlike = colour_distance(_mean_colours(colours[before]), _mean_colours(colours[after]))
        growth = abs(scale[before].mean() - scale[after].mean())
        jumps[row] = max(float(unlike) / _OTHER_COLOURS, growth / _OTHER_SCALE)
    cuts = [
        row
        for row in range(1, len(rows))
        if jumps[row] > 1 and jumps[row] == jumps[max(0, row - AROUND) : row + AROUND].max()
    ]
    return np.split(rows, cuts)


def _mean_colours(colours: Float[np.ndarray, "some colours"]) -> Float[np.ndarray, " colours"]:
    known = colours[colours.sum(-1) > 0]
    return np.asarray(known.mean(0) if len(known) else colours[0])


def _tracked(
    detected: Detections, rows: Int[np.ndarray, " piece"], when: Timing, notes: Sequence[str]
) -> TrackedKeypoints:
    numbers, first = np.unique(when.numbers[detected.frames[rows]], return_index=True)
    seen = TrackedKeypoints(_keypoints(detected, rows[first]), numbers, when.fps, notes=tuple(notes))
    seen, exchanged = with_steady_sides(seen)
    if not len(exchanged):
        return seen
    note = f"left and right of the detections were exchanged, and put right, in {_frames(exchanged)}"
    return dataclasses.replace(seen, notes=(*seen.notes, note))


def _notes(detected: Detections, pieces: Sequence[np.ndarray], index: int, when: Timing, everybody: bool) -> list[str]:
    """What happened to a piece of a track."""
    rows = pieces[index]
    numbers = when.numbers[detected.frames[rows]]
    notes = []
    other = "who is fitted as another person" if everybody else "who is not fitted"
    if index > 0:
        notes.append(f"from frame {numbers[0]} on: before, the track showed somebody of another size or other colours")
    if index + 1 < len(pieces):
        at = when.numbers[detected.frames[pieces[index + 1][0]]]
        notes.append(
            f"the track was cut at frame {at}, where it goes over to somebody of another size or other colours, {other}"
        )
    unsure = numbers[detected.unsure[rows]]
    if len(unsure):
        notes.append(f"another person was as likely in {_frames(unsure)}: check that it is the same person throughout")
    gaps = np.flatnonzero(np.diff(numbers) > _LONG_GAP * when.fps)
    notes += [f"out of sight from frame {numbers[gap] + 1} to {numbers[gap + 1] - 1}" for gap in gaps.tolist()]
    later = np.flatnonzero(detected.cuts)
    later = later[later > detected.frames[rows[-1]]]
    if len(later):
        at = when.numbers[later[0]]
        more = "people there are others in this result" if everybody else "give a video of that shot to fit it"
        notes.append(f"the video cuts to another shot at frame {at}: {more}")
    return notes


def _frames(numbers: Int[np.ndarray, " some"]) -> str:
    """A few ranges of frame numbers in words."""
    ranges = [part for part in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1) if len(part)]
    words = [str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in ranges[:5]]
    more = f" and {len(ranges) - 5} more ranges" if len(ranges) > 5 else ""
    return f"frame{'s' if len(numbers) > 1 else ''} {', '.join(words)}{more}"


def _keypoints(detected: Detections, rows: Int[np.ndarray, " some"]) -> Keypoints:
    return Keypoints(detected.xy[rows], detected.confidence[rows], "mediapipe", detected.world[rows])
