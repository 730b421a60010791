"""Reader of BioVision BVH files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from qposer.data.motion import Motion

_Z_TO_Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Rotation from z to y, and from -y to z."""


@dataclass
class _Hierarchy:
    """Contents of the HIERARCHY part of a file, in its order."""

    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    channels: list[list[str]] = field(default_factory=list)


def read_bvh(path: Path) -> Motion:
    """Read a clip; the subject is the name of its folder.

    In the rest pose all channels are zero. A file whose rest pose is tall along z and flat along y
    has z up and faces -y, as in Blender and MakeHuman, and is rotated. Frames are numbered from 1.

    Raises:
        ValueError: the file is damaged or not BVH.
    """
    header, found, motion = path.read_text(encoding="latin-1").partition("MOTION")
    if not header.lstrip().startswith("HIERARCHY") or not found:
        raise ValueError(f"{path}: expected a BVH file with the parts HIERARCHY and MOTION")
    try:
        hierarchy = _read_hierarchy(header.split())
        frame_time, values = _read_motion(motion.splitlines(), width=sum(map(len, hierarchy.channels)))
    except (IndexError, ValueError) as error:
        raise ValueError(f"{path}: the file is damaged ({error})") from error

    rotations = np.empty((len(values), len(hierarchy.names), 3, 3))
    first = 0
    for joint, (parent, channels) in enumerate(zip(hierarchy.parents, hierarchy.channels, strict=True)):
        turn = _turn(channels, values[:, first : first + len(channels)]).as_matrix()
        rotations[:, joint] = turn if parent < 0 else rotations[:, parent] @ turn
        first += len(channels)
    clip = Motion(
        subject=path.resolve().parent.name,
        sequence=path.stem,
        fps=1 / frame_time,
        frames=np.arange(1, len(values) + 1),
        names=tuple(hierarchy.names),
        parents=tuple(hierarchy.parents),
        offsets=np.array(hierarchy.offsets),
        rotations=rotations,
    )
    if _has_z_up(clip):
        clip = replace(clip, offsets=clip.offsets @ _Z_TO_Y.T, rotations=_Z_TO_Y @ clip.rotations @ _Z_TO_Y.T)
    return clip.with_first_frame_as_rest() if _starts_with_t_pose(clip) else clip


def _has_z_up(clip: Motion) -> bool:
    """Whether the rest pose is more than twice as long along z as along y."""
    extent = np.ptp(clip.rest_positions(), axis=0)
    return bool(extent[2] > 2 * extent[1])


def _starts_with_t_pose(clip: Motion) -> bool:
    """Whether the first frame is an inserted T-pose: unrotated root, horizontal arms, vertical legs."""
    if len(clip.frames) < 2 or not np.array_equal(clip.rotations[0, 0], np.eye(3)):
        return False
    positions = clip.positions()[0]
    extent = np.ptp(positions, axis=0)
    return bool(0.75 < extent[0] / extent[1] < 1.33 and extent[2] < 0.3 * extent[1])


def _turn(channels: list[str], values: Float[np.ndarray, "frames channels"]) -> Rotation:
    """Rotation of a joint: intrinsic rotations of its channels, in their order."""
    columns = [index for index, channel in enumerate(channels) if channel.endswith("rotation")]
    if not columns:
        return Rotation.identity(len(values))
    return Rotation.from_euler("".join(channels[column][0] for column in columns), values[:, columns], degrees=True)


def _read_hierarchy(words: list[str]) -> _Hierarchy:
    hierarchy = _Hierarchy()
    open_joints = [-1]
    joint = -1
    position = 1
    while position < len(words):
        word = words[position]
        if word in ("ROOT", "JOINT", "End"):
            name = f"{hierarchy.names[joint]} end" if word == "End" else words[position + 1]
            joint = len(hierarchy.names)
            hierarchy.names.append(name)
            hierarchy.parents.append(open_joints[-1])
            hierarchy.offsets.append([0.0, 0.0, 0.0])
            hierarchy.channels.append([])
            position += 2
        elif word == "{":
            open_joints.append(joint)
            position += 1
        elif word == "}":
            open_joints.pop()
            joint = open_joints[-1]
            position += 1
        elif word == "OFFSET":
            hierarchy.offsets[joint] = [float(word) for word in words[position + 1 : position + 4]]
            position += 4
        elif word == "CHANNELS":
            count = int(words[position + 1])
            hierarchy.channels[joint] = words[position + 2 : position + 2 + count]
            position += 2 + count
        else:
            raise ValueError(f"unexpected word {word!r} in HIERARCHY")
    if open_joints != [-1] or not hierarchy.names:
        raise ValueError("HIERARCHY is not closed")
    return hierarchy


def _read_motion(lines: list[str], width: int) -> tuple[float, Float[np.ndarray, "frames channels"]]:
    """Seconds per frame, and the channel values."""
    rows = [line.split() for line in lines if line.strip()]
    if len(rows) < 2 or rows[0][0] != "Frames:" or rows[1][:2] != ["Frame", "Time:"]:
        raise ValueError("MOTION does not start with Frames: and Frame Time:")
    count, frame_time = int(rows[0][1]), float(rows[1][2])
    if count != len(rows) - 2 or frame_time <= 0:
        raise ValueError(f"{count} frames of {frame_time} s are announced, {len(rows) - 2} are there")
    for frame, row in enumerate(rows[2:], start=1):
        if len(row) != width:
            raise ValueError(f"frame {frame} has {len(row)} numbers, expected {width}")
    return frame_time, np.array(rows[2:], dtype=float).reshape(count, width)
