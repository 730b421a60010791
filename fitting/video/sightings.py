"""Detect and track a person in a video."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

import numpy as np

from fitting.inputs.detect import Detector, smallest_found
from fitting.inputs.detections import Picture
from fitting.inputs.keypoints import Keypoints
from fitting.video.frame_times import Timing, timing
from fitting.video.frames import Video
from fitting.video.kept_work import Arrays, KeptWork
from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.video.tracking import Choice, Track

BLOCK = 100
"""Number of frames processed between writes."""

SEARCH_EVERY = 5
"""While the person is lost, every n-th whole frame is searched."""

OTHERS = 5
"""Maximum number of people detected when the person is searched in a whole frame."""

_DETECTED = ("frames", "xy", "confidence", "world", "seconds")


def follow_person(
    video: Video, person: Choice, work: KeptWork, on_step: Callable[[], None]
) -> tuple[TrackedKeypoints, Timing]:
    """Detect a person in a video, in blocks of frames.

    Args:
        video: the video.
        person: rank by size in the first frame with people (0 is the largest), or a point on the person in that frame.
        work: storage of finished blocks.
        on_step: called after every frame.

    Returns:
        The keypoints with frame numbers at a constant rate, and the times of all frames.

    Raises:
        ValueError: the video cannot be read, or does not show a person, or not the selected one.
    """
    request = {"video": _stamp(video), "person": person, "timed": video.timed}
    track = Track(person)
    blocks: list[Arrays] = []
    frames: Iterator[tuple[float, Picture]] | None = None
    with ExitStack() as stack:
        detector: Detector | None = None
        while not blocks or blocks[-1]["read"] == BLOCK:
            start = BLOCK * len(blocks)
            block = work.read(f"detected-{start:06d}", request)
            if block is None:
                detector = detector or stack.enter_context(Detector())
                frames = frames or video.timed_frames(start)
                block = _follow(detector, track, islice(frames, BLOCK), start, on_step)
                work.write(f"detected-{start:06d}", request, block)
            else:
                frames = None
                _replay(track, block, start)
            blocks.append(block)
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in _DETECTED}
    if not len(joined["frames"]):
        read = sum(int(block["read"]) for block in blocks)
        work.clear()
        raise ValueError(
            f"no person was found in the {read} frames of {video.path}, in which people below about "
            f"{smallest_found(video.width, video.height)} pixels are too small: crop it to a person, or use one in "
            "which a person is larger and clearer"
        )
    when = timing(joined["seconds"], video.fps)
    numbers, first = np.unique(when.numbers[joined["frames"]], return_index=True)
    return TrackedKeypoints(_keypoints(joined)[first.tolist()], numbers, when.fps), when


def _stamp(video: Video) -> list[Any]:
    """Fingerprint that detects a changed video."""
    files = sorted(video.path.iterdir()) if video.path.is_dir() else [video.path]
    statuses = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return [hashlib.sha256(json.dumps(statuses).encode()).hexdigest(), video.fps]


def _follow(
    detector: Detector, track: Track, frames: Iterator[tuple[float, Picture]], start: int, on_step: Callable[[], None]
) -> Arrays:
    """Detections of the person in some frames, the first numbered ``start``, and the times of all frames read."""
    seen: dict[int, Keypoints] = {}
    times: list[float] = []
    for number, (seconds, frame) in enumerate(frames, start):
        person = _look(detector, track, frame)
        track.advance(person)
        if person is not None:
            seen[number] = person
        times.append(seconds)
        on_step()
    block: Arrays = {"xy": np.zeros((0, 33, 2)), "confidence": np.zeros((0, 33)), "world": np.zeros((0, 33, 3))}
    if seen:
        block = {name: np.concatenate([getattr(one, name) for one in seen.values()]) for name in block}
    frames_seen = np.array(list(seen), dtype=np.int64)
    return block | {"frames": frames_seen, "read": np.array(len(times)), "seconds": np.array(times)}


def _look(detector: Detector, track: Track, frame: Picture) -> Keypoints | None:
    """Detect the person in the next frame: where expected, otherwise occasionally in the whole frame."""
    box = track.expected()
    person = None if box is None else track.find(detector.near(frame, box))
    if person is None and track.missed % SEARCH_EVERY == 0:
        wanted = track.choice + 1 if box is None and isinstance(track.choice, int) else OTHERS
        person = track.find(detector.search(frame, wanted))
    return person


def _replay(track: Track, block: Arrays, start: int) -> None:
    """Advance a track over a finished block."""
    people = _keypoints(block) if len(block["frames"]) else None
    rows = {int(number): row for row, number in enumerate(block["frames"])}
    for number in range(start, start + int(block["read"])):
        track.advance(people[rows[number]] if people is not None and number in rows else None)


def _keypoints(arrays: Arrays) -> Keypoints:
    return Keypoints(arrays["xy"], arrays["confidence"], "mediapipe", arrays["world"])
