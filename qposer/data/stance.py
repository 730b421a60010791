"""Stance calibration: people who stand upright in a recording stand upright in SMPL.

A recording's skeleton is a model of the person, and its segments and joint centres are not SMPL's. What differs is
constant for one actor on one rig, and biomechanics removes it with a static trial. Here the trial is the actor's own
most upright frames, compared with SMPL fits of people who stand:

- *Segments.* Pelvis, spine, neck, head and feet are pitched by a constant each, in their own frames. Toes are made
  flat.
- *Legs.* Recorded bones that are too long make a solver bend the knees of a person who stands: bones one percent too
  long bend a straight knee by 16 degrees, and one that is bent by 60 degrees by 2 more. So legs are shortened rather
  than turned by a constant: the line from hip to ankle and the plane of the leg stay, and the knee is as bent as the
  distance between hip and ankle asks for.

An actor who never stands (a fighter, a dancer) looks like one whose bones are too long. Therefore each actor's
constants are drawn towards the median of all actors.
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
"""Degrees that a segment leans forward, in space, when a person stands: medians of SMPL fits of standing people."""

TARGET_KNEE = -2.0
"""Degrees of flexion that SMPL fits of people have in the straightest tenth of their frames."""

SHRINKAGE = 0.3, 0.5
"""How far an actor's constants are drawn to the median of all actors: pitches of segments, and the excess of legs."""

EXTENSION_WIDTH = np.sin(np.radians(2.5)) ** 2
"""Width of the smooth end of the range in which knees are straightened, in units of `_bend`."""

UPRIGHT_SHARE = 0.1

LEAST_FRAMES = 100
"""Of an actor that is calibrated: fewer do not tell how the actor stands."""


@dataclass(frozen=True)
class Stance:
    """What differs between an actor's recorded skeleton and SMPL's.

    Attributes:
        pitch: degrees that each segment has to be pitched forward, one for each of the 24 joints; toes: of their joint.
        excess: by how much legs are too long: one less the square of true over recorded length.
    """

    pitch: Float[np.ndarray, " 24"]
    excess: float


def upright_frames(pose: Float[np.ndarray, "frames 24 3"], share: float = UPRIGHT_SHARE) -> Int[np.ndarray, " chosen"]:
    """The frames in which the actor stands straightest.

    Args:
        pose: axis-angle in radians; joint 0 to the world, y up.
        share: of the frames, that are chosen.

    Returns:
        Frames whose hips and knees are turned least, among those whose pelvis and chest are within 30 degrees of the
        vertical (among all, where there is none).
    """
    pelvis, chest = (_world(pose)[:, JOINT_NAMES.index(name), 1, 1] for name in ("pelvis", "spine3"))
    legs = [JOINT_NAMES.index(side + name) for side in SIDES for name in ("hip", "knee")]
    turned = np.linalg.norm(pose[:, legs], axis=-1).sum(axis=-1)
    leaning = (pelvis < np.cos(np.pi / 6)) | (chest < np.cos(np.pi / 6))
    count = max(1, round(share * len(pose)))
    return np.sort(np.argsort(turned + 100 * leaning, kind="stable")[:count])


def measure_stance(pose: Float[np.ndarray, "frames 24 3"]) -> Stance:
    """The calibration that all poses of one actor on one rig ask for.

    Args:
        pose: as `qposer.data.retarget.retarget` gives it.
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
    """The calibrations of several actors, each drawn to the median of all by `SHRINKAGE`."""
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
    """Poses of an actor after calibration; each segment is corrected in space, so that no error adds up along the body.

    Args:
        pose: axis-angle in radians, as `qposer.data.retarget.retarget` gives it.
        stance: of the actor.

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
    """Write thigh and shin of a shorter leg to ``corrected``; hip to ankle and the plane of the leg stay."""
    hip, knee = (JOINT_NAMES.index(side + name) for name in ("hip", "knee"))
    thigh, shin = _bones(side)
    line = world[:, hip] @ thigh + world[:, knee] @ shin
    across = np.array([-thigh[1], thigh[0], 0.0])  # the hinge: level, and at right angles to the thigh
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
    """Radians between thigh and shin; zero for bones in line."""
    thigh, shin = _bones(side)
    hip, knee = (JOINT_NAMES.index(side + name) for name in ("hip", "knee"))
    cosine = np.einsum("nij,j,nik,k->n", world[:, hip], thigh, world[:, knee], shin)
    angle: np.ndarray = np.arccos((cosine / np.linalg.norm(thigh) / np.linalg.norm(shin)).clip(-1, 1))
    return angle


def _bend(angle: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """By how much a leg of two equal bones is shorter than straight: one less its squared relative length."""
    bend: np.ndarray = np.sin(angle / 2) ** 2
    return bend


def _world(pose: Float[np.ndarray, "frames 24 3"]) -> Float[np.ndarray, "frames 24 3 3"]:
    """Rotations of the joints in space."""
    return to_world(Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(-1, NUM_JOINTS, 3, 3))


def _leans(world: Float[np.ndarray, "frames joints 3 3"]) -> Float[np.ndarray, "frames joints"]:
    """Degrees by which the vertical axes of segments lean to where these segments face."""
    up, facing = world[..., 1], world[..., 2] * np.array([1.0, 0.0, 1.0])
    facing = facing / np.linalg.norm(facing, axis=-1, keepdims=True).clip(1e-9)
    leans: np.ndarray = np.degrees(np.arctan2((up * facing).sum(-1), up[..., 1]))
    return leans


def _frames(
    first: Float[np.ndarray, "frames 3"], second: Float[np.ndarray, "frames 3"]
) -> Float[np.ndarray, "frames 3 3"]:
    """Right-handed orthonormal frames: an axis along ``first``, one near ``second``, and the one across (columns)."""
    first = first / np.linalg.norm(first, axis=-1, keepdims=True)
    second = second - (second * first).sum(-1, keepdims=True) * first
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _rest_knee() -> float:
    """Radians by which SMPL's knee is flexed at rest: the shin leans backwards of the thigh's line."""
    thigh, shin = (np.arctan2(-bone[2], -bone[1]) for bone in _bones("left_"))
    return float(shin - thigh)


_REST_KNEE = _rest_knee()
