"""People who stand upright become upright, and truly bent joints stay bent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import JOINT_NAMES, NUM_JOINTS, PARENTS, REST_JOINTS
from qposer.data.stance import Stance, apply_stance, measure_stance, shrink, upright_frames

HIPS, KNEES, ANKLES = (
    [JOINT_NAMES.index(f"{side}_{kind}") for side in ("left", "right")] for kind in ("hip", "knee", "ankle")
)
TOO_LONG = 0.01


def euler(x: float) -> np.ndarray:
    return Rotation.from_euler("x", x, degrees=True).as_rotvec()


def crouched(flexion: np.ndarray) -> np.ndarray:
    """People whose pelvis is upright and whose knees are flexed (degrees), feet below the hips."""
    pose = np.zeros((len(flexion), NUM_JOINTS, 3))
    for frame, degrees in enumerate(flexion):
        pose[frame, HIPS] = euler(-degrees / 2)
        pose[frame, KNEES] = euler(degrees)
        pose[frame, ANKLES] = euler(-degrees / 2)
    return pose


def as_longer_bones_tell(flexion: np.ndarray) -> np.ndarray:
    """Knee flexion (degrees) that bones ``TOO_LONG`` need for the same distance of hip and ankle."""
    rest = 5.2  # SMPL's shin leans back by so much at rest
    half = np.radians(flexion + rest) / 2
    return np.degrees(2 * np.arccos(np.cos(half) / (1 + TOO_LONG))) - rest


def joints(pose: np.ndarray) -> np.ndarray:
    turned = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(-1, NUM_JOINTS, 3, 3)
    positions = np.zeros((len(pose), NUM_JOINTS, 3))
    for joint in range(1, NUM_JOINTS):
        parent = PARENTS[joint]
        positions[:, joint] = positions[:, parent] + turned[:, parent] @ (REST_JOINTS[joint] - REST_JOINTS[parent])
        turned[:, joint] = turned[:, parent] @ turned[:, joint]
    return positions


def knee_degrees(pose: np.ndarray) -> np.ndarray:
    return np.degrees(pose[:, KNEES, 0]).mean(axis=1)


def test_knees_bent_by_bones_too_long_are_straightened_and_bent_ones_stay_bent():
    true = np.concatenate([np.full(40, 0.0), np.linspace(5, 110, 100)])
    recorded = crouched(as_longer_bones_tell(true))
    assert knee_degrees(recorded)[:40].mean() > 10, "the recording has people who stand with bent knees"
    found = knee_degrees(apply_stance(recorded, measure_stance(recorded)))
    assert np.abs(found[:40]).max() < 4
    assert np.abs(found - true)[true > 20].max() < 4


def test_a_leg_is_shortened_along_the_line_from_hip_to_ankle():
    rng = np.random.default_rng(0)
    pose = crouched(rng.uniform(50, 100, 30))
    pose += rng.normal(0, 0.1, pose.shape)
    pose[:, KNEES, 1:] = 0
    shorter = apply_stance(pose, Stance(np.zeros(NUM_JOINTS), 0.03))
    for hip, knee, ankle in zip(HIPS, KNEES, ANKLES, strict=True):
        before, after = (positions[:, ankle] - positions[:, hip] for positions in (joints(pose), joints(shorter)))
        cosine = (before * after).sum(1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
        assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() < 0.1
        ratio = np.linalg.norm(after, axis=1) / np.linalg.norm(before, axis=1)
        assert (ratio > 1.005).all(), "the same distance, over shorter bones, is a straighter leg"
        aside = [np.cross(p[:, knee] - p[:, hip], p[:, ankle] - p[:, hip]) for p in (joints(pose), joints(shorter))]
        across = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in aside]
        assert (across[0] * across[1]).sum(1).min() > 0.98, "the leg stays in its plane"


def test_nothing_to_correct_changes_next_to_nothing():
    """Recorded legs are also straight in front view at rest; SMPL's knees are 7 degrees to the inside."""
    pose = crouched(np.linspace(10, 100, 20))
    np.testing.assert_allclose(apply_stance(pose, Stance(np.zeros(NUM_JOINTS), 0.0)), pose, atol=np.radians(4.5))


@pytest.mark.parametrize("segment", ["pelvis", "spine1", "spine3", "head", "left_ankle"])
def test_a_constant_lean_of_a_segment_is_corrected_and_the_others_stay(segment: str):
    joint = JOINT_NAMES.index(segment)
    pose = crouched(np.concatenate([np.zeros(50), np.linspace(0, 60, 50)]))
    before = measure_stance(pose).pitch
    leaning = pose.copy()
    world = Rotation.from_rotvec(pose[:, joint]) * Rotation.from_euler("x", 12, degrees=True)
    leaning[:, joint] = world.as_rotvec()
    for child, parent in enumerate(PARENTS):
        if parent == joint:
            back = Rotation.from_euler("x", -12, degrees=True) * Rotation.from_rotvec(pose[:, child])
            leaning[:, child] = back.as_rotvec()
    measured = measure_stance(leaning).pitch
    assert measured[joint] - before[joint] == pytest.approx(-12, abs=0.5)
    toes = [JOINT_NAMES.index(f"{side}_foot") for side in ("left", "right")]
    others = [j for j in range(NUM_JOINTS) if j not in (joint, *toes)]
    np.testing.assert_allclose(measured[others], before[others], atol=0.5)
    np.testing.assert_allclose(
        apply_stance(leaning, measure_stance(leaning)), apply_stance(pose, measure_stance(pose)), atol=np.radians(1)
    )


def test_a_tilted_recording_of_a_standing_person_becomes_upright():
    """Within a few degrees of the vertical for any recorded stance."""
    pose = crouched(np.concatenate([np.full(50, 4.0), np.linspace(5, 60, 50)]))
    pose[:, 0] = (Rotation.from_rotvec(pose[:, 0]) * Rotation.from_euler("x", 12, degrees=True)).as_rotvec()
    found = apply_stance(pose, measure_stance(pose))
    world = Rotation.from_rotvec(found.reshape(-1, 3)).as_matrix().reshape(-1, NUM_JOINTS, 3, 3)
    for joint in range(1, NUM_JOINTS):
        world[:, joint] = world[:, PARENTS[joint]] @ world[:, joint]
    up = world[:50, :, :, 1]
    leans = np.degrees(np.arctan2(up[..., 2], up[..., 1])).mean(axis=0)
    for name, most in {"pelvis": 3, "spine1": 3, "spine2": 3, "spine3": 4, "neck": 5, "head": 9}.items():
        assert abs(leans[JOINT_NAMES.index(name)]) < most, name


def test_an_actor_who_never_stands_is_shrunk_towards_the_others():
    usual, fighter = Stance(np.full(NUM_JOINTS, 2.0), 0.02), Stance(np.full(NUM_JOINTS, 12.0), 0.12)
    drawn = shrink([usual, usual, fighter])
    assert drawn[0].excess == pytest.approx(0.02)
    assert drawn[2].excess == pytest.approx(0.07)
    assert drawn[2].pitch[0] == pytest.approx(9.0)
    assert shrink([]) == []


def test_upright_frames_are_those_that_stand():
    pose = crouched(np.array([80.0, 5.0, 40.0, 0.0, 60.0]))
    pose[3, 0] = [np.pi / 2, 0, 0]  # straight, but lying
    assert upright_frames(pose, share=0.2).tolist() == [1]
