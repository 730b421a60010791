"""TRC files of markers for OpenSim and its tools: metres, y up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.io.atomic_files import atomic_write


def write_trc(
    path: Path,
    joints: Float[np.ndarray, "frames markers 3"],
    fps: float,
    names: Sequence[str] = JOINT_NAMES,
) -> None:
    """Write the positions of joints as markers atomically.

    Args:
        path: file to write; its folder is created.
        joints: positions in axes with y up, metres.
        fps: frames per second.
        names: names of the joints.

    Raises:
        ValueError: the positions are not finite, their number differs from the names', or ``fps`` is not positive.
    """
    if joints.ndim != 3 or joints.shape[1:] != (len(names), 3) or not np.isfinite(joints).all():
        raise ValueError(f"markers must be finite and (frames, {len(names)}, 3), not {joints.shape}")
    if not 0 < fps < math.inf:
        raise ValueError(f"frames per second must be a positive number, not {fps}")
    frames, markers = joints.shape[:2]
    keys = [
        "DataRate",
        "CameraRate",
        "NumFrames",
        "NumMarkers",
        "Units",
        "OrigDataRate",
        "OrigDataStartFrame",
        "OrigNumFrames",
    ]
    values = [f"{fps:g}", f"{fps:g}", frames, markers, "m", f"{fps:g}", 1, frames]
    axes = [f"{axis}{marker}" for marker in range(1, markers + 1) for axis in "XYZ"]
    lines = [
        ["PathFileType", "4", "(X/Y/Z)", path.name],
        keys,
        values,
        ["Frame#", "Time", *(cell for name in names for cell in (name, "", ""))],
        ["", "", *axes],
    ]
    for frame, places in enumerate(joints.reshape(frames, -1)):
        lines.append([frame + 1, f"{frame / fps:.6f}", *(f"{place:.6f}" for place in places)])
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines), encoding="utf-8")
