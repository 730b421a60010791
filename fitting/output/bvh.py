"""Skeleton and motion as BVH (Biovision hierarchy): centimetres, y up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from fitting.body.joint_sets import NAMES, TREES
from fitting.output.skinning import SkeletonMotion
from qposer.io.atomic_files import atomic_write

CENTIMETRES = 100.0
"""The format states no unit; MotionBuilder, Maya and most recorded data sets assume centimetres."""

_ORDER = "ZXY"
"""Order of the rotations, the first outermost. Turns about the vertical come last, so that none makes it singular."""

_END = 0.5
"""Length of the end of a chain, which BVH requires, as a fraction of the chain's last bone."""


def write_bvh(path: str | Path, rest_joints: Float[np.ndarray, "joints 3"], motion: SkeletonMotion) -> None:
    """Write the joints of SMPL, or with fingers SMPL-H, by name, positions of the root, and rotations of all joints.

    The rest pose is the T-pose, which faces z. The first frame is the clip's first, whatever its time.
    `qposer.data.bvh.read_bvh` reads the file.

    Args:
        path: the file to write; its folder is created.
        rest_joints: positions of the joints in the T-pose, metres.
        motion: the poses.

    Raises:
        ValueError: a number is not finite, or the rate is not positive.
        OSError: the file cannot be written.
    """
    if not 0 < motion.fps < math.inf:
        raise ValueError(f"frames per second must be a positive number, not {motion.fps}")
    if not all(np.isfinite(values).all() for values in (rest_joints, motion.root, motion.rotations)):
        raise ValueError("expected finite joints, positions and rotations, found NaN or infinite ones")
    tree = TREES[len(rest_joints)]
    offsets = CENTIMETRES * (rest_joints - rest_joints[[0, *tree[1:]]])
    order = _depth_first(0, tree)
    angles = Rotation.from_matrix(motion.rotations[:, order].reshape(-1, 3, 3)).as_euler(_ORDER, degrees=True)
    continuous = np.unwrap(angles.reshape(len(motion.root), -1), period=360.0, axis=0)
    values = np.concatenate([CENTIMETRES * motion.root, continuous], axis=1)
    lines = ["HIERARCHY", *_joint(0, offsets, ""), "MOTION", f"Frames: {len(values)}"]
    lines += [f"Frame Time: {1 / motion.fps:.9f}", *(" ".join(f"{value:.5f}" for value in row) for row in values)]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")


def _children(joint: int, tree: tuple[int, ...]) -> list[int]:
    return [child for child, parent in enumerate(tree) if parent == joint]


def _depth_first(joint: int, tree: tuple[int, ...]) -> list[int]:
    """The joints from this one downwards, in the order of the file."""
    return [joint, *(below for child in _children(joint, tree) for below in _depth_first(child, tree))]


def _joint(joint: int, offsets: Float[np.ndarray, "joints 3"], indent: str) -> list[str]:
    """Lines of a joint and those below it."""
    channels = " ".join(f"{axis}rotation" for axis in _ORDER)
    kind, places = ("JOINT", "3") if joint else ("ROOT", "6 Xposition Yposition Zposition")
    below = [line for child in _children(joint, TREES[len(offsets)]) for line in _joint(child, offsets, indent + "\t")]
    if not below:
        below = [
            f"{indent}\tEnd Site",
            f"{indent}\t{{",
            f"{indent}\t\t{_offset(_END * offsets[joint])}",
            f"{indent}\t}}",
        ]
    return [
        f"{indent}{kind} {NAMES[len(offsets)][joint]}",
        f"{indent}{{",
        f"{indent}\t{_offset(offsets[joint])}",
        f"{indent}\tCHANNELS {places} {channels}",
        *below,
        f"{indent}}}",
    ]


def _offset(vector: Float[np.ndarray, "3"]) -> str:
    return "OFFSET " + " ".join(f"{value:.6f}" for value in vector)
