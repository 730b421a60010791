"""EasyMocap's ``intri.yml`` and ``extri.yml``, written by OpenCV's FileStorage: metres, world to camera, z up."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.calibration_files.fields import rotation_matrix, sized
from fitting.inputs.quiet import native_stderr_silenced

_INTRINSICS, _EXTRINSICS = "intri.yml", "extri.yml"

_BEGIN = b"%YAML"


def read(path: Path, raw: bytes) -> list[CalibratedCamera] | None:
    """Read the cameras of a pair of files in one folder; None for files other than OpenCV's YAML.

    Args:
        path: one of the two.
        raw: content of the file.

    Returns:
        The cameras in the order of the names in the files.

    Raises:
        ValueError: the other file is missing, or a camera is incomplete.
    """
    if not raw.lstrip(b"\xef\xbb\xbf").startswith(_BEGIN):
        return None
    inner, outer = (_storage(path.parent / name) for name in (_INTRINSICS, _EXTRINSICS))
    names = _names(outer) or _names(inner)
    if not names:
        raise ValueError(f"{_INTRINSICS} and {_EXTRINSICS} contain no list of camera names")
    return [_camera(name, inner, outer) for name in names]


def _storage(path: Path) -> cv2.FileStorage:
    if not path.is_file():
        raise ValueError(f"there is no {path}: EasyMocap's {_INTRINSICS} and {_EXTRINSICS} must be in one folder")
    try:
        with native_stderr_silenced():
            return cv2.FileStorage(
                path.read_text(encoding="utf-8-sig"), cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
            )
    except (cv2.error, SystemError, UnicodeDecodeError):
        raise ValueError(f"{path} is not a YAML file as OpenCV writes it") from None


def _names(storage: cv2.FileStorage) -> list[str]:
    node = storage.getNode("names")
    return [node.at(index).string() for index in range(node.size())] if node.isSeq() else []


def _camera(name: str, inner: cv2.FileStorage, outer: cv2.FileStorage) -> CalibratedCamera:
    matrix = _matrix(outer, f"Rot_{name}")
    rotation = _matrix(outer, f"R_{name}") if matrix is None else matrix
    distortion = _matrix(inner, f"dist_{name}", f"D_{name}")
    width, height = (inner.getNode(f"{side}_{name}") for side in "WH")
    size = (round(width.real()), round(height.real())) if width.isReal() or width.isInt() else None
    return CalibratedCamera(
        name,
        sized(_known(_matrix(inner, f"K_{name}"), f"K_{name}", _INTRINSICS), 9, f"K_{name}").reshape(3, 3),
        rotation_matrix(_known(rotation, f"Rot_{name} or R_{name}", _EXTRINSICS), f"R_{name}"),
        sized(_known(_matrix(outer, f"T_{name}"), f"T_{name}", _EXTRINSICS), 3, f"T_{name}"),
        np.zeros(0) if distortion is None else distortion.ravel(),
        size if size is not None and min(size) > 0 else None,
        up="z",
    )


def _matrix(storage: cv2.FileStorage, *names: str) -> Float[np.ndarray, "..."] | None:
    """The first existing matrix of these names."""
    for name in names:
        node = storage.getNode(name)
        if node.isMap():
            found = node.mat()
            return None if found is None else np.asarray(found, dtype=np.float64)
    return None


def _known(matrix: Float[np.ndarray, "..."] | None, name: str, file: str) -> Float[np.ndarray, "..."]:
    if matrix is None:
        raise ValueError(f"{file} lacks {name}")
    return matrix
