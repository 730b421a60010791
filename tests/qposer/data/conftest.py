from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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
