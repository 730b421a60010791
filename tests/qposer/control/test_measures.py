import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS
from qposer.control.anatomy import ANGLES
from qposer.control.measures import (
    DIRECTIONS,
    SURFACES,
    Balance,
    Coordinate,
    Distance,
    Elevation,
    Facing,
    FacingElevation,
    FacingHeading,
    FacingPoint,
    Gaze,
    Height,
    JointAngle,
    Lean,
    Offset,
    Pointing,
    RotationChange,
    Supination,
    Symmetry,
    WristTwist,
    centre_of_mass,
)

SEEDS = st.integers(0, 2**31)
HANGING = torch.zeros(21, 3)
HANGING[[BODY_JOINT_NAMES.index("left_shoulder"), BODY_JOINT_NAMES.index("right_shoulder")], 2] = torch.tensor(
    [-70.0, 70.0]
).deg2rad()
STANDING = OrientedPose.upright(HANGING)
STANDS = PosedSkeleton.of(STANDING)


@settings(max_examples=20)
@given(SEEDS)
def test_a_turn_in_space_changes_nothing_that_is_of_the_body(random_postures, seed):
    posture = random_postures(seed, 1)
    turn = axis_angle_to_matrix(torch.randn(3, generator=torch.Generator().manual_seed(seed)))
    turned = PosedSkeleton.of(OrientedPose(posture.body_pose, turn @ posture.global_orient))
    measures = [
        *(JointAngle(name) for name in ANGLES),
        Offset("left_wrist", "nose", "forward", "head"),
        Pointing("left_hip", "left_knee", "down", "pelvis"),
        Facing("left_palm", "left", "spine3"),
        Distance("left_toes", "right_ear"),
        Gaze("right_palm"),
        FacingPoint("left_palm", "nose"),
        Supination("right"),
        WristTwist("left"),
        Symmetry("arm"),
        RotationChange(STANDING.body_pose, ("head", "left_knee")),
    ]
    for measure in measures:
        torch.testing.assert_close(measure(turned), measure(PosedSkeleton.of(posture)), atol=0.1, rtol=0)


@given(SEEDS, st.floats(-180, 180))
def test_a_turn_about_the_vertical_changes_no_height_and_turns_headings(random_postures, seed, degrees):
    posture = random_postures(seed, 1)
    turn = axis_angle_to_matrix(torch.tensor([0.0, math.radians(degrees), 0.0]))
    figure, turned = (
        PosedSkeleton.of(posture),
        PosedSkeleton.of(OrientedPose(posture.body_pose, turn @ posture.global_orient)),
    )
    for measure in (
        Height("left_palm"),
        Elevation("right_hip", "right_knee"),
        FacingElevation("chest"),
        Facing("face", "up"),
        Balance("left_sole", "right_toes"),
        Coordinate("crown", 1),
    ):
        torch.testing.assert_close(measure(turned), measure(figure), atol=0.05, rtol=0)
    heading = FacingHeading("face")
    difference = float(heading(turned) - heading(figure)) - degrees
    level = float(FacingElevation("face")(figure))
    assert abs(level) > 85 or abs((difference + 180) % 360 - 180) < 0.5


def test_offsets_are_seen_by_the_person():
    for direction, opposite in (("left", "right"), ("up", "down"), ("forward", "backward")):
        ahead = Offset("left_fingers", "pelvis", direction)(STANDS)
        torch.testing.assert_close(ahead, -Offset("left_fingers", "pelvis", opposite)(STANDS))
        torch.testing.assert_close(ahead, -Offset("pelvis", "left_fingers", direction)(STANDS))
    assert Offset("left_wrist", "right_wrist", "left")(STANDS) > 20
    assert Offset("nose", "nape", "forward")(STANDS) > 10
    assert Offset("crown", "left_sole", "up")(STANDS) == pytest.approx(168, abs=1)


def test_offsets_in_the_frame_of_a_joint_turn_with_it(posed):
    turned = PosedSkeleton.of(posed(pelvis=(0.0, 90.0, 0.0)))
    assert Offset("nose", "nape", "left")(turned) == pytest.approx(float(Offset("nose", "nape", "forward")(STANDS)))
    assert Offset("nose", "nape", "forward", "head")(turned) == pytest.approx(21.7, abs=0.1)


def test_places_in_centimetres_and_lines_in_degrees():
    expected = 100 * torch.dist(STANDS.point("left_palm"), STANDS.point("crown"))
    torch.testing.assert_close(Distance("left_palm", "crown")(STANDS), expected)
    for axis in range(3):
        torch.testing.assert_close(Coordinate("crown", axis)(STANDS), 100 * STANDS.point("crown")[axis])
    assert Elevation("left_shoulder", "right_shoulder")(STANDS).abs() < 0.1
    assert Elevation("nape", "crown")(STANDS) > 50
    assert Elevation("crown", "nape")(STANDS) < -50
    assert Pointing("left_shoulder", "right_shoulder", "right")(STANDS) < 0.1
    assert Pointing("left_shoulder", "right_shoulder", "left")(STANDS) > 179.9
    assert Height("left_toes")(STANDS) == 0


def test_lying_everything_is_low(posed):
    lying = PosedSkeleton.of(posed(pelvis=(-90.0, 0.0, 0.0)))
    assert Height("crown")(lying) < 25
    assert Facing("face", "up")(lying) < 1
    assert FacingElevation("chest")(lying) == pytest.approx(90, abs=1)
    assert Lean("backward")(lying) == pytest.approx(90, abs=5)


@pytest.mark.parametrize("surface", SURFACES)
def test_surfaces_face_where_they_face_in_the_t_pose(surface):
    figure = PosedSkeleton.of(OrientedPose.upright(torch.zeros(21, 3)))
    (direction,) = [d for d in DIRECTIONS if Facing(surface, d)(figure) < 1]
    assert direction == ("down" if surface.endswith(("palm", "sole")) else "forward")


def test_faces_gazes_and_leans_go_to_the_left(posed):
    left = PosedSkeleton.of(posed(head=(0.0, 40.0, 0.0)))
    assert FacingHeading("face")(left) == pytest.approx(40, abs=0.1)
    assert Facing("face", "left")(left) == pytest.approx(50, abs=0.1)
    assert Gaze("left_fingers")(left) < Gaze("left_fingers")(STANDS)
    assert Gaze("right_fingers")(left) > Gaze("right_fingers")(STANDS)
    up = PosedSkeleton.of(posed(head=(-25.0, 0.0, 0.0)))
    assert FacingElevation("face")(up) == pytest.approx(25, abs=0.1)
    leaning = PosedSkeleton.of(posed(pelvis=(0.0, 0.0, -20.0)))
    assert Lean("left")(leaning) == pytest.approx(20, abs=0.5)
    assert Lean("right")(leaning) == pytest.approx(-20, abs=0.5)


def test_a_gaze_straight_ahead_is_zero(posed):
    ahead = posed(left_shoulder=(0.0, -80.0, 10.0), head=(0.0, 0.0, 0.0))
    figure = PosedSkeleton.of(ahead)
    eyes = (figure.point("left_eye") + figure.point("right_eye")) / 2
    way = figure.point("left_palm") - eyes
    expected = math.degrees(math.acos(float(way[2] / way.norm())))
    assert float(Gaze("left_palm")(figure)) == pytest.approx(expected, abs=0.05)


def test_the_centre_of_mass_of_a_standing_person_is_over_the_feet(posed):
    mass = centre_of_mass(STANDS)
    assert mass[0].abs() < 1e-4
    assert STANDS.point("left_hip")[1] < mass[1] < STANDS.point("chest")[1]
    assert Balance("left_sole", "right_sole")(STANDS) < 6
    assert Balance("left_heel", "left_toes")(STANDS) == pytest.approx(100 * float(STANDS.point("left_sole")[0]), abs=2)
    leaning = PosedSkeleton.of(posed(pelvis=(20.0, 0.0, 0.0)))
    assert Balance("left_sole", "right_sole")(leaning) > 15


def test_balance_is_the_distance_to_a_line_and_beyond_its_ends_to_them(posed):
    figure = PosedSkeleton.of(posed(left_hip=(-60.0, 0.0, 0.0)))
    mass = centre_of_mass(figure)[::2].numpy()
    start, end = (figure.point(name)[::2].numpy() for name in ("left_sole", "left_toes"))
    line = [np.linalg.norm(start + t * (end - start) - mass) for t in np.linspace(0, 1, 1001)]
    assert float(Balance("left_sole", "left_toes")(figure)) == pytest.approx(100 * min(line), abs=0.05)
    assert torch.isfinite(Balance("left_sole", "left_sole")(figure))


def test_symmetry_and_keeping_are_means_over_joints(posed):
    assert Symmetry("arm")(STANDS) < 0.05
    bent = PosedSkeleton.of(posed(left_elbow=(0.0, -40.0, 0.0)))
    assert Symmetry("arm")(bent) == pytest.approx(40 / len(BODY_PARTS["left_arm"]), abs=0.1)
    assert Symmetry("leg")(bent) < 0.05
    kept = RotationChange(STANDING.body_pose, ("left_knee", "right_knee"))
    assert kept(STANDS) < 0.05
    assert kept(PosedSkeleton.of(posed(left_knee=(30.0, 0.0, 0.0)))) == pytest.approx(15, abs=0.1)


def test_batches_are_measured_like_single_poses(random_postures):
    postures = random_postures(0, 6)
    batch = PosedSkeleton.of(OrientedPose(*(part.unflatten(0, (2, 3)) for part in postures)))
    measures = [
        *(JointAngle(name) for name in ANGLES),
        Offset("left_wrist", "nose", "forward", "head"),
        Distance("left_wrist", "nose"),
        Coordinate("crown", 2),
        Elevation("left_hip", "left_knee"),
        Pointing("left_hip", "left_knee", "forward", "pelvis"),
        Facing("left_palm", "up"),
        FacingElevation("face"),
        FacingHeading("face"),
        Gaze("left_palm"),
        FacingPoint("right_palm", "nose"),
        Supination("left"),
        WristTwist("right"),
        Lean("forward"),
        Height("left_sole"),
        Balance("left_sole", "right_sole"),
        Symmetry("leg"),
        RotationChange(STANDING.body_pose, ("head",)),
    ]
    for measure in measures:
        values = measure(batch)
        assert values.shape == (2, 3)
        for index in range(6):
            alone = measure(PosedSkeleton.of(OrientedPose(*(part[index] for part in postures))))
            torch.testing.assert_close(values.flatten()[index], alone, atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize(("side", "sign"), [("left", -1.0), ("right", -1.0)])
def test_supination_turns_the_palm_from_down_to_forward_in_the_t_pose(posed, side, sign):
    level = {f"{each}_shoulder": (0.0, 0.0, 0.0) for each in ("left", "right")}
    turns = {f"{side}_elbow": (sign * 63.0, 0.0, 0.0), f"{side}_wrist": (sign * 27.0, 0.0, 0.0)}
    figure = PosedSkeleton.of(posed(**level, **turns))
    assert float(Supination(side)(figure)) == pytest.approx(90, abs=0.1)
    assert float(WristTwist(side)(figure)) == pytest.approx(0, abs=0.1)
    assert float(Facing(f"{side}_palm", "forward")(figure)) == pytest.approx(0, abs=0.1)
    alone = PosedSkeleton.of(posed(**level, **{f"{side}_wrist": (sign * 40.0, 0.0, 0.0)}))
    assert float(WristTwist(side)(alone)) == pytest.approx(28, abs=0.1)


def test_palms_of_hanging_arms_that_look_inwards_face_each_other(posed):
    thumbs_ahead = {"left_elbow": (-30.0, 0.0, 0.0), "right_elbow": (-30.0, 0.0, 0.0)}
    turned, ahead = PosedSkeleton.of(posed()), PosedSkeleton.of(posed(**thumbs_ahead))
    for side, other in (("left", "right"), ("right", "left")):
        measure = FacingPoint(f"{side}_palm", f"{other}_palm")
        assert float(measure(turned)) == pytest.approx(float(Facing(f"{side}_palm", other)(turned)), abs=0.5)
        assert float(measure(ahead)) > float(measure(turned)) + 5
