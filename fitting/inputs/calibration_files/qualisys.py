"""Qualisys Track Manager's calibration (``.qca.txt``): XML, millimetres, pixels in 64ths, z up.

Its cameras look along their negative z axis with y up, and their positions are those of the cameras in the world.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.calibration_files.fields import sized

_SUBPIXELS = 64.0
_FLIP = np.diag([1.0, -1.0, -1.0])  # from y up, z back to y down, z forward
_ENTRIES = tuple(f"r{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3))


def read(path: Path, raw: bytes) -> list[CalibratedCamera] | None:
    """Read the active cameras of a calibration; None for files other than XML.

    Args:
        path: unused.
        raw: content of the file.

    Returns:
        The cameras in the file's order, named by their serial numbers.

    Raises:
        ValueError: the XML is not a calibration, or a camera is incomplete.
    """
    if not raw.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return None
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise ValueError("the XML declares a document type, unlike calibrations of Qualisys")
    try:
        root = ElementTree.fromstring(raw)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise ValueError(f"the XML is damaged ({error})") from None
    cameras = [camera for camera in root.iter("camera") if camera.get("active", "1") not in ("0", "false")]
    if not cameras:
        raise ValueError("the XML contains no active camera of a Qualisys calibration")
    return [_camera(camera) for camera in cameras]


def _camera(camera: ElementTree.Element) -> CalibratedCamera:
    name = camera.get("serial", "")
    fov = camera.find("fov_video")
    edges = dict.fromkeys(("left", "top"), 0.0)
    size = None
    if fov is not None:
        edges = _attributes(fov, ("left", "top", "right", "bottom"), name)
        size = (round(edges["right"] - edges["left"]) + 1, round(edges["bottom"] - edges["top"]) + 1)
    wanted = ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV")
    lens = {key: value / _SUBPIXELS for key, value in _attributes(camera.find("intrinsic"), wanted, name).items()}
    bends = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
    bent = [value / _SUBPIXELS for value in _attributes(camera.find("intrinsic"), bends, name, "0").values()]
    third = _attributes(camera.find("intrinsic"), ("radialDistortion3",), name, "0")["radialDistortion3"] / _SUBPIXELS
    placed = _attributes(camera.find("transform"), ("x", "y", "z", *_ENTRIES), name)
    rotation = _FLIP @ np.array([placed[entry] for entry in _ENTRIES]).reshape(3, 3)
    position = np.array([placed["x"], placed["y"], placed["z"]]) / 1000.0
    intrinsics = [
        [lens["focalLengthU"], 0.0, lens["centerPointU"] - edges["left"]],
        [0.0, lens["focalLengthV"], lens["centerPointV"] - edges["top"]],
        [0.0, 0.0, 1.0],
    ]
    return CalibratedCamera(
        name, np.array(intrinsics), rotation, -rotation @ position, np.array([*bent, third]), size, up="z"
    )


def _attributes(
    element: ElementTree.Element | None, names: tuple[str, ...], camera: str, default: str | None = None
) -> dict[str, float]:
    """Numbers of an element's attributes."""
    found = {}
    for name in names:
        value = None if element is None else element.get(name, default)
        if value is None:
            raise ValueError(f"camera {camera} lacks {name}: give a calibration file of Qualisys (.qca.txt)")
        found[name] = float(sized([value], 1, f"{name} of camera {camera}")[0])
    return found
