import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS
from qposer.control.anatomy import ANGLES, angle_between
from qposer.control.constraints import (
    DIRECTIONS,
    SURFACES,
    Balance,
    Constraint,
    Coordinate,
    Distance,
    Elevation,
    Facing,
    FacingElevation,
    FacingHeading,
    Gaze,
    Height,
    JointAngle,
    Kept,
    Lean,
    Offset,
    Pointing,
    Symmetry,
    about,
    at_least,
    at_most,
    centre_of_mass,
)

SEEDS = st.integers(0, 2**31)
SIDEWAYS = {"head_tilt", "head_turn", "trunk_tilt", "trunk_turn"}
"""Angles of the trunk and head that change signs in a mirror."""
HANGING = torch.zeros(21, 3)
HANGING[[BODY_JOINT_NAMES.index("left_shoulder"), BODY_JOINT_NAMES.index("right_shoulder")], 2] = torch.tensor(
    [-70.0, 70.0]
).deg2rad()
STANDING = OrientedPose.upright(HANGING)
STANDS = PosedSkeleton.of(STANDING)


def value(measure, posture):
    return float(measure(PosedSkeleton.of(posture)))


@pytest.mark.parametrize(
    ("turns", "angle", "degrees"),
    [
        ({"left_knee": (70.0, 0.0, 0.0)}, "left_knee_flexion", 70),
        ({"right_knee": (-5.0, 0.0, 0.0)}, "right_knee_flexion", -5),
        ({"left_elbow": (0.0, -90.0, 0.0)}, "left_elbow_flexion", 90),
        ({"right_elbow": (0.0, 90.0, 0.0)}, "right_elbow_flexion", 90),
        ({"left_hip": (-80.0, 0.0, 0.0)}, "left_hip_flexion", 80),
        ({"right_hip": (20.0, 0.0, 0.0)}, "right_hip_flexion", -20),
        ({"left_hip": (0.0, 0.0, 30.0)}, "left_hip_abduction", 30),
        ({"right_hip": (0.0, 0.0, -30.0)}, "right_hip_abduction", 30),
        ({"left_hip": (0.0, 40.0, 0.0)}, "left_hip_rotation", 40),
        ({"right_hip": (0.0, -40.0, 0.0)}, "right_hip_rotation", 40),
        ({"left_shoulder": (0.0, -90.0, 0.0)}, "left_shoulder_flexion", 90),
        ({"right_shoulder": (0.0, 90.0, 0.0)}, "right_shoulder_flexion", 90),
        ({"left_shoulder": (0.0, 0.0, 0.0)}, "left_shoulder_abduction", 90),
        ({"right_shoulder": (0.0, 0.0, 0.0)}, "right_shoulder_elevation", 90),
        ({"left_shoulder": (0.0, 0.0, 80.0)}, "left_shoulder_elevation", 170),
        ({"left_shoulder": (-30.0, 0.0, 0.0)}, "left_shoulder_rotation", 30),
        ({"right_shoulder": (-30.0, 0.0, 0.0)}, "right_shoulder_rotation", 30),
        ({"left_collar": (0.0, 0.0, 15.0)}, "left_shrug", 15),
        ({"right_collar": (0.0, 0.0, -15.0)}, "right_shrug", 15),
        ({"left_collar": (0.0, 10.0, 0.0)}, "left_shoulder_retraction", 10),
        ({"right_collar": (0.0, -10.0, 0.0)}, "right_shoulder_retraction", 10),
        ({"left_ankle": (35.0, 0.0, 0.0)}, "left_ankle_flexion", 35),
        ({"left_wrist": (0.0, 0.0, -50.0)}, "left_wrist_flexion", 50),
        ({"right_wrist": (0.0, 0.0, 50.0)}, "right_wrist_flexion", 50),
        ({"spine1": (20.0, 0.0, 0.0), "spine3": (15.0, 0.0, 0.0)}, "trunk_bend", 35),
        ({"spine2": (0.0, 0.0, -20.0)}, "trunk_tilt", 20),
        ({"spine2": (0.0, 25.0, 0.0)}, "trunk_turn", 25),
        ({"neck": (20.0, 0.0, 0.0), "head": (10.0, 0.0, 0.0)}, "head_bend", 30),
        ({"neck": (0.0, 0.0, -20.0)}, "head_tilt", 20),
        ({"head": (0.0, 45.0, 0.0)}, "head_turn", 45),
        ({"head": (0.0, -45.0, 0.0)}, "head_turn", -45),
    ],
)
def test_angles_have_anatomical_signs(posed, turns, angle, degrees):
    assert value(JointAngle(angle), posed(**turns)) == pytest.approx(degrees, abs=0.1)


@given(SEEDS)
def test_angles_are_those_of_single_joints_by_other_means(random_postures, seed):
    posture = random_postures(seed, 1)
    figure = PosedSkeleton.of(posture)
    local = dict(zip(BODY_JOINT_NAMES, posture.body_pose[0].double().numpy(), strict=True))
    for side, outward in (("left", 1), ("right", -1)):
        shin = local[f"{side}_knee"] @ [0, -1, 0]
        folded = math.degrees(math.acos(np.clip(-shin[1], -1, 1))) * (-1 if shin[2] > 0 else 1)
        assert float(ANGLES[f"{side}_knee_flexion"].measure(figure)) == pytest.approx(folded, abs=0.1)
        arm = local[f"{side}_collar"] @ local[f"{side}_shoulder"] @ [outward, 0, 0]
        raised = math.degrees(math.acos(np.clip(-arm[1], -1, 1)))
        assert float(ANGLES[f"{side}_shoulder_elevation"].measure(figure)) == pytest.approx(raised, abs=0.1)
        thigh = local[f"{side}_hip"] @ [0, -1, 0]
        spread = 90 - math.degrees(math.acos(np.clip(outward * thigh[0], -1, 1)))
        assert float(ANGLES[f"{side}_hip_abduction"].measure(figure)) == pytest.approx(spread, abs=0.1)
        quaternion = Rotation.from_matrix(local[f"{side}_hip"]).as_quat()
        twist = 2 * math.degrees(math.atan2(quaternion[1], quaternion[3]))
        difference = float(ANGLES[f"{side}_hip_rotation"].measure(figure)) - outward * twist
        assert (difference + 180) % 360 - 180 == pytest.approx(0, abs=0.1)


@given(SEEDS)
def test_in_a_mirror_the_sides_of_angles_change(random_postures, in_mirror, other_side, seed):
    posture = random_postures(seed, 1)
    figure, mirrored = PosedSkeleton.of(posture), PosedSkeleton.of(in_mirror(posture))
    for name, angle in ANGLES.items():
        sign = -1 if name in SIDEWAYS else 1
        difference = ANGLES[other_side(name)].measure(mirrored) - sign * angle.measure(figure)
        assert abs((float(difference) + 180) % 360 - 180) < 0.2


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
        Symmetry("arm"),
        Kept(STANDING.body_pose, ("head", "left_knee")),
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


def test_a_gaze_at_what_is_straight_ahead_is_zero(posed):
    ahead = posed(left_shoulder=(0.0, -80.0, 10.0), head=(0.0, 0.0, 0.0))
    figure = PosedSkeleton.of(ahead)
    eyes = (figure.point("left_eye") + figure.point("right_eye")) / 2
    way = figure.point("left_palm") - eyes
    expected = math.degrees(math.acos(float(way[2] / way.norm())))
    assert float(Gaze("left_palm")(figure)) == pytest.approx(expected, abs=0.05)


def test_the_mass_of_somebody_standing_is_over_the_feet(posed):
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
    kept = Kept(STANDING.body_pose, ("left_knee", "right_knee"))
    assert kept(STANDS) < 0.05
    assert kept(PosedSkeleton.of(posed(left_knee=(30.0, 0.0, 0.0)))) == pytest.approx(15, abs=0.1)


def test_batches_are_measured_as_their_figures_are(random_postures):
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
        Lean("forward"),
        Height("left_sole"),
        Balance("left_sole", "right_sole"),
        Symmetry("leg"),
        Kept(STANDING.body_pose, ("head",)),
    ]
    for measure in measures:
        values = measure(batch)
        assert values.shape == (2, 3)
        for index in range(6):
            alone = measure(PosedSkeleton.of(OrientedPose(*(part[index] for part in postures))))
            torch.testing.assert_close(values.flatten()[index], alone, atol=1e-2, rtol=1e-4)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_residuals_are_distances_to_an_interval_with_signs(measured, low, width):
    high = low + width
    constraint = Constraint("", lambda figure: torch.tensor(measured), low, high, "cm", ())
    inside = min(max(measured, low), high)
    assert float(constraint.residual(STANDS)) == pytest.approx(measured - inside, abs=1e-3)
    assert float(constraint.gap(STANDS)) == pytest.approx(abs(measured - inside), abs=1e-3)


@pytest.mark.parametrize(("unit", "tolerance"), [("degrees", 10.0), ("cm", 5.0)])
def test_satisfied_within_ten_degrees_or_five_centimetres(unit, tolerance):
    for off, expected in ((-0.1, True), (0.1, False)):
        measured = torch.tensor([20.0 + tolerance + off, 10.0 - tolerance - off])
        constraint = Constraint("", lambda figure, measured=measured: measured, 10.0, 20.0, unit, ())
        assert constraint.satisfied(STANDS).tolist() == [expected, expected]


def test_bounds_are_open_on_one_side():
    knee = JointAngle("left_knee_flexion")
    for bound, low, high in ((at_most, -math.inf, 3.0), (at_least, 3.0, math.inf)):
        constraint = bound("the knee", knee, 3.0, "degrees", ("left_knee",))
        assert (constraint.low, constraint.high) == (low, high)
        assert torch.isfinite(constraint.residual(STANDS))
    given = about("the knee", knee, 3.0, "degrees", ("left_knee",), 2.0)
    assert (given.low, given.high, given.text, given.unit) == (1.0, 5.0, "the knee", "degrees")


def test_contradictions_are_of_the_same_measure_with_nothing_in_common():
    raised = at_least("raised", JointAngle("left_shoulder_elevation"), 60.0, "degrees", ())
    lowered = at_most("lowered", JointAngle("left_shoulder_elevation"), 22.0, "degrees", ())
    assert raised.contradicts(lowered)
    assert lowered.contradicts(raised)
    assert not raised.contradicts(raised)
    assert not raised.contradicts(replace(lowered, high=60.0))
    assert not raised.contradicts(replace(lowered, measure=JointAngle("right_shoulder_elevation")))


@given(SEEDS)
def test_angles_between_directions(seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 3))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    found = angle_between(torch.tensor(a), torch.tensor(b))
    assert float(found) == pytest.approx(math.degrees(math.acos(np.clip(cosine, -1, 1))), abs=1e-4)


def test_tiny_angles_are_exact():
    for degrees in (1e-3, 180 - 1e-3):
        way = torch.tensor([math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.0])
        assert float(angle_between(torch.tensor([2.0, 0.0, 0.0]), way)) == pytest.approx(degrees, abs=1e-4)


def test_the_neutral_posture_is_within_all_anatomical_ranges():
    neutral = PosedSkeleton.of(neutral_pose())
    for angle in ANGLES.values():
        assert angle.low < 0 < angle.high or angle.low == 0
        assert angle.low <= float(angle.measure(neutral)) <= angle.high
        assert set(angle.joints) <= set(BODY_JOINT_NAMES)


def test_only_its_joints_change_an_angle(random_postures):
    posture = OrientedPose(*(part[0] for part in random_postures(5, 1)))
    turn = axis_angle_to_matrix(torch.tensor([0.3, 0.4, -0.3]))
    for joint, name in enumerate(BODY_JOINT_NAMES):
        body_pose = posture.body_pose.clone()
        body_pose[joint] = body_pose[joint] @ turn
        turned = OrientedPose(body_pose, posture.global_orient)
        for angle in ANGLES.values():
            changed = value(angle.measure, turned) - value(angle.measure, posture)
            assert abs(changed) < 1e-3 or name in angle.joints
