"""Retarget recorded motion from a known skeleton to SMPL's 24 joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import FOREARM_SHARE, JOINT_NAMES, NUM_JOINTS, PARENTS, REST_JOINTS
from qposer.data.motion import Motion
from qposer.data.world_rotations import to_local

_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
_LEG = ("{}hip", "{}knee", "{}ankle", "{}foot")
_ARM = ("{}collar", "{}shoulder", "{}elbow", "{}wrist", "{}hand")
_LIMBS = ("hip", "knee", "shoulder", "elbow", "wrist")


@dataclass(frozen=True)
class Rig:
    """Mapping from the joints of a skeleton to SMPL's.

    ``a+b`` is the rotation halfway between the two joints. ``{}`` is replaced by the side.

    Attributes:
        name: value of ``source`` in the dataset.
        sides: replacements of ``{}`` for left and right.
        trunk: joints for pelvis, spine1, spine2, spine3, neck, head.
        leg: joints for hip, knee, ankle, foot.
        arm: joints for collar, shoulder, elbow, wrist; the last one only gives the end of the hand's bone.
        stiff_forearm: whether the forearm does not twist, so that the wrist has the palm's whole rotation.
        elbow_hinge: rotation of the elbow's axis about the arm relative to SMPL's, degrees.
        palm: additional pronation of the palms in the rest pose, degrees.
        nod: pitch of neck and head in the skeleton's zero pose relative to a person who looks ahead, degrees.
    """

    name: str
    sides: tuple[str, str]
    trunk: tuple[str, str, str, str, str, str]
    leg: tuple[str, str, str, str]
    arm: tuple[str, str, str, str, str]
    nod: tuple[float, float] = (0.0, 0.0)
    stiff_forearm: bool = True
    elbow_hinge: float = -26.0
    palm: float = 8.0

    def joints(self) -> dict[str, str]:
        """Joint or pair of joints of this skeleton for each SMPL joint name."""
        table = dict(zip(_TRUNK, self.trunk, strict=True))
        for smpl_side, side in zip(("left_", "right_"), self.sides, strict=True):
            for smpl_name, name in zip(_LEG + _ARM, self.leg + self.arm, strict=True):
                table[smpl_name.replace("{}", smpl_side)] = name.replace("{}", side)
        return table


# The T-pose frames of the BVH release turn lower neck, upper neck and head of the common CMU skeleton by -16, 21
# and 11 degrees from zero, so that the face looks ahead: -16 and 5 make the neck's -5.5, all three the head's 16.
_CMU_NOD = (-5.5, 16.0)

SMPL_SOURCE = "smpl"
"""Rig name of recordings that are already SMPL poses."""

RIGS = (
    Rig(
        name="cmu-asf",
        sides=("l", "r"),
        trunk=("root", "lowerback", "upperback", "thorax", "lowerneck+upperneck", "head"),
        leg=("{}femur", "{}tibia", "{}foot", "{}toes"),
        arm=("{}clavicle", "{}humerus", "{}radius", "{}hand", "{}fingers"),
        nod=_CMU_NOD,
    ),
    Rig(
        name="cmu-bvh",
        sides=("Left", "Right"),
        trunk=("Hips", "LowerBack", "Spine", "Spine1", "Neck+Neck1", "Head"),
        leg=("{}UpLeg", "{}Leg", "{}Foot", "{}ToeBase"),
        arm=("{}Shoulder", "{}Arm", "{}ForeArm", "{}FingerBase", "{}HandIndex1"),
        nod=_CMU_NOD,
    ),
    Rig(
        name="daz-bvh",
        sides=("l", "r"),
        trunk=("hip", "hip+abdomen", "abdomen", "chest", "neck", "head"),
        leg=("{}Thigh", "{}Shin", "{}Foot", "{}Foot"),
        arm=("{}Collar", "{}Shldr", "{}ForeArm", "{}Hand", "{}Mid1"),
    ),
    Rig(  # each limb segment has two bones; where both bend, the farther one is used
        name="makehuman-bvh",
        sides=("L", "R"),
        trunk=("root", "spine04", "spine03", "spine01", "neck02", "head"),
        leg=("upperleg02.{}", "lowerleg01.{}", "foot.{}", "toe2-1.{}"),
        arm=("shoulder01.{}", "upperarm02.{}", "lowerarm01.{}", "wrist.{}", "finger3-1.{}"),
        elbow_hinge=0.0,
        palm=0.0,
    ),
    Rig(
        name=SMPL_SOURCE,
        sides=("left_", "right_"),
        trunk=_TRUNK,
        leg=_LEG,
        arm=_ARM,
        stiff_forearm=False,
        elbow_hinge=0.0,
        palm=0.0,
    ),
)


def find_rig(motion: Motion) -> Rig:
    """Find the rig of a motion by its joint names.

    Raises:
        ValueError: no rig of ``RIGS`` matches; the message lists the joints found.
    """
    for rig in RIGS:
        needed = {name for pair in rig.joints().values() for name in pair.split("+")}
        if needed <= set(motion.names):
            return rig
    raise ValueError(
        f"expected a skeleton of {', '.join(rig.name for rig in RIGS)}; found joints {', '.join(motion.names)}"
    )


def retarget(motion: Motion) -> Float[np.ndarray, "frames 24 3"]:
    """SMPL pose of each frame, axis-angle in radians relative to the parent; joint 0 relative to the world, y up.

    Each SMPL segment rotates from SMPL's rest pose as the recorded segment does from the recording's rest pose, after
    the rest poses are aligned: limbs by the smallest rotation that aligns their bones, so that posed bones point
    exactly in the recorded direction; feet by the sideways lean of the shin, so that soles stay flat
    for any height of the ankle joint; trunk, neck and head unchanged. Elbow and wrist share the rotation of
    the palm. The hands (joints 22 and 23) are zero, because hands are not recorded accurately enough.

    Raises:
        ValueError: the skeleton is not one of ``RIGS``.
    """
    rig = find_rig(motion)
    joints = rig.joints()
    rest = _rest_rotations(motion, rig)
    world = np.stack([_rotation(motion, joints[name]) @ rest[j] for j, name in enumerate(JOINT_NAMES)], axis=1)
    if rig.stiff_forearm:
        _share_pronation(world)
    pose: np.ndarray = Rotation.from_matrix(to_local(world).reshape(-1, 3, 3)).as_rotvec().reshape(-1, NUM_JOINTS, 3)
    pose[:, 22:] = 0
    return pose


def _rotation(motion: Motion, names: str) -> Float[np.ndarray, "frames 3 3"]:
    """World rotation of a joint, or halfway between two joints for ``a+b``."""
    first, *second = (motion.rotations[:, motion.names.index(name)] for name in names.split("+"))
    if not second:
        return first
    between = Rotation.from_matrix(first.transpose(0, 2, 1) @ second[0]).as_rotvec()
    rotation: np.ndarray = first @ Rotation.from_rotvec(between / 2).as_matrix()
    return rotation


def _share_pronation(world: Float[np.ndarray, "frames 24 3 3"]) -> None:
    """Rotate the elbow about the forearm by `FOREARM_SHARE` of the hand's rotation about it, in place."""
    for side in ("left_", "right_"):
        elbow, wrist = JOINT_NAMES.index(side + "elbow"), JOINT_NAMES.index(side + "wrist")
        axis = REST_JOINTS[wrist] - REST_JOINTS[elbow]
        axis = axis / np.linalg.norm(axis)
        hand = Rotation.from_matrix(world[:, elbow].transpose(0, 2, 1) @ world[:, wrist]).as_quat(canonical=True)
        turn = 2 * FOREARM_SHARE * np.arctan2(hand[:, :3] @ axis, hand[:, 3])
        world[:, elbow] = world[:, elbow] @ Rotation.from_rotvec(turn[:, None] * axis).as_matrix()


def _rest_rotations(motion: Motion, rig: Rig) -> Float[np.ndarray, "24 3 3"]:
    """For each SMPL joint, the rotation that aligns its segment of SMPL's rest pose with the recording's rest pose."""
    positions = motion.rest_positions()
    names = rig.joints()
    start = np.stack([positions[motion.names.index(names[name].split("+")[0])] for name in JOINT_NAMES])

    rotations = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    for side in ("left_", "right_"):
        for name in _LIMBS:
            joint = JOINT_NAMES.index(side + name)
            child = PARENTS.index(joint)
            rotations[joint] = _smallest(REST_JOINTS[child] - REST_JOINTS[joint], start[child] - start[joint])
        knee, ankle, foot = (JOINT_NAMES.index(side + name) for name in ("knee", "ankle", "foot"))
        frontal = np.array([1.0, 1.0, 0.0])
        shoulder, elbow, wrist = (JOINT_NAMES.index(side + name) for name in ("shoulder", "elbow", "wrist"))
        for joint, degrees in ((shoulder, rig.elbow_hinge), (elbow, rig.elbow_hinge), (wrist, rig.palm)):
            rotations[joint] = rotations[joint] @ Rotation.from_euler("x", degrees, degrees=True).as_matrix()
        lean = _smallest((REST_JOINTS[ankle] - REST_JOINTS[knee]) * frontal, (start[ankle] - start[knee]) * frontal)
        rotations[[ankle, foot]] = lean
    if not motion.t_pose:
        for name, degrees in zip(("neck", "head"), rig.nod, strict=True):
            rotations[JOINT_NAMES.index(name)] = Rotation.from_euler("x", -degrees, degrees=True).as_matrix()
    return rotations


def _smallest(source: Float[np.ndarray, " 3"], target: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """The smallest rotation from the direction of ``source`` to that of ``target``."""
    rotation: np.ndarray = Rotation.align_vectors(target, source)[0].as_matrix()
    return rotation
