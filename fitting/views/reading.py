"""Read pictures and keypoint files of one moment, one per camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.detect import Detector
from fitting.inputs.detections import Picture
from fitting.inputs.images import is_image, read_image
from fitting.inputs.keypoint_files import read_keypoints
from fitting.inputs.keypoints import Keypoints


@dataclass(frozen=True)
class ReadViews:
    """Contents of the views of one moment."""

    keypoints: tuple[Keypoints | None, ...]
    """Keypoints of each view; None if nobody is found."""
    pictures: tuple[Picture | None, ...]
    """Picture of each view; None for keypoint files."""
    notes: tuple[str, ...]
    """Warnings."""


def read_views(
    files: Sequence[Path], cameras: Sequence[CalibratedCamera], people: int, hands: bool = True
) -> ReadViews:
    """Read pictures and keypoint files, and detect people and their hands on the pictures.

    Args:
        files: one for each camera.
        cameras: cameras in the same order.
        people: maximum number of people to detect in each picture.
        hands: also detect hands on pictures; keypoint files have them or not.

    Returns:
        Contents of the views.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is neither a picture nor a keypoint file, or a picture's size differs from the calibration.
    """
    pictures: list[Picture | None] = []
    notes = []
    for file, camera in zip(files, cameras, strict=True):
        picture = read_image(file).rgb if is_image(file) else None
        if picture is not None and (note := camera.check_size((picture.shape[1], picture.shape[0]), str(file))):
            notes.append(note)
        pictures.append(picture)
    keypoints: list[Keypoints | None] = []
    if all(picture is None for picture in pictures):
        keypoints = [read_keypoints(file, None, camera.size) for file, camera in zip(files, cameras, strict=True)]
        return ReadViews(tuple(keypoints), tuple(pictures), tuple(notes))
    with Detector() as detector:
        for file, camera, picture in zip(files, cameras, pictures, strict=True):
            found = read_keypoints(file, None, camera.size) if picture is None else detector.search(picture, people)
            if found is None:
                notes.append(f"nobody was found in view {camera.name}")
            elif picture is not None and hands:
                found = found.with_hands(detector.hands.detect(picture, found))
            keypoints.append(found)
    return ReadViews(tuple(keypoints), tuple(pictures), tuple(notes))
