"""Read frames from video files and folders, and write video files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fitting.inputs.detections import Picture
from fitting.inputs.images import is_image, read_image
from fitting.inputs.quiet import native_stderr_silenced
from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's threads write to stderr long after they are called

FOLDER_FPS = 30.0
"""Default frame rate of a folder of frames."""

_CODEC, _CODEC_OF_BROWSERS = "mp4v", "vp09"
"""Codecs for mp4 files: MPEG-4, which OpenCV always has, and VP9, which browsers play and which takes 80 times as long
(100 ms instead of 1.2 for a picture of 680 x 640 pixels on one core)."""


_WIDEST = 4.0
"""Pixel aspect ratios beyond this factor are ignored."""


@dataclass(frozen=True)
class Video:
    """A video file, or a folder of frames; open it with `open_video`."""

    path: Path
    fps: float
    width: int
    height: int
    count: int
    """Number of frames according to the file, an estimate."""
    focal_px: float | None = None
    """Focal length in pixels from the EXIF of a folder's first image."""

    focal_warning: str | None = None
    """Why the focal length of a folder's first image is ignored."""

    timed: bool = False
    """Whether the file contains frame times; otherwise frames are ``1 / fps`` apart."""

    def frames(self, start: int = 0) -> Iterator[Picture]:
        """The readable frames, RGB, from number ``start``.

        Raises:
            ValueError: a frame differs in size from the first, or an image of the folder cannot be read.
        """
        return (frame for _, frame in self.timed_frames(start))

    def timed_frames(self, start: int = 0) -> Iterator[tuple[float, Picture]]:
        """The frames of `frames`, each with its time in seconds.

        Raises:
            ValueError: as `frames`.
        """
        reading = _images(self.path, start) if self.path.is_dir() else _decoded(self.path, start)
        for number, (seconds, frame) in enumerate(reading, start):
            if frame.shape[:2] != (self.height, self.width):
                raise ValueError(
                    f"frame {number} of {self.path} is {frame.shape[1]} x {frame.shape[0]} pixels, but the first "
                    f"{self.width} x {self.height}: give frames of one size"
                )
            yield (seconds if self.timed else number / self.fps), frame


def open_video(path: str | Path, fps: float | None = None) -> Video:
    """Open a video without reading its frames.

    Args:
        path: a file in any format that OpenCV reads, or a folder of images in the order of their names.
        fps: frames per second; default: the file's rate, 30 for a folder.

    Returns:
        The video.

    Raises:
        FileNotFoundError: the file or folder does not exist.
        ValueError: the file is empty, not a video, or its codec is not supported; the folder contains no images; or
            ``fps`` is not positive.
    """
    path = Path(path)
    if fps is not None and not 0 < fps < math.inf:
        raise ValueError(f"frames per second must be a positive number, not {fps}: omit it if unknown")
    if path.is_dir():
        images = _image_paths(path)
        if not images:
            raise ValueError(f"{path} contains no images: give a video, or a folder of its frames")
        first = read_image(images[0])
        size, rate = (first.width, first.height), fps or FOLDER_FPS
        return Video(path, rate, *size, len(images), first.focal_px, first.focal_warning)
    if not path.is_file():
        raise FileNotFoundError(f"there is no video {path}: check the path")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes), not a video: copy or record it again")
    with _capture(path) as capture:
        noted = capture.get(cv2.CAP_PROP_FPS)
        count = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
    first_frame = next(_decoded(path, 0), None)
    if first_frame is None:
        raise ValueError(
            f"no frame of {path} can be read: it is not a video, is damaged, or has a codec that OpenCV lacks: "
            "convert it to mp4 (H.264), or give a folder of its frames"
        )
    height, width = first_frame[1].shape[:2]
    rate = fps or (noted if 0 < noted < math.inf else FOLDER_FPS)
    return Video(path, rate, width, height, count, timed=fps is None)


def _image_paths(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_file() and is_image(path)]


def _images(folder: Path, start: int) -> Iterator[tuple[float, Picture]]:
    for path in _image_paths(folder)[start:]:
        yield 0.0, read_image(path).rgb


def _decoded(path: Path, start: int) -> Iterator[tuple[float, Picture]]:
    """Frames with square pixels, and their times in seconds."""
    with _capture(path) as capture:
        wider = _pixel_shape(capture)
        for _ in range(start):  # seeking is inaccurate in many files
            with native_stderr_silenced():
                if not capture.grab():
                    return
        while True:
            with native_stderr_silenced():
                there, frame = capture.read()
            if not there:
                return
            if wider != 1.0:
                frame = cv2.resize(frame, (max(1, round(frame.shape[1] * wider)), frame.shape[0]))
            yield capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def _pixel_shape(capture: cv2.VideoCapture) -> float:
    """Pixel aspect ratio, width to height; 1 if unknown or implausible."""
    wide, high = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    if not (wide > 0 and high > 0 and 1 / _WIDEST <= wide / high <= _WIDEST):
        return 1.0
    lying = capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 == 90  # the file's value applies before the rotation
    return high / wide if lying else wide / high


@contextmanager
def _capture(path: Path) -> Iterator[cv2.VideoCapture]:
    with native_stderr_silenced():
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        yield capture
    except cv2.error as error:
        raise ValueError(f"{path} is damaged: copy or record it again ({one_line(error)})") from None
    finally:
        with native_stderr_silenced():
            capture.release()


class VideoWriter:
    """Writes frames of one size to an mp4 file."""

    def __init__(self, path: Path, fps: float, size: tuple[int, int], *, for_browsers: bool = False) -> None:
        """Create the file.

        Args:
            path: the file to write.
            fps: frames per second.
            size: width and height in pixels, even numbers.
            for_browsers: encode it as VP9 if possible, which takes longer.

        Raises:
            OSError: the file cannot be created.
        """
        self.size, self.written = size, 0
        for codec in [_CODEC_OF_BROWSERS] * for_browsers + [_CODEC]:
            code = cv2.VideoWriter.fourcc(*codec)
            with native_stderr_silenced():
                self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, size)
            if self._writer.isOpened():
                return
        raise OSError(f"cannot write the video {path}: OpenCV has no encoder, or the folder is not writable")

    def write(self, frame: Picture) -> None:
        """Append a frame, RGB.

        Raises:
            ValueError: the frame has a wrong size.
        """
        if frame.shape != (self.size[1], self.size[0], 3):
            raise ValueError(f"frames of this video are {self.size[0]} x {self.size[1]}, not {frame.shape[1::-1]}")
        with native_stderr_silenced():
            self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self.written += 1

    def close(self) -> None:
        """Finish the file."""
        with native_stderr_silenced():
            self._writer.release()


@contextmanager
def writing_video(
    path: Path, fps: float, size: tuple[int, int], *, for_browsers: bool = False
) -> Iterator[VideoWriter]:
    """Write an mp4 file that appears under its name only if the block succeeds.

    Args:
        path: the file to write.
        fps: frames per second.
        size: width and height in pixels.
        for_browsers: as in `VideoWriter`.

    Yields:
        The writer.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path.with_suffix(".mp4")) as temporary:
        playable = temporary.with_name(f"{temporary.name}.mp4")  # the extension selects the container
        try:
            writer = VideoWriter(playable, fps, size, for_browsers=for_browsers)
            try:
                yield writer
            finally:
                writer.close()
            with _capture(playable) as capture:  # OpenCV does not report write errors
                there = max(capture.get(cv2.CAP_PROP_FRAME_COUNT), 0.0)
            if there != writer.written:
                raise OSError(
                    f"cannot write {path}: only {there:.0f} of {writer.written} frames were written: is the disk full?"
                )
            playable.replace(temporary)
        finally:
            playable.unlink(missing_ok=True)


def even(picture: Picture) -> Picture:
    """The picture without an odd last row or column, as video codecs require."""
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[: height - height % 2, : width - width % 2])
