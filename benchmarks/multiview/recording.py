"""A recording by several calibrated cameras, with the true positions of the person's joints at some moments."""

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
"""Height in metres from which heights in pixels are computed."""


@dataclass(frozen=True)
class View:
    """One camera of a recording."""

    name: str
    video: Video
    intrinsics: Float[np.ndarray, "3 3"]
    truth: Float[np.ndarray, "moments joints 3"]
    """True joint positions in camera axes, metres."""

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
        """Projection of the truth in pixels, without lens distortion."""
        points = self.truth @ self.intrinsics.T
        return np.asarray(points[..., :2] / points[..., 2:])

    @property
    def height(self) -> Float[np.ndarray, " moments"]:
        """Height of the person in pixels at the person's depth."""
        return np.asarray(self.focal * STATURE / self.truth[..., 2].mean(-1))

    def pictures(self, frames: Int[np.ndarray, " moments"]) -> list[Picture]:
        """Read some frames of the video, with ascending numbers.

        Raises:
            ValueError: the video ends before the last of them.
        """
        wanted = set(frames.tolist())
        found = [picture for number, picture in enumerate(self.video.frames()) if number in wanted]
        if len(found) < len(wanted):
            raise ValueError(f"{self.video.path} ends before frame {max(wanted)}: {len(found)} of {len(wanted)} found")
        return found


@dataclass(frozen=True)
class Recording:
    """Moments of a person in the views of several cameras."""

    views: list[View]
    frames: Int[np.ndarray, " moments"]
    """Frame numbers of the moments in the videos, ascending."""
    names: tuple[str, ...]
    """Names of the true joints."""


def read_recording(folder: Path) -> Recording:
    """Read a folder with ``cameras.json``, ``truth.npz``, and a video ``NAME.mp4`` of each camera.

    ``cameras.json`` contains K (3, 3), R (3, 3) and t (3,) of each camera by name; a point X projects to K (R X + t).
    ``truth.npz`` contains ``frame`` (moments,), ``xyz`` (moments, joints, 3) in metres, and ``names`` (joints,): joint
    names that SMPL and MediaPipe share, including both hips.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file has unexpected contents.
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
        found = ", ".join(f"{key} {value.shape}" for key, value in arrays.items()) or "none of them"
        raise ValueError(
            f"{folder / 'truth.npz'}: expected frame (moments,), xyz (moments, joints, 3) and the names of joints, "
            f"including both hips, found {found}"
        )
    views = [
        View(name, open_video(folder / f"{name}.mp4"), intrinsics, arrays["xyz"] @ rotation.T + shift)
        for name, (intrinsics, rotation, shift) in calibrated.items()
    ]
    return Recording(views, arrays["frame"], names)


def read_cameras(folder: Path) -> dict[str, tuple[Float[np.ndarray, "..."], ...]]:
    """Read K (3, 3), R (3, 3) and t (3,) of each camera by name from a recording's ``cameras.json``.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file has unexpected contents.
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
