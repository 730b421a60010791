"""Pose2Sim's ``Calib.toml``: metres, world to camera, z up."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.calibration_files.fields import field, numbers, picture_size, rotation_matrix, sized

_KEYS = {"matrix", "rotation", "translation"}


def read(path: Path, raw: bytes) -> list[CalibratedCamera] | None:
    """Read the cameras of a TOML file with one section each; None for other files.

    Args:
        path: unused.
        raw: content of the file.

    Returns:
        The cameras in the file's order.

    Raises:
        ValueError: a camera's section is incomplete or invalid.
    """
    try:
        parsed = tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    sections = {name: value for name, value in parsed.items() if isinstance(value, dict) and _KEYS & value.keys()}
    return [_camera(str(section.get("name", name)), section) for name, section in sections.items()] or None


def _camera(name: str, section: dict[str, Any]) -> CalibratedCamera:
    if section.get("fisheye", False):
        raise ValueError(f"camera {name} is a fisheye camera, which is not supported: undistort its pictures first")
    return CalibratedCamera(
        name,
        sized(field(section, ("matrix",), name), 9, f"the matrix of camera {name}").reshape(3, 3),
        rotation_matrix(field(section, ("rotation",), name), f"the rotation of camera {name}"),
        sized(field(section, ("translation",), name), 3, f"the translation of camera {name}"),
        numbers(section.get("distortions", []), f"the distortions of camera {name}").ravel(),
        picture_size(section["size"], f"the size of camera {name}") if "size" in section else None,
        up="z",
    )
