"""Detect the hands of tracked people in a video, in blocks of frames that a stopped run need not detect again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from queue import SimpleQueue

import numpy as np

from fitting.inputs.detections import Picture
from fitting.inputs.hand_detector import HandDetector
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.keypoints import joined
from fitting.video.frame_times import Timing
from fitting.video.frames import Video
from fitting.video.in_threads import AT_ONCE, in_threads
from fitting.video.kept_work import Arrays, KeptWork
from fitting.video.sightings import BLOCK, video_stamp
from fitting.video.tracked_keypoints import TrackedKeypoints


def with_hands(
    people: Sequence[TrackedKeypoints],
    video: Video,
    when: Timing,
    work: KeptWork,
    on_step: Callable[[], None] = lambda: None,
) -> list[TrackedKeypoints]:
    """Detect hands where the arms of tracked people end, in blocks of frames.

    The keypoints of the bodies stay as they are. Of several frames with one number only one can be fitted, so they are
    searched once.

    Args:
        people: the tracks.
        video: the video.
        when: times of its frames.
        work: storage of finished blocks.
        on_step: called after every frame.

    Returns:
        The tracks with keypoints of hands.

    Raises:
        ValueError: the video cannot be read.
    """
    key = hashlib.sha256()
    for seen in people:
        key.update(seen.frames.tobytes() + seen.keypoints.xy.tobytes())
    asked = {"video": video_stamp(video), "people": key.hexdigest()}
    places = [{number: row for row, number in enumerate(seen.frames.tolist())} for seen in people]
    numbers = [int(number) for number in when.numbers]
    blocks: list[Arrays] = []
    frames: Iterator[Picture] | None = None
    with ExitStack() as stack:
        detectors: SimpleQueue[HandDetector] = SimpleQueue()
        for start in range(0, len(numbers), BLOCK):
            name, some = f"hands-detected-{start:06d}", numbers[start : start + BLOCK]
            if not any(number in rows for number in some for rows in places):
                frames = None
                continue
            block = work.read(name, asked)
            if block is None:
                while detectors.qsize() < AT_ONCE:
                    detectors.put(stack.enter_context(HandDetector()))
                frames = frames or video.frames(start)
                pictures = islice(frames, BLOCK)
                block = _detected(detectors, zip(some, pictures, strict=False), people, places, on_step)
                work.write(name, asked, block)
            else:
                frames = None
            blocks.append(block)
    return [_put_together(seen, person, blocks) for person, seen in enumerate(people)]


def _detected(
    detectors: SimpleQueue[HandDetector],
    pictures: Iterable[tuple[int, Picture]],
    people: Sequence[TrackedKeypoints],
    places: Sequence[dict[int, int]],
    on_step: Callable[[], None],
) -> Arrays:
    """Hands in some frames: of each found pair of hands the person, and the row in the person's track."""

    def look(frame: tuple[int, Picture, list[int]]) -> tuple[int, list[int], HandKeypoints | None]:
        number, picture, here = frame
        if not here:
            return number, here, None
        detector = detectors.get()
        try:
            whole = joined([people[person].keypoints[places[person][number]] for person in here])
            return number, here, detector.detect(picture, whole)
        finally:
            detectors.put(detector)

    rows: dict[str, list[np.ndarray]] = {name: [empty] for name, empty in _EMPTY.items()}
    for number, here, hands in in_threads(look, _with_people(pictures, places)):
        if hands is not None:
            found = hands.found.any(-1)
            chosen = np.array(here)[found]
            rows["person"].append(chosen)
            rows["row"].append(np.array([places[person][number] for person in chosen.tolist()], dtype=np.int64))
            rows["xy"].append(hands.xy[found])
            rows["confidence"].append(hands.confidence[found])
            world = np.zeros((*hands.confidence.shape, 3), np.float32) if hands.world is None else hands.world
            rows["world"].append(world[found])
        on_step()
    return {name: np.concatenate(arrays) for name, arrays in rows.items()}


def _with_people(
    pictures: Iterable[tuple[int, Picture]], places: Sequence[dict[int, int]]
) -> Iterator[tuple[int, Picture, list[int]]]:
    """Frames with the people in them; nobody if the frame before has the same number."""
    before = None
    for number, picture in pictures:
        yield number, picture, [person for person, place in enumerate(places) if number in place and number != before]
        before = number


def _put_together(seen: TrackedKeypoints, person: int, blocks: Sequence[Arrays]) -> TrackedKeypoints:
    """The track with all hands of a person."""
    unseen = HandKeypoints.unseen(len(seen.frames))
    arrays = {"xy": unseen.xy, "confidence": unseen.confidence, "world": np.zeros((*unseen.confidence.shape, 3))}
    for block in blocks:
        own = block["person"] == person
        for name, array in arrays.items():
            array[block["row"][own]] = block[name][own]
    return replace(seen, keypoints=replace(seen.keypoints, hands=HandKeypoints(**arrays)))


_EMPTY: Arrays = {
    "person": np.zeros(0, np.int64),
    "row": np.zeros(0, np.int64),
    "xy": np.zeros((0, 2, 21, 2), np.float32),
    "confidence": np.zeros((0, 2, 21), np.float32),
    "world": np.zeros((0, 2, 21, 3), np.float32),
}
"""Arrays of a block."""
