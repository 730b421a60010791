"""Read calibration files of any supported tool."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.calibration_files import easymocap, opencv_json, pose2sim, qualisys

READERS: tuple[Callable[[Path, bytes], list[CalibratedCamera] | None], ...] = (
    qualisys.read,
    easymocap.read,
    opencv_json.read,
    pose2sim.read,
)
"""Readers in order; each returns None for files of other formats."""

MOST_BYTES = 2**24
"""Maximum size of a calibration file in bytes."""


def read_cameras(path: str | Path) -> list[CalibratedCamera]:
    """Read the cameras of a calibration file, whose format is detected from its content.

    Args:
        path: Pose2Sim's TOML, Qualisys' ``.qca.txt``, JSON with K, dist, R and t of each camera, EasyMocap's
            ``intri.yml`` or ``extri.yml``, or the folder of these two.

    Returns:
        The cameras in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the format is unknown, a camera is incomplete, or two have the same name.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "intri.yml"
    if not path.is_file():
        raise FileNotFoundError(f"there is no calibration file {path}: check the path")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("the file is too large for a calibration")
        raw = path.read_bytes()
        cameras = next((cameras for read in READERS if (cameras := read(path, raw)) is not None), None)
        if cameras is None:
            raise ValueError(
                "the calibration format is unknown: give Pose2Sim's TOML, Qualisys' .qca.txt, EasyMocap's "
                "intri.yml and extri.yml, or JSON with K, dist, R and t of each camera"
            )
        names = [camera.name for camera in cameras]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several cameras have the name {', '.join(repeated)}: rename them")
        return cameras
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
