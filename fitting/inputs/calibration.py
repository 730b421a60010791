"""Calibrated cameras: poses in a common world, intrinsics and lens distortion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from jaxtyping import Float

from fitting.inputs.detections import Picture

Axis = Literal["x", "y", "z", "-x", "-y", "-z"]
"""A direction along an axis of the world."""

_COEFFICIENTS = (4, 5, 8, 12, 14)
"""Numbers of distortion coefficients supported by OpenCV."""

CODEC_BLOCK = 16
"""Tolerance of picture sizes in pixels: video codecs crop or pad to multiples of at most this."""

_CONVERGED = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-9)

_ORTHOGONAL = 1e-2
"""Maximum entry of ``R @ R.T - I`` for rotations, which may be written with few digits."""


@dataclass(frozen=True)
class CalibratedCamera:
    """A camera in the world: ``x_camera = rotation @ x_world + translation``, with OpenCV's axes and distortion."""

    name: str
    intrinsics: Float[np.ndarray, "3 3"]
    """Focal lengths and principal point in pixels."""
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]
    """Metres."""
    distortion: Float[np.ndarray, " coefficients"]
    """k1 k2 p1 p2, optionally followed by k3 up to the sensor tilt; empty for a pinhole camera."""
    size: tuple[int, int] | None = None
    """Width and height in pixels, if known."""
    up: Axis | None = None
    """The direction against gravity that the calibration's format prescribes, if any."""

    def __post_init__(self) -> None:
        """Validate the camera.

        Raises:
            ValueError: an array has a wrong shape, or is not finite; the focal lengths are not positive; there is a
                skew; the rotation is invalid; or the size is not positive.
        """
        shapes = {"intrinsics": (3, 3), "rotation": (3, 3), "translation": (3,), "distortion": (self.distortion.size,)}
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape or not np.isfinite(values).all():
                raise ValueError(
                    f"camera {self.name}: the {name} must be {shape} finite numbers, not {values.tolist()}"
                )
        (fx, skew, _), (_, fy, _), last = self.intrinsics
        if fx <= 0 or fy <= 0 or not np.allclose(last, (0, 0, 1)):
            raise ValueError(
                f"camera {self.name}: expected K = [fx 0 cx; 0 fy cy; 0 0 1] in pixels, not {last.tolist()}"
            )
        if abs(skew) > 1e-3 * fx:
            raise ValueError(f"camera {self.name} has skewed pixels ({skew:g}), which are not supported")
        if self.distortion.size and self.distortion.size not in _COEFFICIENTS:
            raise ValueError(
                f"camera {self.name} has {self.distortion.size} distortion coefficients: OpenCV supports "
                f"{', '.join(map(str, _COEFFICIENTS))} (k1 k2 p1 p2 k3 ...)"
            )
        skewed = np.abs(self.rotation @ self.rotation.T - np.eye(3)).max()
        if skewed > _ORTHOGONAL or np.linalg.det(self.rotation) < 0:
            raise ValueError(f"camera {self.name}: R is not a rotation matrix (world to camera, determinant 1)")
        if self.size is not None and min(self.size) <= 0:
            raise ValueError(f"camera {self.name} has a size of {self.size[0]} x {self.size[1]} pixels")

    @property
    def focal(self) -> float:
        """Focal length in pixels of the undistorted pinhole camera."""
        return float(np.sqrt(self.intrinsics[0, 0] * self.intrinsics[1, 1]))

    @property
    def centre(self) -> Float[np.ndarray, "2"]:
        """Principal point in pixels, the same for the undistorted pinhole camera."""
        return self.intrinsics[:2, 2]

    @property
    def pinhole(self) -> Float[np.ndarray, "3 3"]:
        """Intrinsics of the undistorted pinhole camera with square pixels."""
        return np.array([[self.focal, 0, self.centre[0]], [0, self.focal, self.centre[1]], [0, 0, 1]])

    def undistorted(self, xy: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """Undistort pixels of the camera's pictures to the pinhole camera."""
        flat = np.asarray(xy, dtype=np.float64).reshape(-1, 1, 2)
        if not flat.size:
            return flat.reshape(np.shape(xy))
        found = cv2.undistortPoints(flat, self.intrinsics, self.distortion, P=self.pinhole, criteria=_CONVERGED)
        return found.reshape(np.shape(xy))

    def undistorted_picture(self, picture: Picture) -> Picture:
        """Undistort a picture to the pinhole camera, with the same size."""
        if not self.distortion.any() and np.isclose(self.intrinsics[0, 0], self.intrinsics[1, 1], rtol=1e-6):
            return picture
        return cv2.undistort(picture, self.intrinsics, self.distortion, newCameraMatrix=self.pinhole)

    def check_size(self, size: tuple[int, int], what: str) -> str | None:
        """Reject pictures whose size does not match the calibration.

        Args:
            size: width and height in pixels.
            what: name of the picture or video in messages.

        Returns:
            A warning if the size differs only slightly, as by video codecs.

        Raises:
            ValueError: the size differs from the calibration.
        """
        if self.size is None or tuple(size) == tuple(self.size):
            return None
        differ = (
            f"{what} is {size[0]} x {size[1]} pixels, but the calibration of camera {self.name} is for "
            f"{self.size[0]} x {self.size[1]}"
        )
        if max(abs(size[0] - self.size[0]), abs(size[1] - self.size[1])) < CODEC_BLOCK:
            return f"{differ}: assumed to be cropped or padded on the right and below"
        raise ValueError(f"{differ}: give pictures as calibrated, neither resized nor rotated")


def up_direction(cameras: Sequence[CalibratedCamera], up: Axis | None = None) -> tuple[Axis, Float[np.ndarray, "3"]]:
    """The direction against gravity, in world axes.

    Args:
        cameras: all cameras of a calibration.
        up: the axis, if known; default: from the calibration's format, otherwise the axis of the world that is
            nearest to the mean of the cameras' own upward directions.

    Returns:
        The axis and its unit vector.

    Raises:
        ValueError: the axis does not exist.
    """
    directions: dict[Axis, Float[np.ndarray, "3"]] = {axis: _direction(axis) for axis in get_args(Axis)}
    if up is not None and up not in directions:
        raise ValueError(f"up must be one of {', '.join(directions)}, not {up!r}")
    known = up or cameras[0].up
    if known is not None:
        return known, directions[known]
    mean = -np.sum([camera.rotation[1] for camera in cameras], axis=0)
    nearest = max(directions, key=lambda axis: float(directions[axis] @ mean))
    return nearest, directions[nearest]


def _direction(axis: str) -> Float[np.ndarray, "3"]:
    unit = np.zeros(3)
    unit["xyz".index(axis[-1])] = -1.0 if axis.startswith("-") else 1.0
    return unit
