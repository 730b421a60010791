"""From the file of any tool to `CalibratedCamera`."""

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
"""Each returns None where a file is not of its kind; the first counts."""

MOST_BYTES = 2**24
"""A calibration is not larger."""


def read_cameras(path: str | Path) -> list[CalibratedCamera]:
    """The cameras of a calibration file, recognised by what it holds.

    Args:
        path: Pose2Sim's TOML, Qualisys' ``.qca.txt``, JSON with K, dist, R and t of each camera, EasyMocap's
            ``intri.yml`` or ``extri.yml``, or the folder that holds these two.

    Returns:
        The cameras in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is of no known kind, a camera lacks something, or two have the same name.
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
                "this is no calibration that can be read: give Pose2Sim's TOML, Qualisys' .qca.txt, EasyMocap's "
                "intri.yml and extri.yml, or JSON with K, dist, R and t of each camera"
            )
        names = [camera.name for camera in cameras]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several cameras are called {', '.join(repeated)}: rename them")
        return cameras
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
