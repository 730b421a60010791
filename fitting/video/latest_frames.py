"""Frames of a camera, or of a file at its own pace; only the newest one waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import NamedTuple

import cv2
import numpy as np

from fitting.inputs.detections import Picture
from fitting.inputs.quiet import native_stderr_silenced
from fitting.video.frames import Video


class LiveFrame(NamedTuple):
    """A frame and when it came."""

    number: int
    """Among all frames of the source, from 0."""
    seconds: float
    """When it came, by `time.perf_counter`."""
    rgb: Picture


def paced(video: Video) -> Iterator[Picture]:
    """The frames of a video, each when it is due.

    Args:
        video: the video.

    Yields:
        The frames.
    """
    begun = time.perf_counter()
    for due, frame in video.timed_frames():
        time.sleep(max(0.0, begun + due - time.perf_counter()))
        yield frame


def camera_frames(index: int) -> Iterator[Picture]:
    """The frames of a camera, until it ends.

    Args:
        index: number of the camera, from 0.

    Yields:
        The frames.

    Raises:
        ValueError: there is no such camera.
    """
    with native_stderr_silenced():
        capture = cv2.VideoCapture(index)
    try:
        if not capture.isOpened():
            raise ValueError(f"camera {index} cannot be opened: give the number of a connected camera, or a file")
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    finally:
        capture.release()


class LatestFrames:
    """Iterates over the newest frames: those that come while the reader is busy are dropped, except the last.

    ``with LatestFrames(frames) as latest: for frame in latest: ...``; the frames are read on a thread.
    """

    def __init__(self, frames: Iterable[Picture]) -> None:
        self._frames = frames
        self._newest: LiveFrame | None = None
        self._error: BaseException | None = None
        self._ended = self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="frames", daemon=True)

    def __enter__(self) -> LatestFrames:
        """Start to read."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop to read."""
        self._stopped = True

    def __iter__(self) -> Iterator[LiveFrame]:
        """The newest frame, as soon as there is one that was not yielded before.

        Yields:
            Frames, until the source ends.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._ended)
                frame, self._newest = self._newest, None
                if frame is None:
                    if self._error is not None:
                        raise self._error
                    return
            yield frame

    def _read(self) -> None:
        try:
            for number, rgb in enumerate(self._frames):
                if self._stopped:
                    break
                with self._changed:
                    self._newest = LiveFrame(number, time.perf_counter(), rgb)
                    self._changed.notify()
        except Exception as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify()
