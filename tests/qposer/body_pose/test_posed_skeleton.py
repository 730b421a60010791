import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from qposer.body_pose.posed_skeleton import (
    GROUND_POINTS,
    POINT_NAMES,
    SURFACE_MARKERS,
    OrientedPose,
    PosedSkeleton,
    carrier,
    neutral_pose,
)
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES, PARENTS, REST_JOINTS
from qposer.io.assets import asset
from qposer.io.npz import read_npz

SEEDS = st.integers(0, 2**31)


def one(postures, index):
    return OrientedPose(*(part[index] for part in postures))


def where(posture, name):
    """Position of a point, by accumulating rotations from the point to the pelvis."""
    local = [posture.global_orient.numpy(), *posture.body_pose.numpy(), np.eye(3), np.eye(3)]
    joint, place = SURFACE_MARKERS.get(
        name, (name, REST_JOINTS[JOINT_NAMES.index(name)] if name in JOINT_NAMES else None)
    )
    at = JOINT_NAMES.index(joint)
    way = np.array(place) - REST_JOINTS[at]
    while True:
        way = Rotation.from_matrix(local[at]).apply(way)
        if PARENTS[at] < 0:
            return way
        way = way + REST_JOINTS[at] - REST_JOINTS[PARENTS[at]]
        at = PARENTS[at]


@settings(max_examples=10)
@given(SEEDS)
def test_points_are_where_a_walk_along_the_bones_ends(random_postures, seed):
    posture = one(random_postures(seed, 1), 0)
    figure = PosedSkeleton.of(posture)
    for name in POINT_NAMES:
        np.testing.assert_allclose(figure.point(name), where(posture, name), atol=2e-5)


def test_places_are_on_the_skin_of_the_open_body():
    skin = cKDTree(read_npz(asset("body.npz"), ("v_template",))["v_template"])
    distance, _ = skin.query([place for _, place in SURFACE_MARKERS.values()])
    assert distance.max() < 0.03
    assert np.median(distance) < 0.01


def test_places_are_where_their_names_say():
    figure = PosedSkeleton.of(OrientedPose.upright(torch.zeros(21, 3)))
    x, y, z = 0, 1, 2
    for above, below in (("crown", "forehead"), ("forehead", "nose"), ("nose", "mouth"), ("mouth", "chin")):
        assert figure.point(above)[y] > figure.point(below)[y]
    for front, behind in (("chest", "upper_back"), ("belly", "lower_back"), ("throat", "nape"), ("nose", "crown")):
        assert figure.point(front)[z] > figure.point(behind)[z]
    for name in POINT_NAMES:
        if name.startswith("left"):
            assert figure.point(name)[x] > 0 > figure.point(name.replace("left", "right"))[x]
    assert figure.ground() == figure.point("left_toes")[y]


@given(SEEDS)
def test_mirrored_postures_are_those_of_the_definition(random_postures, in_mirror, seed):
    posture = random_postures(seed, 2)
    for found, expected in zip(posture.mirrored(), in_mirror(posture), strict=True):
        torch.testing.assert_close(found, expected)


@given(SEEDS)
def test_the_skeleton_of_a_mirrored_posture_is_mirrored(random_postures, in_mirror, other_side, seed):
    posture = random_postures(seed, 1)
    figure, mirrored = PosedSkeleton.of(posture), PosedSkeleton.of(in_mirror(posture))
    for name in POINT_NAMES:
        expected = figure.point(name) * torch.tensor([-1.0, 1.0, 1.0])
        torch.testing.assert_close(mirrored.point(other_side(name)), expected, atol=1e-5, rtol=0)


@given(SEEDS)
def test_a_turn_in_space_turns_all_points(random_postures, seed):
    posture = random_postures(seed, 1)
    turn = axis_angle_to_matrix(torch.randn(3, generator=torch.Generator().manual_seed(seed)))
    turned = PosedSkeleton.of(OrientedPose(posture.body_pose, turn @ posture.global_orient))
    torch.testing.assert_close(turned.points, PosedSkeleton.of(posture).points @ turn.mT, atol=1e-5, rtol=0)


def test_batches_are_skeletons_of_each(random_postures):
    postures = random_postures(0, 6)
    figures = PosedSkeleton.of(OrientedPose(*(part.unflatten(0, (2, 3)) for part in postures)))
    assert figures.points.shape == (2, 3, len(POINT_NAMES), 3)
    assert figures.ground().shape == (2, 3)
    for index in range(6):
        alone = PosedSkeleton.of(one(postures, index))
        torch.testing.assert_close(figures.points.flatten(0, 1)[index], alone.points)
        torch.testing.assert_close(figures.world_rotation("head").flatten(0, 1)[index], alone.world_rotation("head"))
        torch.testing.assert_close(figures.rotation("left_knee").flatten(0, 1)[index], alone.rotation("left_knee"))


def test_the_ground_is_under_the_lowest_that_may_carry(posed):
    kneeling = posed(left_knee=(100.0, 0.0, 0.0), right_knee=(100.0, 0.0, 0.0))
    figure = PosedSkeleton.of(kneeling)
    assert figure.ground() == min(figure.point(name)[1] for name in GROUND_POINTS)
    assert figure.ground() == figure.point("left_kneecap")[1]


def test_ancestors_of_a_point_move_it(random_postures):
    posture = one(random_postures(3, 1), 0)
    before = PosedSkeleton.of(posture)
    for name in POINT_NAMES:
        joint = carrier(name)
        if joint == 0:
            continue
        body_pose = posture.body_pose.clone()
        body_pose[joint - 1] = body_pose[joint - 1] @ axis_angle_to_matrix(torch.tensor([0.5, 0.5, 0.5]))
        assert (
            PosedSkeleton.of(OrientedPose(body_pose, posture.global_orient)).point(name) - before.point(name)
        ).norm() > 0.01


def test_the_neutral_posture_stands_at_ease():
    posture = neutral_pose()
    figure = PosedSkeleton.of(posture)
    assert posture.body_pose.shape == (21, 3, 3)
    assert torch.equal(posture.global_orient, torch.eye(3))
    for side in ("left", "right"):
        assert figure.point(f"{side}_fingers")[1] < figure.point(f"{side}_hip")[1]
        assert figure.point(f"{side}_sole")[1] - figure.ground() < 0.005


def test_upright_takes_both_kinds_of_poses():
    axis_angle = 0.3 * torch.randn(2, 21, 3, generator=torch.Generator().manual_seed(0))
    upright = OrientedPose.upright(axis_angle)
    assert upright.global_orient.shape == (2, 3, 3)
    again = OrientedPose.upright(upright.body_pose)
    torch.testing.assert_close(again.body_pose, upright.body_pose)


def test_wrong_input():
    with pytest.raises(ValueError, match="there is no point 'left_wing': use one of pelvis, left_hip"):
        PosedSkeleton.of(neutral_pose()).point("left_wing")
    with pytest.raises(ValueError, match="a body pose must be"):
        OrientedPose.upright(torch.zeros(20, 3))
