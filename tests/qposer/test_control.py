import math

import pytest
import torch

from qposer.control import blend, interpolate, joints_of, mirror, swap
from qposer.model import QPoser
from qposer.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.skeleton import BODY_JOINT_NAMES, BODY_PARTS


@pytest.fixture(scope="module")
def model():
    return QPoser.from_pretrained()


def pose(**bends):
    """A pose whose named joints are turned, by axis-angle vectors; arms hang down."""
    turned = torch.zeros(21, 3)
    for joint, vector in ({"left_shoulder": (0, 0, -1.2), "right_shoulder": (0, 0, 1.2)} | bends).items():
        turned[BODY_JOINT_NAMES.index(joint)] = torch.tensor(vector)
    return turned


def degrees(a, b):
    return torch.rad2deg(geodesic_angle(axis_angle_to_matrix(a), axis_angle_to_matrix(b)))


STANDING = pose()
SITTING = pose(left_hip=(-1.4, 0, 0), right_hip=(-1.4, 0, 0), left_knee=(1.5, 0, 0), right_knee=(1.5, 0, 0))


def test_parts_cover_the_body_once():
    halves = (("upper_body", "lower_body"), ("arms", "legs", "torso", "head"))
    for parts in halves:
        joints = [joint for part in parts for joint in BODY_PARTS[part]]
        assert sorted(joints) == sorted(BODY_JOINT_NAMES)


def test_joints_of_several_parts():
    assert joints_of("left_elbow") == [BODY_JOINT_NAMES.index("left_elbow")]
    assert joints_of(["left_arm", "right_arm"]) == joints_of("arms")


@pytest.mark.parametrize(("parts", "message"), [("left_wing", "no part 'left_wing'"), ([], "no part is named")])
def test_unknown_parts_are_named_with_the_known_ones(parts, message):
    with pytest.raises(ValueError, match=message) as error:
        joints_of(parts)
    assert "upper_body" in str(error.value)


def test_a_near_miss_gets_a_hint():
    with pytest.raises(ValueError, match="did you mean left_elbow"):
        joints_of("left_elbov")


def test_swapped_part_follows_the_donor_and_the_rest_stays(model):
    legs = joints_of("legs")
    rest = joints_of(["arms", "torso", "head"])
    edited = swap(model, STANDING, SITTING, "legs")
    assert degrees(edited, model.reconstruct(SITTING))[legs].mean() < 12
    assert degrees(edited, model.reconstruct(STANDING))[rest].mean() < 6
    assert degrees(edited, STANDING)[legs].max() > 60


def test_swapping_with_itself_only_reconstructs(model):
    torch.testing.assert_close(swap(model, SITTING, SITTING, "legs"), model.reconstruct(SITTING))


def test_edits_keep_the_kind_and_batch_shape_of_the_pose(model):
    batch = torch.stack([STANDING, SITTING])
    assert swap(model, batch, batch.flip(0), "arms").shape == (2, 21, 3)
    assert swap(model, axis_angle_to_matrix(batch), batch, "arms").shape == (2, 21, 3, 3)


def test_blend_of_one_is_a_reconstruction(model):
    torch.testing.assert_close(blend(model, [SITTING, STANDING], [1, 0]), model.reconstruct(SITTING))


def test_half_way_to_sitting_the_knees_are_half_bent(model):
    knee = BODY_JOINT_NAMES.index("left_knee")
    half = blend(model, [STANDING, SITTING], [1, 1], "legs")
    assert 0.6 < half[knee].norm() < 0.9


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [1.0, -0.5]])
def test_weights_that_make_no_sense_are_refused(model, weights):
    with pytest.raises(ValueError, match="weight"):
        blend(model, [STANDING, SITTING], weights)


def test_interpolation_begins_and_ends_with_its_ends(model):
    way = interpolate(model, STANDING, SITTING, 5)
    assert way.shape == (5, 21, 3)
    torch.testing.assert_close(way[0], model.reconstruct(STANDING))
    torch.testing.assert_close(way[-1], model.reconstruct(SITTING))
    knee = BODY_JOINT_NAMES.index("right_knee")
    assert way[:, knee, 0].diff().min() > -0.1
    with pytest.raises(ValueError, match="2 steps"):
        interpolate(model, STANDING, SITTING, 1)


def test_mirror_swaps_the_arms():
    raised = pose(left_shoulder=(0, 0, 1.0), left_elbow=(0, -math.pi / 2, 0))
    mirrored = mirror(raised)
    right = BODY_JOINT_NAMES.index("right_shoulder")
    torch.testing.assert_close(mirrored[right], torch.tensor([0.0, 0.0, -1.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(mirror(mirrored), raised, atol=1e-5, rtol=0)
