from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qposer.body_pose.skeleton import JOINT_NAMES

CLIPS = Path(__file__).parent / "clips"


@pytest.fixture
def clips() -> Path:
    """Six frames of each of three recordings: ASF/AMC, BVH of the CMU skeleton, BVH of the DAZ rig."""
    return CLIPS


@pytest.fixture
def write_amass(tmp_path: Path) -> Callable[..., Path]:
    """Write an AMASS recording ``tmp_path/subject/name``."""

    def write(poses: np.ndarray, rate: float = 30.0, name: str = "walk_poses.npz", subject: str = "s1") -> Path:
        path = tmp_path / subject / name
        path.parent.mkdir(exist_ok=True)
        np.savez(path, poses=poses, mocap_framerate=rate, trans=np.zeros((len(poses), 3)), gender="female")
        return path

    return write


@pytest.fixture
def swing() -> Callable[[int], np.ndarray]:
    """AMASS poses in which the left knee rotates by 5 degrees per frame."""

    def poses_of(frames: int) -> np.ndarray:
        poses = np.zeros((frames, 156))
        poses[:, 3 * JOINT_NAMES.index("left_knee")] = np.radians(5.0) * np.arange(frames)
        return poses

    return poses_of
