from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qposer.data.amass import read_amass
from qposer.data.recordings import find_recordings, thin

WriteAmass = Callable[..., Path]
Swing = Callable[[int], np.ndarray]


def test_shape_files_of_amass_are_skipped(write_amass: WriteAmass, swing: Swing, tmp_path: Path) -> None:
    path = write_amass(swing(3))
    np.savez(path.with_name("shape.npz"), betas=np.zeros(10))
    np.savez(path.with_name("neutral_stagei.npz"), betas=np.zeros(10))
    assert find_recordings([tmp_path, path]) == [path]


@pytest.mark.parametrize(
    ("rate", "frames", "expected"),
    [
        (120.0, 9, [1, 5, 9]),
        (100.0, 11, [1, 4, 8, 11]),
        (59.94, 5, [1, 3, 5]),
        (30.0003, 4, [1, 2, 3, 4]),
        (24.0, 3, [1, 2, 3]),
    ],
)
def test_frames_nearest_to_the_clock(
    write_amass: WriteAmass, swing: Swing, rate: float, frames: int, expected: list[int]
) -> None:
    assert thin(read_amass(write_amass(swing(frames), rate=rate)), 30.0).frames.tolist() == expected
