"""From a video to files: every part of the work is kept, so that a run that was stopped goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.detect import Detector, Picture
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.schedule import FitSettings
from fitting.video.clip import Arrays, TrackedKeypoints, clip_steps, fit_clip
from fitting.video.clip_pictures import clip_pictures
from fitting.video.clip_result import ClipResult
from fitting.video.frame_times import Timing, timing
from fitting.video.frames import Video, open_video, writing_video
from fitting.video.tracking import Choice, Track
from qposer.io.atomic_files import atomic_write
from qposer.io.npz import read_npz, write_npz

WORK = ".work"
"""Folder, beside the results, of the parts that are done."""

BLOCK = 100
"""Frames in which the person is looked for between two times of writing."""

SEARCH_EVERY = 5
"""While the person is not seen, the whole of every so manieth frame is searched."""

OTHERS = 5
"""How many people are looked for when the person may be any of them."""

_DETECTED = ("frames", "xy", "confidence", "world", "seconds")


@dataclass(frozen=True)
class ClipRun:
    """A video, whom to fit in it, and where the results go: the folder ``out``, which is made."""

    fitter: Fitter
    video: Video
    out: Path
    person: Choice = 0
    focal: float | None = None
    smoothness: float = 1.0

    def run(
        self, begin: Callable[[str, int], None] = lambda what, steps: None, on_step: Callable[[], None] = lambda: None
    ) -> ClipResult:
        """Detect, fit and draw what is not yet done, and write ``fit.npz``, ``motion.npz`` and ``video.mp4``.

        ``fit.npz`` is read by `fitting.read_clip`; ``motion.npz`` is in AMASS's layout; ``video.mp4`` shows each frame
        with the body on it beside a view from the side.

        Args:
            begin: called with what is done next, and in how many steps, about.
            on_step: called after every step that an earlier run has not done.

        Returns:
            The fit.

        Raises:
            ValueError: the video cannot be read, nobody is found in it, or not the person who was asked for; or the
                focal length or the smoothness is no such number.
            OSError: something could not be written.
        """
        begin("detecting", self.video.count)
        seen, when = self._sightings(on_step)
        asked = self._asked(seen)
        begin("fitting", clip_steps(seen))
        result = fit_clip(
            self.fitter,
            seen,
            (self.video.width, self.video.height),
            self.video.focal_px if self.focal is None else self.focal,
            self.smoothness,
            keep=lambda name, make: self._kept(name, asked, make),
            on_step=on_step,
        )
        result.write(self.out / "fit.npz")
        result.write_amass(self.out / "motion.npz")
        begin("drawing", self.video.count)
        self._draw(result, when, on_step)
        return result

    def _sightings(self, on_step: Callable[[], None]) -> tuple[TrackedKeypoints, Timing]:
        """Where and when the person was seen, block by block of the video's frames."""
        asked = {"video": _stamp(self.video), "person": self.person, "timed": self.video.timed}
        track = Track(self.person)
        blocks: list[Arrays] = []
        frames: Iterator[tuple[float, Picture]] | None = None
        with ExitStack() as stack:
            detector: Detector | None = None
            while not blocks or blocks[-1]["read"] == BLOCK:
                start = BLOCK * len(blocks)
                block = self._read(f"detected-{start:06d}", asked)
                if block is None:
                    detector = detector or stack.enter_context(Detector())
                    frames = frames or self.video.timed_frames(start)
                    block = _follow(detector, track, islice(frames, BLOCK), start, on_step)
                    self._write(f"detected-{start:06d}", asked, block)
                else:
                    frames = None
                    _replay(track, block, start)
                blocks.append(block)
        joined = {name: np.concatenate([block[name] for block in blocks]) for name in _DETECTED}
        if not len(joined["frames"]):
            read = sum(int(block["read"]) for block in blocks)
            shutil.rmtree(self.out / WORK)
            raise ValueError(
                f"no person was found on the {read} frames of {self.video.path}: "
                "take a video in which a person is larger and clearer"
            )
        when = timing(joined["seconds"], self.video.fps)
        numbers, first = np.unique(when.numbers[joined["frames"]], return_index=True)
        return TrackedKeypoints(_keypoints(joined)[first.tolist()], numbers, when.fps), when

    def _asked(self, seen: TrackedKeypoints) -> dict[str, Any]:
        """All that the fit depends on."""
        return {
            "seen": hashlib.sha256(seen.frames.tobytes() + seen.keypoints.xy.tobytes()).hexdigest(),
            "settings": dataclasses.asdict(self.fitter.settings),
            "body": self.fitter.body.name,
            "focal": self.focal,
            "smoothness": self.smoothness,
            "fps": seen.fps,
        }

    def _kept(self, name: str, asked: dict[str, Any], make: Callable[[], Arrays]) -> Arrays:
        """The arrays that an earlier run wrote for the same request, or else those made now, which are written."""
        kept = self._read(name, asked)
        if kept is None:
            kept = make()
            self._write(name, asked, kept)
        return kept

    def _read(self, name: str, asked: dict[str, Any]) -> Arrays | None:
        try:
            arrays = read_npz(self.out / WORK / f"{name}.npz")
        except (OSError, ValueError):
            return None
        return arrays if str(arrays.pop("request", "")) == json.dumps(asked, sort_keys=True) else None

    def _write(self, name: str, asked: dict[str, Any], arrays: Arrays) -> None:
        request = np.asarray(json.dumps(asked, sort_keys=True))
        write_npz(self.out / WORK / f"{name}.npz", arrays | {"request": request})

    def _draw(self, result: ClipResult, when: Timing, on_step: Callable[[], None]) -> None:
        """Write the video of the fit, unless there is that of this very fit."""
        note, path = self.out / WORK / "drawn", self.out / "video.mp4"
        drawn = hashlib.sha256((self.out / "fit.npz").read_bytes()).hexdigest()
        if path.is_file() and note.is_file() and note.read_text() == drawn:
            return
        pictures = clip_pictures(self.video, when, result, self.fitter.body)
        first = next(pictures)
        with writing_video(path, result.fps, (first.shape[1], first.shape[0])) as writer:
            writer.write(first)
            for picture in pictures:
                writer.write(picture)
                on_step()
        with atomic_write(note) as temporary:
            temporary.write_text(drawn)


def _stamp(video: Video) -> list[Any]:
    """What tells a changed video from the one that was read."""
    files = sorted(video.path.iterdir()) if video.path.is_dir() else [video.path]
    statuses = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return [hashlib.sha256(json.dumps(statuses).encode()).hexdigest(), video.fps]


def _follow(
    detector: Detector, track: Track, frames: Iterator[tuple[float, Picture]], start: int, on_step: Callable[[], None]
) -> Arrays:
    """Where the person is seen on some frames, the first numbered ``start``, and the times of all that were read."""
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
    """The person on the next frame of a track: looked for where expected, or else, now and then, everywhere."""
    box = track.expected()
    person = None if box is None else track.find(detector.near(frame, box))
    if person is None and track.missed % SEARCH_EVERY == 0:
        wanted = track.choice + 1 if box is None and isinstance(track.choice, int) else OTHERS
        person = track.find(detector.search(frame, wanted))
    return person


def _replay(track: Track, block: Arrays, start: int) -> None:
    """Bring a track to the end of a block that is done."""
    people = _keypoints(block) if len(block["frames"]) else None
    rows = {int(number): row for row, number in enumerate(block["frames"])}
    for number in range(start, start + int(block["read"])):
        track.advance(people[rows[number]] if people is not None and number in rows else None)


def _keypoints(arrays: Arrays) -> Keypoints:
    return Keypoints(arrays["xy"], arrays["confidence"], "mediapipe", arrays["world"])


def fit_video(
    path: str | Path,
    out: str | Path,
    person: Choice = 0,
    *,
    fps: float | None = None,
    focal: float | None = None,
    smoothness: float = 1.0,
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> ClipResult:
    """Fit a body to a person in a video; see `ClipRun.run` for what is written.

    Args:
        path: a video, or a folder of its frames.
        out: folder for the results; one that holds parts of the same work goes on with them.
        person: how many people of the first frame that shows anybody are larger, or a point on the person there.
        fps: frames a second, in place of what the file says; 30 for a folder.
        focal: focal length in pixels; assumed from the video's size if left out.
        smoothness: factor on the weight of accelerations; 0 fits each frame for itself.
        body: the open body if left out.
        settings: of the fit; residual rotations are not used.
        device: where the optimisation runs.

    Returns:
        The fit.

    Raises:
        FileNotFoundError: there is no such video.
        ValueError: it cannot be read, nobody is found in it, or not the person who was asked for.
        OSError: something could not be written.
    """
    video = open_video(path, fps)
    fitter = Fitter(body, settings=settings, device=device)
    return ClipRun(fitter, video, Path(out), person, focal, smoothness).run()
