"""A recording by several calibrated cameras, with positions of the person's joints at some moments."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from fitting.inputs.detections import Picture
from fitting.inputs.keypoints import FORMATS
from fitting.video.frames import Video, open_video
from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.io.npz import read_npz

STATURE = 1.7
"""Metres: the person's height in pixels is that of somebody as tall, at the person's depth."""


@dataclass(frozen=True)
class View:
    """One camera of a recording."""

    name: str
    video: Video
    intrinsics: Float[np.ndarray, "3 3"]
    truth: Float[np.ndarray, "moments joints 3"]
    """In the camera's axes, metres."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.video.width, self.video.height

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return float(self.intrinsics[0, 0])

    @property
    def projected(self) -> Float[np.ndarray, "moments joints 2"]:
        """Pixels of the truth, without the lens' distortion."""
        points = self.truth @ self.intrinsics.T
        return np.asarray(points[..., :2] / points[..., 2:])

    @property
    def height(self) -> Float[np.ndarray, " moments"]:
        """Of the person in pixels."""
        return np.asarray(self.focal * STATURE / self.truth[..., 2].mean(-1))

    def pictures(self, frames: Int[np.ndarray, " moments"]) -> list[Picture]:
        """Some frames of the video, which rise.

        Raises:
            ValueError: the video ends before.
        """
        wanted = set(frames.tolist())
        found = [picture for number, picture in enumerate(self.video.frames()) if number in wanted]
        if len(found) < len(wanted):
            raise ValueError(f"{self.video.path} ends before frame {max(wanted)}: {len(found)} of {len(wanted)} found")
        return found


@dataclass(frozen=True)
class Recording:
    """Moments of a person whom several cameras see."""

    views: list[View]
    frames: Int[np.ndarray, " moments"]
    """Numbers of the moments' frames in the videos, ascending."""
    names: tuple[str, ...]
    """Of the joints of the truth."""


def read_recording(folder: Path) -> Recording:
    """A folder with ``cameras.json``, ``truth.npz``, and a video ``NAME.mp4`` of each camera.

    ``cameras.json`` holds K (3, 3), R (3, 3) and t (3,) of each camera by its name, such that pixels are K (R X + t);
    ``truth.npz`` holds ``frame`` (moments,), ``xyz`` (moments, joints, 3) in metres, and ``names`` (joints,), which are
    SMPL's and a detector's, both hips among them.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file holds something else.
    """
    calibrated = read_cameras(folder)
    if not (folder / "truth.npz").is_file():
        raise FileNotFoundError(f"there is no {folder / 'truth.npz'}: give the folder of a recording")
    arrays = read_npz(folder / "truth.npz", ("frame", "xyz", "names"))
    names = tuple(map(str, arrays.get("names", np.array([]))))
    known = set(JOINT_NAMES) & set(FORMATS["mediapipe"].names)
    if (
        len(arrays) < 3
        or not {"left_hip", "right_hip"} <= set(names) <= known
        or arrays["xyz"].shape != (len(arrays["frame"]), len(names), 3)
    ):
        found = ", ".join(f"{key} {value.shape}" for key, value in arrays.items()) or "nothing of the kind"
        raise ValueError(
            f"{folder / 'truth.npz'}: expected frame (moments,), xyz (moments, joints, 3) and the names of joints, "
            f"both hips among them, found {found}"
        )
    views = [
        View(name, open_video(folder / f"{name}.mp4"), intrinsics, arrays["xyz"] @ rotation.T + shift)
        for name, (intrinsics, rotation, shift) in calibrated.items()
    ]
    return Recording(views, arrays["frame"], names)


def read_cameras(folder: Path) -> dict[str, tuple[Float[np.ndarray, "..."], ...]]:
    """K (3, 3), R (3, 3) and t (3,) of each camera by its name, from a recording's ``cameras.json``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else.
    """
    if not (folder / "cameras.json").is_file():
        raise FileNotFoundError(f"there is no {folder / 'cameras.json'}: give the folder of a recording")
    try:
        cameras = json.loads((folder / "cameras.json").read_text(encoding="utf-8"))
        return {
            name: tuple(np.array(camera[key], dtype=np.float64).reshape(shape) for key, shape in _CALIBRATION.items())
            for name, camera in cameras.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / 'cameras.json'}: expected K, R and t by the cameras' names ({error})") from None


_CALIBRATION = {"K": (3, 3), "R": (3, 3), "t": (3,)}
