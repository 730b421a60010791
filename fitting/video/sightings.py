"""Detect and track the people in a video, in blocks of frames that a stopped run need not detect again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float

from fitting.inputs.detect import Detector, smallest_found
from fitting.inputs.detections import Picture
from fitting.inputs.keypoints import Keypoints
from fitting.video.appearance import COLOURS, torso_colours
from fitting.video.camera_motion import LOOKS, Thumbnail, background_shift, is_blank, is_cut, thumbnail
from fitting.video.footage import Detections, Footage, footage
from fitting.video.frame_times import Timing
from fitting.video.frames import Video
from fitting.video.kept_work import Arrays, KeptWork
from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.video.tracking import Choice, Tracker, chosen_person

BLOCK = 100
"""Number of frames processed between writes."""

SEARCH_EVERY = 5
"""While nobody is followed, every n-th whole frame is searched."""

OTHERS = 5
"""Maximum number of people detected when a person is searched in a whole frame."""

NEWCOMERS_EVERY = 15
"""If all people are asked for, every n-th whole frame is searched for newcomers."""

MOST_PEOPLE = 10
"""Maximum number of people who are detected in a whole frame if all are asked for."""

_SAME = 0.1
"""Two detections of one frame are of one person if their median distance is below this part of the person's size."""

_FOLLOWED = 15
"""Frames for which somebody who is out of sight is looked for where they are expected."""

Wanted = Choice | None
"""The person to follow; None for everybody."""


def follow_people(video: Video, wanted: Wanted, work: KeptWork, on_step: Callable[[], None]) -> Footage:
    """Detect and track people in a video, in blocks of frames.

    Args:
        video: the video.
        wanted: rank by size in the first frame with people (0 is the largest), or a point on the person in that frame;
            None for everybody.
        work: storage of finished blocks.
        on_step: called after every frame.

    Returns:
        The keypoints of each person with frame numbers at a constant rate, the largest and longest seen first, and the
        times of all frames.

    Raises:
        ValueError: the video cannot be read, or does not show a person, or not the selected one.
    """
    asked = {"video": video_stamp(video), "person": wanted, "timed": video.timed, "version": 2}
    follower = _Follower(wanted, max(1, round(video.fps / LOOKS)))
    blocks: list[Arrays] = []
    frames: Iterator[tuple[float, Picture]] | None = None
    with ExitStack() as stack:
        detector: Detector | None = None
        while not blocks or len(blocks[-1]["seconds"]) == BLOCK:
            start = BLOCK * len(blocks)
            block = work.read(f"detected-{start:06d}", asked)
            if block is None:
                detector = detector or stack.enter_context(Detector())
                frames = frames or video.timed_frames(start)
                block = follower.follow(detector, islice(frames, BLOCK), on_step)
                work.write(f"detected-{start:06d}", asked, block)
            else:
                frames = None
                follower.replay(block)
            blocks.append({name: block[name] for name in _EMPTY})
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in _EMPTY}
    if not len(joined["frames"]):
        work.clear()
        raise ValueError(
            f"no person was found in the {len(joined['seconds'])} frames of {video.path}, in which people below about "
            f"{smallest_found(video.width, video.height)} pixels are too small: crop it to a person, or use one in "
            "which a person is larger and clearer"
        )
    return footage(Detections(**joined), video.fps, follower.focus)


def follow_person(
    video: Video, person: Choice, work: KeptWork, on_step: Callable[[], None]
) -> tuple[TrackedKeypoints, Timing]:
    """Detect and track one person, as `follow_people`.

    Args:
        video: the video.
        person: the person to follow.
        work: storage of finished blocks.
        on_step: called after every frame.

    Returns:
        The keypoints with frame numbers at a constant rate, and the times of all frames.

    Raises:
        ValueError: the video cannot be read, or does not show a person, or not the selected one.
    """
    found = follow_people(video, person, work, on_step)
    return found.people[0], found.when


def video_stamp(video: Video) -> list[Any]:
    """Fingerprint that detects a changed video.

    Args:
        video: the video.

    Returns:
        JSON values.
    """
    files = sorted(video.path.iterdir()) if video.path.is_dir() else [video.path]
    statuses = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return [hashlib.sha256(json.dumps(statuses).encode()).hexdigest(), video.fps]


@dataclass
class _Follower:
    """What is known between frames."""

    wanted: Wanted
    look_every: int
    """Frames from one look at the background to the next."""
    tracker: Tracker = field(default_factory=Tracker)
    frame: int = 0
    """Number of the next frame."""
    focus: int | None = None
    """Number of the wanted person, once found."""
    before: Thumbnail | None = None
    """The last frame that is not blank."""
    looked: Thumbnail | None = None
    """The frame of the last look at the background."""
    ended: bool = False
    """Whether the shot of the wanted person is over."""

    def follow(
        self, detector: Detector, frames: Iterator[tuple[float, Picture]], on_step: Callable[[], None]
    ) -> Arrays:
        """Detections in some frames, the times of these frames, and the state after them."""
        rows: dict[str, list[np.ndarray]] = {name: [empty] for name, empty in _EMPTY.items()}
        for seconds, frame in frames:
            small = thumbnail(frame)
            cut = self.before is not None and not is_blank(small) and is_cut(self.before, small)
            if cut:
                self._end_shot()
            people = None if self.ended else self._look(detector, frame)
            colours = _colours(frame, people)
            numbers, unsure = self.tracker.assign(people, colours)
            found: Arrays = {"seconds": np.array([seconds]), "cuts": np.array([cut])}
            boxes = np.zeros((0, 4))
            if people is not None:
                boxes = people.boxes / np.tile(frame.shape[1::-1], 2)
                found |= {"xy": people.xy, "confidence": people.confidence, "colours": colours}
                found |= {"numbers": numbers, "unsure": unsure, "frames": np.full(len(people), self.frame)}
                found["world"] = np.zeros((*people.confidence.shape, 3)) if people.world is None else people.world
            found["shifts"] = self._background(small, boxes)[None]
            for name, array in found.items():
                rows[name].append(array.astype(_EMPTY[name].dtype))
            self._advance(people, colours, numbers)
            on_step()
        nothing = np.zeros((0, 0), np.uint8)
        return {name: np.concatenate(arrays) for name, arrays in rows.items()} | {
            "before": nothing if self.before is None else self.before,
            "looked": nothing if self.looked is None else self.looked,
        }

    def replay(self, block: Arrays) -> None:
        """Advance over a finished block."""
        for row in range(len(block["seconds"])):
            if block["cuts"][row]:
                self._end_shot()
            here = np.flatnonzero(block["frames"] == self.frame)
            people = None
            if len(here):
                people = Keypoints(block["xy"][here], block["confidence"][here], "mediapipe", block["world"][here])
            self._advance(people, block["colours"][here], block["numbers"][here])
        self.before = block["before"] if block["before"].size else None
        self.looked = block["looked"] if block["looked"].size else None

    def _advance(self, people: Keypoints | None, colours: np.ndarray, numbers: np.ndarray) -> None:
        if people is not None and self.focus is None and self.wanted is not None:
            self.focus = int(numbers[chosen_person(self.wanted, people)])
        self.tracker.advance(people, colours, numbers)
        self.frame += 1

    def _end_shot(self) -> None:
        self.tracker.forget()
        self.looked = None
        self.ended = self.focus is not None

    def _background(self, small: Thumbnail, people: Float[np.ndarray, "people 4"]) -> Float[np.ndarray, "2"]:
        """Shift of the background since the last look; infinite between looks.

        Args:
            small: copy of the frame.
            people: boxes, as parts of width and height.

        Returns:
            The shift.
        """
        shift = np.full(2, np.inf)
        if not is_blank(small):
            self.before = small
            if self.looked is None or self.frame % self.look_every == 0:
                shift = np.zeros(2) if self.looked is None else -background_shift(small, self.looked, people)
                self.looked = small
        return shift

    def _look(self, detector: Detector, frame: Picture) -> Keypoints | None:
        """Detect people where they are expected, and now and then in the whole frame."""
        tracks = self.tracker.tracks
        followed = [*tracks] if self.wanted is None else [number for number in tracks if number == self.focus]
        near = [tracks[number] for number in followed if tracks[number].missed < _FOLLOWED]
        people = _merged(_central_first([(track.expected(), detector.near(frame, track.expected())) for track in near]))
        if self.wanted is None:
            search = self.frame % (SEARCH_EVERY if people is None else NEWCOMERS_EVERY) == 0
            most = MOST_PEOPLE
        else:
            missed = tracks[followed[0]].missed if followed else self.frame
            there = len(followed) > 0 and followed[0] in self.tracker.assign(people, _colours(frame, people))[0]
            search = not there and missed % SEARCH_EVERY == 0
            most = self.wanted + 1 if self.focus is None and isinstance(self.wanted, int) else OTHERS
        return _merged([people, detector.search(frame, most)]) if search else people


def _colours(frame: Picture, people: Keypoints | None) -> Float[np.ndarray, "people colours"]:
    return np.zeros((0, COLOURS), np.float32) if people is None else torso_colours(frame, people)


def _central_first(found: list[tuple[Float[np.ndarray, "4"], Keypoints | None]]) -> list[Keypoints]:
    """Of the people near each box first the one in its middle; others may be cut off there.

    Args:
        found: boxes, and people near them.

    Returns:
        People.
    """
    central, others = [], []
    for box, people in found:
        if people is not None:
            apart = np.linalg.norm((people.boxes - box).reshape(-1, 2, 2).sum(1), axis=1)
            order = np.argsort(apart, kind="stable").tolist()
            central.append(people[order[0]])
            others += [people[person] for person in order[1:]]
    return [*central, *others]


def _merged(found: Sequence[Keypoints | None]) -> Keypoints | None:
    """All people, each once: of two detections of one person the first."""
    lists = [people for people in found if people is not None]
    if not lists:
        return None
    world = np.concatenate([np.zeros((0, 33, 3)), *(people.world for people in lists if people.world is not None)])
    every = Keypoints(
        np.concatenate([people.xy for people in lists]),
        np.concatenate([people.confidence for people in lists]),
        "mediapipe",
        world if len(world) else None,
    )
    size = (every.boxes[:, 2:] - every.boxes[:, :2]).max(1)
    kept: list[int] = []
    for person in range(len(every)):
        apart = np.median(np.linalg.norm(every.xy[kept] - every.xy[person], axis=-1), axis=1)
        if not (apart < _SAME * np.maximum(size[kept], size[person])).any():
            kept.append(person)
    return every[kept]


_EMPTY: Arrays = {
    "frames": np.zeros(0, np.int64),
    "numbers": np.zeros(0, np.int64),
    "unsure": np.zeros(0, bool),
    "xy": np.zeros((0, 33, 2), np.float32),
    "confidence": np.zeros((0, 33), np.float32),
    "world": np.zeros((0, 33, 3), np.float32),
    "colours": np.zeros((0, COLOURS), np.float32),
    "seconds": np.zeros(0),
    "cuts": np.zeros(0, bool),
    "shifts": np.zeros((0, 2)),
}
"""Arrays of a block: of each detection, and of each frame."""
