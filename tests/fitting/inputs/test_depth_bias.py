import numpy as np
import pytest

from fitting.inputs.depth_bias import without_depth_bias
from fitting.inputs.keypoints import FORMATS


def test_the_correction_moves_heads_back_and_feet_forward():
    world = np.random.default_rng(0).normal(size=(33, 3))
    moved = without_depth_bias(world) - world
    np.testing.assert_array_equal(moved[:, :2], 0)
    depth = dict(zip(FORMATS["mediapipe"].names, moved[:, 2], strict=True))
    expected = {"nose": 0.08, "left_ear": 0.08, "right_shoulder": 0.02, "left_wrist": 0.02, "left_hip": 0.0}
    expected |= {"right_knee": 0.0, "left_ankle": -0.12, "right_heel": -0.12, "left_foot_index": -0.12}
    for name, metres in expected.items():
        assert depth[name] == pytest.approx(metres), name


def test_the_input_is_not_modified():
    world = np.zeros((33, 3))
    without_depth_bias(world)
    assert not world.any()
