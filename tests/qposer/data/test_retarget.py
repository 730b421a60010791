from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from qposer.body_pose.kinematics import forward_kinematics
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import FOREARM_SHARE, JOINT_NAMES, REST_JOINTS
from qposer.data.amass import read_amass
from qposer.data.asf_amc import read_amc
from qposer.data.bvh import read_bvh
from qposer.data.motion import Motion
from qposer.data.retarget import find_rig, retarget

CLIPS = Path(__file__).parent / "clips"
MOTIONS = {
    "cmu-asf": read_amc(CLIPS / "02" / "02_05.amc"),
    "cmu-bvh": read_bvh(CLIPS / "07" / "07_01.bvh"),
    "daz-bvh": read_bvh(CLIPS / "indian" / "07.bvh"),
}

# Joints at the ends of the limbs' bones, left side: hip, knee, ankle; shoulder, elbow, wrist, palm.
LEGS = {
    "cmu-asf": ("lfemur", "ltibia", "lfoot"),
    "cmu-bvh": ("LeftUpLeg", "LeftLeg", "LeftFoot"),
    "daz-bvh": ("lThigh", "lShin", "lFoot"),
}
ARMS = {
    "cmu-asf": ("lhumerus", "lradius", "lhand", "lfingers"),
    "cmu-bvh": ("LeftArm", "LeftForeArm", "LeftHand", "LeftHandIndex1"),
    "daz-bvh": ("lShldr", "lForeArm", "lHand", "lMid1"),
}
CHEST_AND_HEAD = {"cmu-asf": ("thorax", "head"), "cmu-bvh": ("Spine1", "Head"), "daz-bvh": ("chest", "head")}


def smpl(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations and positions of SMPL's joints."""
    world, positions = forward_kinematics(
        axis_angle_to_matrix(torch.from_numpy(pose)), torch.from_numpy(REST_JOINTS).double()
    )
    return world.numpy(), positions.numpy()


def right(name: str) -> str:
    return name.replace("Left", "Right") if "Left" in name else "r" + name[1:]


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees between vectors."""
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arccos(cosine.clip(-1, 1)))


@pytest.mark.parametrize("rig", MOTIONS)
def test_limbs_point_where_the_recorded_ones_do(rig: str) -> None:
    motion = MOTIONS[rig]
    _, positions = smpl(retarget(motion))
    recorded = motion.positions()
    chains = [
        (LEGS[rig], ("left_hip", "left_knee", "left_ankle")),
        (ARMS[rig], ("left_shoulder", "left_elbow", "left_wrist", "left_hand")),
    ]
    for names, joints in chains:
        for side in (str, right):
            source = [motion.names.index(side(name)) for name in names]
            target = [JOINT_NAMES.index(joint if side is str else joint.replace("left", "right")) for joint in joints]
            errors = angle(np.diff(recorded[:, source], axis=1), np.diff(positions[:, target], axis=1))
            assert np.median(errors, axis=0).max() < 3
            assert errors.max() < 5


@pytest.mark.parametrize("rig", MOTIONS)
def test_bends_of_the_trunk_are_counted_once(rig: str) -> None:
    motion = MOTIONS[rig]
    world, _ = smpl(retarget(motion))
    chest, head = (motion.rotations[:, motion.names.index(name)] for name in CHEST_AND_HEAD[rig])
    np.testing.assert_allclose(world[:, JOINT_NAMES.index("spine3")], chest, atol=1e-6)
    nod = world[:, JOINT_NAMES.index("head")].transpose(0, 2, 1) @ head
    expected = 16 if rig == "cmu-asf" else 0  # the others begin with a T-pose whose head looks ahead
    np.testing.assert_allclose(Rotation.from_matrix(nod).as_rotvec(degrees=True), [[expected, 0, 0]] * 6, atol=1e-4)


def test_a_walk_looks_ahead_on_flat_soles_with_knees_bent_forward() -> None:
    pose = retarget(MOTIONS["cmu-bvh"])
    world, _ = smpl(pose)
    ahead = world[:, JOINT_NAMES.index("pelvis")] @ [0, 0, 1]
    assert (angle(world[:, JOINT_NAMES.index("head")] @ [0, 0, 1], ahead) < 20).all()
    feet = world[:, [JOINT_NAMES.index("left_ankle"), JOINT_NAMES.index("right_ankle")]]
    tilt = angle(feet @ [0, 1, 0], np.array([0.0, 1.0, 0.0]))
    assert np.median(tilt.min(axis=1)) < 8, "of the standing foot"
    for side, hinge in (("left", 1), ("right", -1)):
        knee = pose[:, JOINT_NAMES.index(f"{side}_knee")]
        assert (knee[:, 0] > -0.1).all()
        assert (np.abs(knee[:, 1:]) < 0.2).all()
        assert (hinge * pose[:, JOINT_NAMES.index(f"{side}_elbow"), 1] < 0).all()


@pytest.mark.parametrize("rig", MOTIONS)
def test_a_t_pose_is_preserved(rig: str) -> None:
    motion = MOTIONS[rig]
    still = replace(motion, rotations=np.broadcast_to(np.eye(3), motion.rotations.shape), t_pose=True)
    pose = retarget(still)
    trunk = [JOINT_NAMES.index(name) for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")]
    np.testing.assert_allclose(pose[:, trunk], 0, atol=1e-9)
    assert np.degrees(np.linalg.norm(pose, axis=-1)).max() < 32, (
        "arms are twisted by 26 degrees at the elbow's hinge, legs of a skeleton file are 20 degrees out"
    )


@given(st.sampled_from(list(MOTIONS)), st.floats(-3.1, 3.1))
def test_turning_the_person_turns_only_the_root(rig: str, yaw: float) -> None:
    motion = MOTIONS[rig]
    turn = Rotation.from_rotvec([0, yaw, 0]).as_matrix()
    before, after = retarget(motion), retarget(replace(motion, rotations=turn @ motion.rotations))
    np.testing.assert_allclose(after[:, 1:], before[:, 1:], atol=1e-6)
    np.testing.assert_allclose(smpl(after)[0][:, 0], turn @ smpl(before)[0][:, 0], atol=1e-6)


@pytest.mark.parametrize("rig", MOTIONS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_elbow_and_wrist_share_the_turn_of_the_palm(rig: str, side: str) -> None:
    motion = MOTIONS[rig]
    palm = ARMS[rig][2] if rig != "cmu-bvh" else "LeftFingerBase"
    hand = motion.names.index(palm if side == "left" else right(palm))
    elbow, wrist = (JOINT_NAMES.index(f"{side}_{name}") for name in ("elbow", "wrist"))
    world, positions = smpl(retarget(motion))
    turn = np.radians(30)
    forearm = positions[:, wrist] - positions[:, elbow]
    forearm /= np.linalg.norm(forearm, axis=-1, keepdims=True)

    turned = motion.rotations.copy()
    turned[:, hand] = Rotation.from_rotvec(turn * forearm).as_matrix() @ turned[:, hand]
    after, moved = smpl(retarget(replace(motion, rotations=turned)))

    of_elbow, whole = (Rotation.from_rotvec(part * turn * forearm).as_matrix() for part in (FOREARM_SHARE, 1.0))
    np.testing.assert_allclose(after[:, elbow], of_elbow @ world[:, elbow], atol=1e-6)
    np.testing.assert_allclose(after[:, wrist], whole @ world[:, wrist], atol=1e-6)
    np.testing.assert_allclose(moved[:, wrist], positions[:, wrist], atol=1e-6)


MAKEHUMAN = {
    "spine05": ("root", 0, -0.9, 0.2), "spine04": ("spine05", 0, 0.2, 0.5), "spine03": ("spine04", 0, -0.2, 0.7),
    "spine02": ("spine03", 0, -0.1, 0.9), "spine01": ("spine02", 0, 0.3, 1.5), "neck01": ("spine01", 0, -0.1, 1.6),
    "neck02": ("neck01", 0, -0.1, 0.4), "neck03": ("neck02", 0, -0.1, 0.4), "head": ("neck03", 0, 0.2, 0.3),
    "pelvis": ("root", 0, -0.9, 0.2), "upperleg01": ("pelvis", 1.1, 0, -0.2), "upperleg02": ("upperleg01", 0, 0, -0.8),
    "lowerleg01": ("upperleg02", 0.5, 0, -3.4), "lowerleg02": ("lowerleg01", 0.3, 0.2, -1.9),
    "foot": ("lowerleg02", 0.3, 0.2, -1.9), "toe2-1": ("foot", 0, -1.4, -0.6),
    "clavicle": ("spine01", 0.3, -0.8, 0.9), "shoulder01": ("clavicle", 0.9, 0.2, 0.3),
    "upperarm01": ("shoulder01", 0.5, 0.4, -0.3), "upperarm02": ("upperarm01", 0.4, 0, -0.5),
    "lowerarm01": ("upperarm02", 1.1, 0, -1.3), "lowerarm02": ("lowerarm01", 0.6, -0.8, -0.5),
    "wrist": ("lowerarm02", 0.6, -0.8, -0.5), "metacarpal2": ("wrist", 0, -0.2, -0.2),
    "finger3-1": ("metacarpal2", 0.3, -0.5, -0.3),
}  # fmt: skip
"""Joints like those of MakeHuman's rig, z up and facing -y: parent and offset; limbs of the left side."""


def makehuman_bvh(turns: dict[str, tuple[float, float, float]]) -> str:
    """A BVH file of this rig with joint rotations in degrees about x, y and z."""
    bones = {"root": ("", np.zeros(3))}
    for name, (parent, *offset) in MAKEHUMAN.items():
        sided = name not in ("head",) and not name.startswith(("spine", "neck"))
        for side, sign in ((".L", 1), (".R", -1)) if sided else (("", 1),):
            above = f"{parent}{side}" if f"{parent}{side}" in bones else parent
            bones[f"{name}{side}"] = (above, np.array([sign * offset[0], *offset[1:]]))
    values: list[str] = []

    def block(name: str, kind: str) -> str:
        values.extend(f"{angle}" for angle in (0, 0, 0, *turns.get(name, (0, 0, 0))))
        children = "".join(block(child, "JOINT") for child, (parent, _) in bones.items() if parent == name)
        offset = " ".join(f"{number}" for number in bones[name][1])
        channels = "CHANNELS 6 Xposition Yposition Zposition Xrotation Yrotation Zrotation"
        return f"{kind} {name}\n{{\nOFFSET {offset}\n{channels}\n{children or 'End Site { OFFSET 0 0 0 }'}\n}}\n"

    hierarchy = block("root", "ROOT")
    return f"HIERARCHY\n{hierarchy}MOTION\nFrames: 1\nFrame Time: 0.04\n{' '.join(values)}\n"


def test_makehuman_rig_points_where_its_limbs_do(tmp_path: Path) -> None:
    path = tmp_path / "kick.bvh"
    turns = {
        "root": (0, 0, 90), "upperleg02.L": (-60, 0, 0), "lowerleg01.L": (40, 0, 0), "lowerleg01.R": (30, 0, 0),
        "upperarm02.R": (0, 50, 20), "lowerarm01.R": (0, 20, 40), "spine03": (10, 0, 0), "head": (0, 0, 25),
    }  # fmt: skip
    path.write_text(makehuman_bvh(turns))
    motion = read_bvh(path)
    pose = retarget(motion)
    world, positions = smpl(pose)
    recorded = motion.positions()
    for side, sides in (("L", "left"), ("R", "right")):
        for names, joints in (
            (("upperleg02", "lowerleg01", "foot"), ("hip", "knee", "ankle")),
            (("upperarm02", "lowerarm01", "wrist", "finger3-1"), ("shoulder", "elbow", "wrist", "hand")),
        ):
            source = [motion.names.index(f"{name}.{side}") for name in names]
            target = [JOINT_NAMES.index(f"{sides}_{joint}") for joint in joints]
            assert angle(np.diff(recorded[:, source], axis=1), np.diff(positions[:, target], axis=1)).max() < 0.1
    assert find_rig(motion).name == "makehuman-bvh"
    np.testing.assert_allclose(world[0, 0] @ [0, 0, 1], [1, 0, 0], atol=1e-6)  # a quarter turn to its left, upright
    np.testing.assert_allclose(world[0, 0] @ [0, 1, 0], [0, 1, 0], atol=1e-6)
    assert (pose[0, [4, 5], 0] > 0.5).all(), "knees bend backwards"
    np.testing.assert_allclose(np.degrees(pose[0, JOINT_NAMES.index("spine2")]), [10, 0, 0], atol=0.1)
    np.testing.assert_allclose(np.degrees(pose[0, JOINT_NAMES.index("head")]), [0, 25, 0], atol=0.1)


def test_amass_passes_through(write_amass: Callable[..., Path]) -> None:
    poses = np.random.default_rng(1).normal(scale=0.5, size=(7, 156))
    pose = retarget(read_amass(write_amass(poses)))
    np.testing.assert_allclose(pose[:, 1:22], poses[:, 3:66].reshape(7, 21, 3), atol=1e-6)
    np.testing.assert_array_equal(pose[:, 22:], 0)


def test_unknown_skeleton() -> None:
    motion = Motion(
        subject="a",
        sequence="b",
        fps=30.0,
        frames=np.array([1]),
        names=("Bip01", "Bip01 Pelvis"),
        parents=(-1, 0),
        offsets=np.zeros((2, 3)),
        rotations=np.tile(np.eye(3), (1, 2, 1, 1)),
    )
    with pytest.raises(
        ValueError, match=r"cmu-asf, cmu-bvh, daz-bvh, makehuman-bvh, smpl; found joints Bip01, Bip01 Pelvis"
    ):
        find_rig(motion)
