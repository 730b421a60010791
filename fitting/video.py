"""Videos: frames of files and folders, one after the other, and files of frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fitting.detect import Picture
from fitting.images import is_image, read_image
from fitting.quiet import native_stderr_silenced
from qposer.files import replacing

FOLDER_FPS = 30.0
"""Frames a second of a folder of frames, unless told."""

_CODECS = ("vp09", "mp4v")
"""What mp4 files are written in: VP9, which browsers play; or else MPEG-4, which OpenCV always has."""


@dataclass(frozen=True)
class Video:
    """A video file, or a folder of frames; open it with `open_video`."""

    path: Path
    fps: float
    width: int
    height: int
    count: int
    """Number of frames, as the file says: an estimate."""
    focal_px: float | None = None
    """Focal length in pixels, where the first image of a folder tells it."""

    def frames(self, start: int = 0) -> Iterator[Picture]:
        """The frames, RGB, from the one numbered ``start`` on, as far as they can be read.

        Raises:
            ValueError: a frame is of another size than the first, or an image of the folder cannot be read.
        """
        reading = _images(self.path, start) if self.path.is_dir() else _decoded(self.path, start)
        for number, frame in enumerate(reading, start):
            if frame.shape[:2] != (self.height, self.width):
                raise ValueError(
                    f"frame {number} of {self.path} is {frame.shape[1]} x {frame.shape[0]} pixels, and the first "
                    f"{self.width} x {self.height}: make all alike"
                )
            yield frame


def open_video(path: str | Path, fps: float | None = None) -> Video:
    """What is known of a video before its frames are read.

    Args:
        path: a file in any format that OpenCV reads, or a folder of images in the order of their names.
        fps: frames a second, in place of what the file says; 30 for a folder if left out.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the file is empty, no video, or of a codec that cannot be read; the folder holds no images; or the
            frames a second are no positive number.
    """
    path = Path(path)
    if fps is not None and not 0 < fps < math.inf:
        raise ValueError(f"frames a second must be a positive number, not {fps}: leave it out if unknown")
    if path.is_dir():
        images = _image_paths(path)
        if not images:
            raise ValueError(f"{path} holds no images: give a video, or a folder of its frames")
        first = read_image(images[0])
        return Video(path, fps or FOLDER_FPS, first.width, first.height, len(images), first.focal_px)
    if not path.is_file():
        raise FileNotFoundError(f"there is no video {path}: check the path")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes), not a video: copy or record it again")
    with _capture(path) as capture:
        noted = capture.get(cv2.CAP_PROP_FPS)
        count = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
    frame = next(_decoded(path, 0), None)
    if frame is None:
        raise ValueError(
            f"no frame of {path} can be read: it is no video, is damaged, or is of a codec that OpenCV lacks: "
            "convert it to mp4 (H.264), or give a folder of its frames"
        )
    height, width = frame.shape[:2]
    return Video(path, fps or (noted if 0 < noted < math.inf else FOLDER_FPS), width, height, count)


def _image_paths(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_file() and is_image(path)]


def _images(folder: Path, start: int) -> Iterator[Picture]:
    for path in _image_paths(folder)[start:]:
        yield read_image(path).rgb


def _decoded(path: Path, start: int) -> Iterator[Picture]:
    with _capture(path) as capture:
        for _ in range(start):  # jumping lands on the wrong frame in many files
            if not capture.grab():
                return
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


@contextmanager
def _capture(path: Path) -> Iterator[cv2.VideoCapture]:
    with native_stderr_silenced():
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        yield capture
    finally:
        capture.release()


class VideoWriter:
    """An mp4 file that grows by frames of one size."""

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        """``size`` is width and height, even numbers.

        Raises:
            OSError: the file cannot be made.
        """
        self.size, self.written = size, 0
        for codec in _CODECS:
            code = cv2.VideoWriter.fourcc(*codec)
            with native_stderr_silenced():
                self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, size)
            if self._writer.isOpened():
                return
        raise OSError(f"no video can be written at {path}: OpenCV has no encoder, or the folder is not writable")

    def write(self, frame: Picture) -> None:
        """Append a frame, RGB.

        Raises:
            ValueError: it is of another size.
        """
        if frame.shape != (self.size[1], self.size[0], 3):
            raise ValueError(f"frames of this video are {self.size[0]} x {self.size[1]}, not {frame.shape[1::-1]}")
        with native_stderr_silenced():
            self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self.written += 1

    def close(self) -> None:
        """End the file."""
        with native_stderr_silenced():
            self._writer.release()


@contextmanager
def writing_video(path: Path, fps: float, size: tuple[int, int]) -> Iterator[VideoWriter]:
    """An mp4 that appears under its name when the block ends well, and not at all when it does not.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path.with_suffix(".mp4")) as temporary:
        playable = temporary.with_name(f"{temporary.name}.mp4")  # the container is told by the name
        try:
            writer = VideoWriter(playable, fps, size)
            try:
                yield writer
            finally:
                writer.close()
            with _capture(playable) as capture:  # OpenCV does not say that it could not write
                there = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            if there != writer.written:
                raise OSError(f"{path} could not be written: {there:.0f} of {writer.written} frames: is the disk full?")
            playable.replace(temporary)
        finally:
            playable.unlink(missing_ok=True)


def even(picture: Picture) -> Picture:
    """The picture without a last odd row or column, as video codecs want it."""
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[: height - height % 2, : width - width % 2])
