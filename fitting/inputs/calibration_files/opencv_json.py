"""JSON with OpenCV's quantities: K, dist, R and t of each camera by its name, or a list of cameras with names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.calibration_files.fields import field, numbers, picture_size, rotation_matrix, sized

_K = ("K", "intrinsics", "intrinsic", "camera_matrix", "matrix")
_R = ("R", "rotation", "rvec")
_T = ("t", "T", "translation", "tvec")
_DISTORTION = ("dist", "distCoef", "distortion", "distortions", "dist_coeffs", "D")
_SIZE = ("size", "resolution", "image_size")


def read(path: Path, raw: bytes) -> list[CalibratedCamera] | None:
    """Read the cameras of a JSON file; None for other files.

    Args:
        path: unused.
        raw: content of the file.

    Returns:
        The cameras in the file's order.

    Raises:
        ValueError: the JSON does not contain cameras, or a camera is incomplete.
    """
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if isinstance(parsed, dict) and isinstance(parsed.get("cameras"), list | dict):
        parsed = parsed["cameras"]
    if isinstance(parsed, list):
        named = [(str(one.get("name", index)), one) for index, one in enumerate(parsed) if isinstance(one, dict)]
    elif isinstance(parsed, dict):
        named = [(name, one) for name, one in parsed.items() if isinstance(one, dict)]
    else:
        named = []
    if not named:
        raise ValueError("the JSON contains no cameras: expected K, dist, R and t for each camera name")
    return [_camera(name, section) for name, section in named]


def _camera(name: str, section: dict[str, Any]) -> CalibratedCamera:
    distortion: Any = next((section[key] for key in _DISTORTION if key in section), [])
    size = next((section[key] for key in _SIZE if key in section), None)
    return CalibratedCamera(
        name,
        sized(field(section, _K, name), 9, f"K of camera {name}").reshape(3, 3),
        rotation_matrix(field(section, _R, name), f"R of camera {name}"),
        sized(field(section, _T, name), 3, f"t of camera {name}"),
        numbers(distortion, f"the distortion of camera {name}").ravel() if distortion else np.zeros(0),
        None if size is None else picture_size(size, f"the size of camera {name}"),
    )
