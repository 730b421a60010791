"""Selection of frames of a recording, without jumps, impossible joints and repetitions."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import JOINT_NAMES, NUM_BODY_JOINTS
from qposer.data.recordings import Recording

MAX_JUMP = 60.0
"""Maximum rotation between neighbouring frames, degrees. Beyond it one frame is wrong: 1800 degrees per second at 30
frames per second is faster than a throwing arm, and in the CMU data nearly always a lost or swapped marker."""

MAX_TURN = {"ankle": (90, 90, 90), "head": (90, 90, 90), "shoulder": (120, 120, 120), "wrist": (38, 100, 100)}
"""Maximum rotation of joints about x, y and z (components of the axis-angle vector), degrees. Solvers of
optical capture sometimes rotate a head, or a straight limb about its axis, by half a circle for seconds, without
a detectable jump. In the CMU data ankles and heads are rarely between 90 degrees and half a
circle; for palms the limit is less sharp. A wrist has 30 % of the palm's rotation (x), so 38 means 127 degrees."""

MIN_CHANGE = 1.0
"""Minimum rotation, in degrees, of some body joint since the last kept frame. It corresponds to the noise of
optical capture: about one frame is kept of people who stand still, and all frames of slow motion."""


@dataclass(frozen=True)
class Counts:
    """Frame counts of one or more clips: ``kept`` is ``read`` minus the dropped frames."""

    read: int = 0
    thinned: int = 0
    jumped: int = 0
    impossible: int = 0
    repeated: int = 0
    kept: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Sum of both counts."""
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True)
class Clip:
    """Selected frames of one recording."""

    subject: str
    sequence: str
    source: str
    frame: Int[np.ndarray, " frames"]
    pose: Float[np.ndarray, "frames 24 3"]
    counts: Counts
    faults: tuple[str, ...]
    """One line for each jump, with frame, joint and angle, and for each joint with impossible rotations."""


def select(recording: Recording) -> Clip:
    """Select frames without jumps, impossible joints and repetitions.

    Both frames of a jump are dropped, because either may be wrong.
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
    """Frames with a joint rotated by more than ``MIN_CHANGE`` degrees since the last such frame."""
    quaternions = _quaternions(body_pose)
    closest = np.cos(np.radians(MIN_CHANGE + 1e-6) / 2)  # rounded recordings often change by exactly this
    keep = np.zeros(len(quaternions), dtype=bool)
    keep[:1] = True
    last = 0
    for index in range(1, len(quaternions)):
        if np.abs((quaternions[index] * quaternions[last]).sum(axis=-1)).min() < closest:
            keep[index] = True
            last = index
    return keep


def _overturned(pose: Float[np.ndarray, "frames 24 3"]) -> Bool[np.ndarray, "frames 24"]:
    """Joints rotated by more than ``MAX_TURN``."""
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
