import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS
from qposer.control.instructions import InstructionError, instruct
from qposer.control.measures import FacingHeading, JointAngle, Lean

NEUTRAL = neutral_pose()


@pytest.fixture(scope="module")
def instructed(shipped_prior):
    """Apply an instruction to a posture, optionally after a previous edit."""

    def follow(text, posture=NEUTRAL, n=1, previous=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return instruct(posture, text, n, generator=generator, previous=previous, prior=shipped_prior)

    return follow


@pytest.fixture(scope="module")
def conversation(instructed):
    """Apply instructions in order, each to the result of the previous one."""

    def follow(*texts):
        (edit,) = instructed(texts[0])
        for text in texts[1:]:
            (edit,) = instructed(text, edit.posture, previous=edit)
        return edit

    return follow


def angle(posture, name):
    return float(JointAngle(name)(PosedSkeleton.of(posture)))


def moved(posture, other):
    differ = (posture.body_pose != other.body_pose).flatten(1).any(1)
    return {name for name, yes in zip(BODY_JOINT_NAMES, differ, strict=True) if yes}


def degrees_between(a, b):
    return geodesic_angle(a.body_pose, b.body_pose).rad2deg()


@pytest.mark.parametrize(
    "text",
    [
        "raise the left arm to shoulder height",
        "lower the right shoulder",
        "bend both knees 60 degrees",
        "straighten the right elbow",
        "stretch the left arm out to the side",
        "reach up with the right hand",
        "put the right hand on the head",
        "touch the left knee with the right hand",
        "cross the arms in front of the chest",
        "lean forward slightly",
        "bow",
        "arch the back",
        "turn the torso to the left",
        "tilt the head to the right",
        "look over the left shoulder",
        "nod",
        "point forward with the left arm",
        "spread the legs",
        "put the feet together",
        "step forward with the left foot",
        "kick with the right leg",
        "squat",
        "crouch",
        "sit",
        "kneel on the right knee",
        "lunge with the left leg",
        "stand on one leg",
        "clasp the hands",
        "pray",
        "cover the face",
        "shrug",
        "salute",
        "wave",
        "t-pose",
        "a-pose",
        "hands on the hips",
        "hug yourself",
        "stand on tiptoe",
        "the left knee is bent 40 degrees and the head is turned to the right",
    ],
)
def test_every_family_of_verbs_is_followed(instructed, text):
    (edit,) = instructed(text)
    assert edit.checks
    assert all(check.satisfied for check in edit.checks), [c for c in edit.checks if not c.satisfied]
    assert edit.energy < 2.5
    identity = torch.eye(3).expand(21, 3, 3)
    torch.testing.assert_close(edit.posture.body_pose @ edit.posture.body_pose.mT, identity, atol=1e-4, rtol=0)


def test_sides_are_those_of_the_person(instructed):
    (edit,) = instructed("raise the left arm and bend the right knee 70 degrees")
    assert angle(edit.posture, "left_shoulder_elevation") > 55
    assert angle(edit.posture, "right_shoulder_elevation") < 30
    assert angle(edit.posture, "right_knee_flexion") == pytest.approx(70, abs=3)
    assert abs(angle(edit.posture, "left_knee_flexion")) < 15


def test_uninvolved_joints_keep_their_rotations_exactly(instructed):
    (edit,) = instructed("bend the left elbow 90 degrees")
    assert moved(NEUTRAL, edit.posture) == set(edit.mentioned) == {"left_elbow"}
    (edit,) = instructed("raise the right arm")
    assert moved(NEUTRAL, edit.posture) <= {*BODY_PARTS["right_arm"], *BODY_PARTS["torso"]}
    assert torch.equal(edit.posture.global_orient, NEUTRAL.global_orient)
    assert set(edit.mentioned) == set(BODY_PARTS["right_arm"])


def test_checks_measure_before_and_after(instructed):
    (edit,) = instructed("bend the left knee 60 degrees")
    (check,) = edit.checks
    assert check.unit == "degrees"
    assert check.before == pytest.approx(60 - angle(NEUTRAL, "left_knee_flexion"), abs=0.01)
    assert check.after == pytest.approx(abs(60 - angle(edit.posture, "left_knee_flexion")), abs=0.01)
    assert edit.before is not edit.posture
    torch.testing.assert_close(edit.before.body_pose, NEUTRAL.body_pose)


@settings(max_examples=3)
@given(st.floats(-math.pi, math.pi))
def test_the_pose_does_not_depend_on_the_facing(instructed, heading):
    turn = axis_angle_to_matrix(torch.tensor([0.0, heading, 0.0]))
    text = "raise the left arm forward and lean to the left"
    (expected,) = instructed(text)
    (edit,) = instructed(text, OrientedPose(NEUTRAL.body_pose, turn @ NEUTRAL.global_orient))
    assert degrees_between(expected.posture, edit.posture).max() < 2
    turned = turn @ expected.posture.global_orient
    torch.testing.assert_close(edit.posture.global_orient, turned, atol=0.02, rtol=0)


def test_poses_of_both_kinds_are_upright_postures(instructed):
    axis_angle = torch.zeros(21, 3)
    one, other = (instructed("bend the left knee", pose)[0] for pose in (axis_angle, axis_angle_to_matrix(axis_angle)))
    torch.testing.assert_close(one.posture.body_pose, other.posture.body_pose)
    assert torch.equal(one.before.global_orient, torch.eye(3))


def test_several_answers_differ(instructed):
    answers = instructed("put the left hand on the head", n=3)
    assert len(answers) == 3
    for one, other in pairwise(answers):
        assert degrees_between(one.posture, other.posture).max() > 0.5
    assert answers[0].checks[0].satisfied


def test_equal_seeds_give_equal_answers(instructed):
    one, again, other = (instructed("raise the arms", seed=seed)[0].posture for seed in (1, 1, 2))
    assert torch.equal(one.body_pose, again.body_pose)
    assert not torch.equal(one.body_pose, other.body_pose)


def test_steps_are_followed_one_after_the_other(instructed):
    (edit,) = instructed("raise both arms, then lower the right one")
    assert angle(edit.posture, "left_shoulder_elevation") > 55
    assert angle(edit.posture, "right_shoulder_elevation") < 32
    assert len(edit.steps) == 2
    assert len(edit.checks) > 3
    assert set(edit.mentioned) == set(BODY_PARTS["arms"])


def test_pronouns(instructed):
    (edit,) = instructed("raise the left knee and bend it 90 degrees")
    assert angle(edit.posture, "left_knee_flexion") == pytest.approx(90, abs=10)


def test_mirror_that(instructed, conversation, in_mirror, posed):
    text = "raise the left arm and bend the left knee"
    (raised,) = instructed(text, posed(pelvis=(0.0, 0.0, -20.0)))
    (mirrored,) = instructed("mirror that", raised.posture, previous=raised)
    for part, expected in zip(mirrored.posture, in_mirror(raised.posture), strict=True):
        torch.testing.assert_close(part, expected, atol=1e-5, rtol=0)
    assert set(mirrored.mentioned) == set(BODY_JOINT_NAMES)
    (at_once,) = instructed(f"{text}, then mirror that", raised.before)
    torch.testing.assert_close(at_once.posture.body_pose, mirrored.posture.body_pose)
    with pytest.raises(InstructionError, match="nothing was done before"):
        conversation("mirror that", "a bit more")
    with pytest.raises(InstructionError, match="a sentence of its own"):
        instructed("raise the left arm and mirror that")


@pytest.mark.parametrize(
    ("first", "measure", "sign"),
    [
        ("bend the left knee 40 degrees", JointAngle("left_knee_flexion"), 1),
        ("turn the head to the right", JointAngle("head_turn"), -1),
        ("look over the right shoulder", FacingHeading("face"), -1),
        ("lean forward", Lean("forward"), 1),
    ],
)
def test_a_bit_more_continues_and_less_reverts(conversation, first, measure, sign):
    less, as_told, more = (
        sign * float(measure(PosedSkeleton.of(conversation(first, *after).posture)))
        for after in (["a bit less"], [], ["a bit more"])
    )
    assert less + 3 < as_told < more - 3


def test_more_by_a_number(conversation):
    edit = conversation("bend the left knee 40 degrees", "20 degrees more")
    assert angle(edit.posture, "left_knee_flexion") == pytest.approx(60, abs=3)
    beyond = conversation("bend the left knee 140 degrees", "a lot more")
    assert angle(beyond.posture, "left_knee_flexion") < 158


def test_more_of_a_lowered_arm_does_not_raise_it(instructed):
    (raised,) = instructed("raise the left arm")
    (lowered,) = instructed("lower the left arm", raised.posture)
    (more,) = instructed("a bit more", lowered.posture, previous=lowered)
    height = [float(PosedSkeleton.of(edit.posture).point("left_wrist")[1]) for edit in (lowered, more)]
    assert height[1] < height[0] + 0.02


def test_edits_can_be_repeated_with_other_parts(conversation):
    both = conversation("raise the left arm", "do the same with the right arm")
    assert angle(both.posture, "left_shoulder_elevation") > 55
    assert angle(both.posture, "right_shoulder_elevation") > 55
    elbow = conversation("bend the left knee 70 degrees", "do the same with the right elbow")
    assert angle(elbow.posture, "right_elbow_flexion") == pytest.approx(70, abs=3)
    assert abs(angle(elbow.posture, "right_knee_flexion")) < 15
    knees = conversation("bend the left knee 70 degrees", "do the same with the right one")
    assert angle(knees.posture, "right_knee_flexion") == pytest.approx(70, abs=3)
    other = conversation("bend the left knee 70 degrees", "do the same")
    assert angle(other.posture, "right_knee_flexion") == pytest.approx(70, abs=3)
    at_once = conversation("raise the left arm and do the same with the right arm")
    assert angle(at_once.posture, "right_shoulder_elevation") > 55
    thrice = conversation("raise the left arm", "do the same with the right arm", "do the same with the right leg")
    assert angle(thrice.posture, "right_hip_flexion") > 35


def test_edits_can_be_repeated_in_another_direction(conversation):
    edit = conversation("turn the head to the left", "do the same to the right")
    assert angle(edit.posture, "head_turn") < -30


def test_errors_of_the_same_point_at_the_current_instruction(conversation):
    with pytest.raises(InstructionError, match="150 degrees are out of range") as error:
        conversation("please bend the left knee 150 degrees", "do the same with the right hip")
    assert error.value.text[error.value.start : error.value.end] == "do the same with the right hip"


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("", "the instruction is empty", ""),
        ("raise the left arm, " * 500, "10000 characters", None),
        ("lève le bras gauche", "the word 'lève' is not known", "lève"),
        ("raise the left armm", "did you mean arm", "armm"),
        ("bend the knee 400 degrees", "from -5 to 155", "400 degrees"),
        (
            "raise and lower the left arm",
            "'left arm raised' and 'left arm lowered' contradict each other",
            "raise and lower the left arm",
        ),
        ("bend the left knee and straighten the left knee", "contradict each other", None),
        ("raise the left arm and", "the instruction is incomplete", ""),
        ("keep the body still", "all mentioned parts must be kept still", "keep the body still"),
        ("raise the left arm and keep the left arm still", "kept still", None),
        ("a bit more", "nothing was done before that this could refer to", "a bit more"),
        ("do the same with the left arm", "nothing was done before", "do the same with the left arm"),
        ("bend it", "no part was named before", "it"),
    ],
)
def test_errors_show_the_words_not_understood(instructed, text, message, place):
    with pytest.raises(InstructionError, match=message) as error:
        instructed(text)
    assert error.value.text == text
    assert place is None or text[error.value.start : error.value.end] == place


def test_out_of_reach_it_reports_the_remaining_distance(instructed):
    (edit,) = instructed("raise the left hand 3 m")
    up = next(check for check in edit.checks if check.before > 100)
    assert 100 < up.after < up.before
    assert not up.satisfied


def test_wrong_input(instructed):
    with pytest.raises(ValueError, match=r"number of solutions must be .*, not 0"):
        instructed("sit", n=0)
    with pytest.raises(ValueError, match="a body pose must be"):
        instructed("sit", torch.zeros(24, 3))
    with pytest.raises(ValueError, match="NaN"):
        instructed("sit", torch.full((21, 3), math.nan))


@pytest.mark.parametrize("text", ["raise the right arm", "raise both arms"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_raised_arms_leave_the_torso_upright(instructed, text, seed):
    (edit,) = instructed(text, seed=seed)
    assert abs(Lean("forward")(PosedSkeleton.of(edit.posture))) < 6
    spine = [BODY_JOINT_NAMES.index(name) for name in ("spine1", "spine2", "spine3")]
    turned = geodesic_angle(edit.posture.body_pose[spine], NEUTRAL.body_pose[spine]).rad2deg()
    assert turned.max() < 6


def test_instructions_for_fingers_name_the_function_for_them(shipped_prior):
    with pytest.raises(InstructionError, match="fingers are posed by instruct_hands"):
        instruct(torch.zeros(21, 3), "make a fist", prior=shipped_prior)
