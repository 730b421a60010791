import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES, REST_JOINTS
from qposer.control.collisions import _FLESH, _THICKNESS, penetration
from qposer.io.assets import asset
from qposer.io.npz import read_npz

BOTH = ("left", "right")


def by_loops(figure, sides):
    """Depths in cm by a naive loop over pairs of points and spheres."""
    found = []
    for side in sides:
        for part, thickness in _THICKNESS.items():
            for joint, (*centre, radius) in _FLESH.values():
                lever = torch.tensor(centre) - torch.from_numpy(REST_JOINTS[JOINT_NAMES.index(joint)])
                middle = figure.point(joint) + figure.world_rotation(joint) @ lever
                far = float(torch.dist(figure.point(f"{side}_{part}"), middle))
                found.append(100 * max(thickness + radius - far, 0.0))
    return found


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.sampled_from([("left",), ("right",), BOTH]))
def test_depths_are_those_of_balls(random_postures, seed, sides):
    postures = random_postures(seed, 2, 1.0)
    depths = penetration(PosedSkeleton.of(postures), sides)
    for index in range(2):
        figure = PosedSkeleton.of(OrientedPose(*(part[index] for part in postures)))
        np.testing.assert_allclose(depths[index], by_loops(figure, sides), atol=1e-3)


@given(st.integers(0, 2**31))
def test_neither_mirrors_nor_turns_change_depths(random_postures, in_mirror, seed):
    posture = random_postures(seed, 1, 1.0)
    depth = penetration(PosedSkeleton.of(posture), BOTH)
    turn = axis_angle_to_matrix(torch.randn(3, generator=torch.Generator().manual_seed(seed)))
    turned = PosedSkeleton.of(OrientedPose(posture.body_pose, turn @ posture.global_orient))
    torch.testing.assert_close(penetration(turned, BOTH), depth, atol=1e-2, rtol=0)
    mirrored = penetration(PosedSkeleton.of(in_mirror(posture)), BOTH)
    torch.testing.assert_close(mirrored.sum(), depth.sum(), atol=1e-2, rtol=0)


@pytest.mark.parametrize("pose", [torch.zeros(21, 3, 3) + torch.eye(3), neutral_pose().body_pose])
def test_arms_at_ease_are_outside(pose):
    assert penetration(PosedSkeleton.of(OrientedPose.upright(pose)), BOTH).max() < 1


def test_a_hand_in_the_belly_is_inside_on_its_side_alone(posed):
    figure = PosedSkeleton.of(posed(left_shoulder=(0.0, 0.0, -115.0), left_elbow=(0.0, 0.0, 0.0)))
    assert penetration(figure, ["left"]).max() > 3
    assert penetration(figure, ["right"]).max() < 1


def test_the_balls_fill_the_open_body():
    skin = cKDTree(read_npz(asset("body.npz"), ("v_template",))["v_template"])
    for _, (*centre, radius) in _FLESH.values():
        distance, _ = skin.query(centre)
        assert 0.3 * radius < distance < 1.05 * radius


def test_no_arms_have_no_penetration():
    depth = penetration(PosedSkeleton.of(neutral_pose()), [])
    assert depth.shape == (0,)
