"""Assign pictures, videos and keypoint files to cameras."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.images import is_image


def cameras_of_files(files: Sequence[Path], cameras: Sequence[CalibratedCamera]) -> list[CalibratedCamera]:
    """The camera of each file, by its name in the file's or the folder's name, otherwise by order.

    Args:
        files: one for each view.
        cameras: cameras of the calibration.

    Returns:
        One camera for each file.

    Raises:
        ValueError: two files belong to one camera, a file to none or several, or the assignment is unknown.
    """
    for names in ([file.stem for file in files], [file.absolute().parent.name for file in files]):
        found = [[camera for camera in cameras if _named(name, camera.name)] for name in names]
        if any(found):
            return _unambiguous(files, cameras, found)
    if len(files) != len(cameras):
        raise ValueError(
            f"the names of the {len(files)} views contain no camera's name ({_names(cameras)}), and there are "
            f"{len(cameras)} cameras: name each file after its camera, or give one file per camera in their order"
        )
    return list(cameras)


def _unambiguous(
    files: Sequence[Path], cameras: Sequence[CalibratedCamera], found: Sequence[Sequence[CalibratedCamera]]
) -> list[CalibratedCamera]:
    chosen = []
    for file, candidates in zip(files, found, strict=True):
        if not candidates:
            raise ValueError(f"{file} belongs to no camera of the calibration ({_names(cameras)}): rename it after one")
        longest = max(len(camera.name) for camera in candidates)
        best = [camera for camera in candidates if len(camera.name) == longest]
        if len(best) > 1:
            raise ValueError(f"{file} may belong to camera {' or '.join(c.name for c in best)}: rename it")
        chosen.append(best[0])
    for number, camera in enumerate(chosen):
        first = chosen.index(camera)
        if first < number:
            raise ValueError(f"{files[first]} and {files[number]} are both of camera {camera.name}: give one of them")
    return chosen


def _named(file: str, camera: str) -> bool:
    """Whether the file name contains the camera name as a whole word or number."""
    inner, outer = sorted((file.lower(), camera.lower()), key=len)
    return re.search(rf"(?<![a-z0-9]){re.escape(inner)}(?![a-z0-9])", outer) is not None


def _names(cameras: Sequence[CalibratedCamera]) -> str:
    return ", ".join(camera.name for camera in cameras)


KEYPOINT_ENDINGS = (".json", ".txt", ".npz")


def are_videos(files: Sequence[Path]) -> bool:
    """Whether the views are videos: neither pictures nor keypoint files.

    Raises:
        ValueError: only some are videos, or one does not exist.
    """
    for file in files:
        if not file.exists():
            raise FileNotFoundError(f"there is no view {file}: check the path")
    videos = [not is_image(file) and file.suffix.lower() not in KEYPOINT_ENDINGS for file in files]
    if any(videos) and not all(videos):
        raise ValueError(f"{files[videos.index(True)]} is a video and other views are not: give views of one kind")
    return all(videos)
