from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.data.recordings import read_recording
from qposer.data.selection import MIN_CHANGE, distinct, select

WriteAmass = Callable[..., Path]
Swing = Callable[[int], np.ndarray]


def test_both_frames_of_a_jump_are_dropped(write_amass: WriteAmass, swing: Swing) -> None:
    poses = swing(10)
    poses[4:, 3 * JOINT_NAMES.index("right_hip") + 1] = np.radians(80)
    clip = select(read_recording(write_amass(poses)))
    assert clip.frame.tolist() == [1, 2, 3, 6, 7, 8, 9, 10]
    assert clip.counts.jumped == 2
    assert clip.faults == ("frame 5: right_hip jumps by 80 degrees",)


def test_a_full_turn_is_not_a_jump(write_amass: WriteAmass) -> None:
    poses = np.zeros((10, 156))
    poses[:, 2] = np.radians(np.arange(10) * 40)
    poses[:, 3 * JOINT_NAMES.index("left_knee")] = np.radians(np.arange(10) * 5)
    assert select(read_recording(write_amass(poses))).counts.jumped == 0


def test_impossible_joints_are_dropped(write_amass: WriteAmass, swing: Swing) -> None:
    poses = swing(10)
    poses[:3, 3 * JOINT_NAMES.index("head") + 1] = np.radians(170)
    clip = select(read_recording(write_amass(poses)))
    assert clip.frame.tolist() == [5, 6, 7, 8, 9, 10]
    assert clip.counts == replace(clip.counts, read=10, jumped=2, impossible=2, kept=6)
    assert clip.faults[-1] == "3 frames with an impossible head, first 1"


def test_repeated_frames_are_dropped(write_amass: WriteAmass, swing: Swing) -> None:
    poses = np.concatenate([np.zeros((5, 156)), swing(3), swing(3)[::-1]])
    clip = select(read_recording(write_amass(poses)))
    assert clip.frame.tolist() == [1, 7, 8, 10, 11]
    assert clip.counts.repeated == 6


@settings(max_examples=20)
@given(st.lists(st.floats(-0.03, 0.03), min_size=1, max_size=30))
def test_distinct_frames_against_a_plain_loop(steps: list[float]) -> None:
    pose = np.zeros((len(steps), 21, 3))
    pose[:, 4, 0] = np.cumsum(steps)
    pose[:, 9] = [0.3, 0.2, -0.1]
    kept = [0]
    for index in range(1, len(pose)):
        turn = Rotation.from_rotvec(pose[kept[-1], 4]).inv() * Rotation.from_rotvec(pose[index, 4])
        if np.degrees(turn.magnitude()) > MIN_CHANGE + 1e-6:
            kept.append(index)
    assert np.flatnonzero(distinct(pose)).tolist() == kept
