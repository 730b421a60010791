"""Which frames of a recording are worth keeping: neither jumps nor impossible joints nor repetitions."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import JOINT_NAMES, NUM_BODY_JOINTS
from qposer.data.recordings import Recording

MAX_JUMP = 60.0
"""Degrees between neighbouring frames above which one of the two is wrong: 1800 degrees a second at 30 frames a second
is more than a throwing arm does, and in the CMU data it is nearly always a marker lost or swapped."""

MAX_TURN = {"ankle": (90, 90, 90), "head": (90, 90, 90), "shoulder": (120, 120, 120), "wrist": (38, 100, 100)}
"""Degrees about x, y and z (components of the axis-angle vector) that a person's joint does not reach. Solvers of
optical capture sometimes turn a straight limb by half a circle about itself, or a head, and keep it so for seconds,
where there is no jump to notice. In the CMU data hardly an ankle or a head lies between 90 degrees and half a
circle; for palms the line is less sharp. A wrist has 30 % of the palm's turn (x), so 38 is a turn of 127."""

MIN_CHANGE = 1.0
"""Degrees: a frame in which no body joint has turned by more since the last frame kept repeats it. That is the noise of
optical capture: people who stand still are kept about once, slow motion is kept whole."""


@dataclass(frozen=True)
class Counts:
    """Frames of one or more clips: ``kept`` is what is left of ``read`` after the others are dropped."""

    read: int = 0
    thinned: int = 0
    jumped: int = 0
    impossible: int = 0
    repeated: int = 0
    kept: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Of both together."""
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True)
class Clip:
    """What is kept of one recording."""

    subject: str
    sequence: str
    source: str
    frame: Int[np.ndarray, " frames"]
    pose: Float[np.ndarray, "frames 24 3"]
    counts: Counts
    faults: tuple[str, ...]
    """A line for each jump, saying frame, joint and angle, and for each joint in impossible positions."""


def select(recording: Recording) -> Clip:
    """What is worth keeping of a recording: neither jumps nor impossible joints nor repetitions.

    Both frames of a jump are dropped, as nothing tells which of the two is wrong.
    """
    motion, pose = recording.motion, recording.pose
    turned = _angles_between(pose[:-1], pose[1:])
    jump = (turned > MAX_JUMP).any(axis=1)
    jumped = np.pad(jump, (1, 0)) | np.pad(jump, (0, 1))
    overturned = _overturned(pose)
    impossible = overturned.any(axis=1) & ~jumped
    good = np.flatnonzero(~jumped & ~impossible)
    kept = good[distinct(pose[good, 1 : NUM_BODY_JOINTS + 1])]
    return Clip(
        subject=motion.subject,
        sequence=motion.sequence,
        source=recording.source,
        frame=motion.frames[kept],
        pose=pose[kept],
        counts=Counts(
            read=recording.read,
            thinned=recording.read - len(pose),
            jumped=int(jumped.sum()),
            impossible=int(impossible.sum()),
            repeated=len(good) - len(kept),
            kept=len(kept),
        ),
        faults=(
            *(
                f"frame {motion.frames[index + 1]}: {JOINT_NAMES[joint]} jumps by {turned[index, joint]:.0f} degrees"
                for index, joint in np.argwhere(turned > MAX_JUMP)
            ),
            *(
                f"{count} frames with an impossible {name}, first {motion.frames[overturned[:, joint].argmax()]}"
                for joint, (name, count) in enumerate(zip(JOINT_NAMES, overturned.sum(axis=0), strict=True))
                if count
            ),
        ),
    )


def distinct(body_pose: Float[np.ndarray, "frames 21 3"]) -> Bool[np.ndarray, " frames"]:
    """Which frames have some joint turned by more than ``MIN_CHANGE`` degrees since the last frame that has."""
    quaternions = _quaternions(body_pose)
    closest = np.cos(np.radians(MIN_CHANGE + 1e-6) / 2)  # recordings are rounded; changes of just so much are common
    keep = np.zeros(len(quaternions), dtype=bool)
    keep[:1] = True
    last = 0
    for index in range(1, len(quaternions)):
        if np.abs((quaternions[index] * quaternions[last]).sum(axis=-1)).min() < closest:
            keep[index] = True
            last = index
    return keep


def _overturned(pose: Float[np.ndarray, "frames 24 3"]) -> Bool[np.ndarray, "frames 24"]:
    """Which joints are turned by more than ``MAX_TURN``."""
    parts = [name.removeprefix("left_").removeprefix("right_") for name in JOINT_NAMES]
    limits = np.array([MAX_TURN.get(part, (np.inf, np.inf, np.inf)) for part in parts])
    overturned: np.ndarray = (np.abs(np.degrees(pose)) > limits).any(axis=-1)
    return overturned


def _quaternions(pose: Float[np.ndarray, "frames joints 3"]) -> Float[np.ndarray, "frames joints 4"]:
    quaternions: np.ndarray = Rotation.from_rotvec(pose.reshape(-1, 3)).as_quat().reshape(*pose.shape[:2], 4)
    return quaternions


def _angles_between(
    first: Float[np.ndarray, "frames joints 3"], second: Float[np.ndarray, "frames joints 3"]
) -> Float[np.ndarray, "frames joints"]:
    """Degrees."""
    cosines = np.abs((_quaternions(first) * _quaternions(second)).sum(axis=-1))
    angles: np.ndarray = np.degrees(2 * np.arccos(cosines.clip(max=1)))
    return angles
