"""Stance calibration: people who stand upright in a recording stand upright in SMPL.

A recording's skeleton has other segments and joint centres than SMPL. The differences are
constant for one actor on one rig; biomechanics removes them with a static trial. Here the trial is the actor's
most upright frames, compared with SMPL fits of people who stand:

- *Segments.* Pelvis, spine, neck, head and feet are each pitched by a constant in their own frames. Toes are made
  flat.
- *Legs.* If recorded bones are too long, the capture solver bends the knees of standing people: bones one percent too
  long bend a straight knee by 16 degrees, but a knee at 60 degrees by only 2 more. So legs are shortened rather
  than rotated by a constant: the line from hip to ankle and the plane of the leg stay, and the knee angle follows from
  the distance between hip and ankle.

An actor who never stands (a fighter, a dancer) looks like one with bones that are too long. Therefore each actor's
constants are shrunk towards the median of all actors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import JOINT_NAMES, NUM_JOINTS, REST_JOINTS
from qposer.data.world_rotations import to_local, to_world

SIDES = ("left_", "right_")

TARGET_PITCH = {
    **{"pelvis": -1.0, "spine1": 1.5, "spine2": 1.0, "spine3": 2.0, "neck": 3.0, "head": 7.0},
    **{"left_ankle": 1.0, "right_ankle": 1.0},
}
"""Forward lean of segments of standing people in world space, degrees: medians of SMPL fits."""

TARGET_KNEE = -2.0
"""Flexion in the straightest tenth of frames of SMPL fits, degrees."""

SHRINKAGE = 0.3, 0.5
"""Shrinkage of an actor's constants towards the median of all actors: segment pitches, and leg excess."""

EXTENSION_WIDTH = np.sin(np.radians(2.5)) ** 2
"""Width of the smooth transition at the end of the range of knee straightening, in units of `_bend`."""

UPRIGHT_SHARE = 0.1

LEAST_FRAMES = 100
"""Minimum number of poses for calibration; fewer do not determine the stance."""


@dataclass(frozen=True)
class Stance:
    """Differences between an actor's recorded skeleton and SMPL's.

    Attributes:
        pitch: forward pitch correction of each of the 24 joints' segments, degrees; for toes, of their joint.
        excess: excess length of legs: one minus the square of true over recorded length.
    """

    pitch: Float[np.ndarray, " 24"]
    excess: float


def upright_frames(pose: Float[np.ndarray, "frames 24 3"], share: float = UPRIGHT_SHARE) -> Int[np.ndarray, " chosen"]:
    """Frames in which the actor stands most upright.

    Args:
        pose: axis-angle in radians; joint 0 to the world, y up.
        share: share of the frames to select.

    Returns:
        Frames with the least rotated hips and knees, among those with pelvis and chest within 30 degrees of the
        vertical (or among all, if there are none).
    """
    pelvis, chest = (_world(pose)[:, JOINT_NAMES.index(name), 1, 1] for name in ("pelvis", "spine3"))
    legs = [JOINT_NAMES.index(side + name) for side in SIDES for name in ("hip", "knee")]
    turned = np.linalg.norm(pose[:, legs], axis=-1).sum(axis=-1)
    leaning = (pelvis < np.cos(np.pi / 6)) | (chest < np.cos(np.pi / 6))
    count = max(1, round(share * len(pose)))
    return np.sort(np.argsort(turned + 100 * leaning, kind="stable")[:count])


def measure_stance(pose: Float[np.ndarray, "frames 24 3"]) -> Stance:
    """Calibration from all poses of one actor on one rig.

    Args:
        pose: output of `qposer.data.retarget.retarget`.
    """
    upright = pose[upright_frames(pose)]
    leans = np.median(_leans(_world(upright)), axis=0)
    pitch = np.zeros(NUM_JOINTS)
    for name, target in TARGET_PITCH.items():
        joint = JOINT_NAMES.index(name)
        pitch[joint] = target - leans[joint]
    for side in SIDES:
        toes = JOINT_NAMES.index(side + "foot")
        pitch[toes] = -np.degrees(np.median(upright[:, toes, 0]))
    bent = [_bend(_knee_angle(_world(pose), side)) for side in SIDES]
    straight = float(np.quantile(np.concatenate(bent), UPRIGHT_SHARE))
    wanted = _bend(np.array([np.radians(TARGET_KNEE) + _REST_KNEE])).item()
    return Stance(pitch, max(0.0, (straight - wanted) / (1 - wanted)))


def shrink(stances: Sequence[Stance]) -> list[Stance]:
    """Shrink the calibrations of several actors towards their median by `SHRINKAGE`."""
    if not stances:
        return []
    pitch = np.median([stance.pitch for stance in stances], axis=0)
    excess = float(np.median([stance.excess for stance in stances]))
    of_pitch, of_excess = SHRINKAGE
    return [
        Stance(stance.pitch + of_pitch * (pitch - stance.pitch), stance.excess + of_excess * (excess - stance.excess))
        for stance in stances
    ]


def apply_stance(pose: Float[np.ndarray, "frames 24 3"], stance: Stance) -> Float[np.ndarray, "frames 24 3"]:
    """Apply a calibration. Segments are corrected in world space, so errors do not accumulate along the body.

    Args:
        pose: axis-angle in radians, output of `qposer.data.retarget.retarget`.
        stance: calibration of the actor.

    Returns:
        Axis-angle in radians.
    """
    world = _world(pose)
    turns = Rotation.from_euler("x", stance.pitch[:, None], degrees=True).as_matrix()
    corrected = world @ turns
    for side in SIDES:
        _shorten_leg(world, corrected, side, stance.excess)
        ankle, toes = (JOINT_NAMES.index(side + name) for name in ("ankle", "foot"))
        bend = world[:, ankle].transpose(0, 2, 1) @ world[:, toes]
        corrected[:, toes] = corrected[:, ankle] @ bend @ turns[toes]
    local = to_local(corrected)
    calibrated: np.ndarray = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(pose.shape)
    calibrated[:, 22:] = 0
    return calibrated


def _shorten_leg(
    world: Float[np.ndarray, "frames 24 3 3"], corrected: Float[np.ndarray, "frames 24 3 3"], side: str, excess: float
) -> None:
    """Write thigh and shin of a shorter leg to ``corrected``, keeping hip, ankle and the plane of the leg."""
    hip, knee = (JOINT_NAMES.index(side + name) for name in ("hip", "knee"))
    thigh, shin = _bones(side)
    line = world[:, hip] @ thigh + world[:, knee] @ shin
    across = np.array([-thigh[1], thigh[0], 0.0])  # horizontal hinge axis, perpendicular to the thigh
    bend = (_bend(_knee_angle(world, side)) - excess) / (1 - excess)
    bend = (bend + np.hypot(bend, EXTENSION_WIDTH)) / 2
    flexion = 2 * np.arcsin(np.sqrt(bend.clip(max=1.0))) - _REST_KNEE
    flexed = Rotation.from_rotvec(flexion[:, None] * np.array([1.0, 0.0, 0.0])).as_matrix()
    posed = _frames(line, world[:, hip] @ across)
    resting = _frames(thigh + flexed @ shin, np.broadcast_to([1.0, 0.0, 0.0], line.shape))
    corrected[:, hip] = posed @ resting.transpose(0, 2, 1)
    corrected[:, knee] = corrected[:, hip] @ flexed


def _bones(side: str) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    hip, knee, ankle = (REST_JOINTS[JOINT_NAMES.index(side + name)] for name in ("hip", "knee", "ankle"))
    return knee - hip, ankle - knee


def _knee_angle(world: Float[np.ndarray, "frames 24 3 3"], side: str) -> Float[np.ndarray, " frames"]:
    """Angle between thigh and shin in radians; zero for a straight leg."""
    thigh, shin = _bones(side)
    hip, knee = (JOINT_NAMES.index(side + name) for name in ("hip", "knee"))
    cosine = np.einsum("nij,j,nik,k->n", world[:, hip], thigh, world[:, knee], shin)
    angle: np.ndarray = np.arccos((cosine / np.linalg.norm(thigh) / np.linalg.norm(shin)).clip(-1, 1))
    return angle


def _bend(angle: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """Shortening of a bent leg of two equal bones: one minus its squared relative length."""
    bend: np.ndarray = np.sin(angle / 2) ** 2
    return bend


def _world(pose: Float[np.ndarray, "frames 24 3"]) -> Float[np.ndarray, "frames 24 3 3"]:
    """World rotations of the joints."""
    return to_world(Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(-1, NUM_JOINTS, 3, 3))


def _leans(world: Float[np.ndarray, "frames joints 3 3"]) -> Float[np.ndarray, "frames joints"]:
    """Lean of the segments' vertical axes in their facing direction, degrees."""
    up, facing = world[..., 1], world[..., 2] * np.array([1.0, 0.0, 1.0])
    facing = facing / np.linalg.norm(facing, axis=-1, keepdims=True).clip(1e-9)
    leans: np.ndarray = np.degrees(np.arctan2((up * facing).sum(-1), up[..., 1]))
    return leans


def _frames(
    first: Float[np.ndarray, "frames 3"], second: Float[np.ndarray, "frames 3"]
) -> Float[np.ndarray, "frames 3 3"]:
    """Right-handed orthonormal frames (columns): along ``first``, near ``second``, and their cross product."""
    first = first / np.linalg.norm(first, axis=-1, keepdims=True)
    second = second - (second * first).sum(-1, keepdims=True) * first
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _rest_knee() -> float:
    """Flexion of SMPL's knee in the rest pose, radians: the shin leans backward from the thigh's line."""
    thigh, shin = (np.arctan2(-bone[2], -bone[1]) for bone in _bones("left_"))
    return float(shin - thigh)


_REST_KNEE = _rest_knee()
