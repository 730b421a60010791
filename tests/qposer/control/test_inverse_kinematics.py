import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qposer.body_pose.posed_skeleton import POINT_NAMES, OrientedPose, PosedSkeleton, carrier, neutral_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS
from qposer.control.anatomy import ANGLES
from qposer.control.constraints import about, at_least
from qposer.control.free_joints import FreeJoints
from qposer.control.inverse_kinematics import WHILE_DRAGGING, solve_constraints, solve_ik
from qposer.control.measures import Elevation, FacingHeading, JointAngle, Lean, Offset

NEUTRAL = neutral_pose()
LEFT_ARM = set(BODY_PARTS["left_arm"])
SPINE = set(BODY_PARTS["torso"])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def moved(posture, other):
    """Names of the joints with different rotations."""
    differ = (posture.body_pose != other.body_pose).flatten(1).any(1)
    return {name for name, yes in zip(BODY_JOINT_NAMES, differ, strict=True) if yes}


def place(posture, name):
    return PosedSkeleton.of(posture).point(name)


def assert_rotations(posture):
    for part in posture:
        identity = torch.eye(3).expand(part.shape)
        torch.testing.assert_close(part @ part.mT, identity, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("targets", "near"),
    [
        ({"left_elbow": (0.38, 0.4, 0.1)}, 0.02),
        ({"nose": (0.03, 0.62, 0.22)}, 0.02),
        ({"right_toes": (-0.2, -0.7, 0.4)}, 0.06),
        ({"left_palm": (0.3, 0.0, 0.35), "right_palm": (-0.3, 0.0, 0.35)}, 0.1),
    ],
)
def test_points_come_to_targets_within_reach(shipped_prior, targets, near):
    solution = solve_ik(NEUTRAL, targets, prior=shipped_prior)
    assert solution.distance.keys() == targets.keys()
    for name, target in targets.items():
        away = float(torch.dist(place(solution.posture, name), torch.tensor(target)))
        assert solution.distance[name] == pytest.approx(away, abs=1e-5)
        assert away < near
        assert away < 0.5 * float(torch.dist(place(NEUTRAL, name), torch.tensor(target)))
    assert_rotations(solution.posture)
    assert math.isfinite(solution.energy)


def test_solving_again_from_where_it_ended_comes_nearer(shipped_prior):
    target = {"left_wrist": (0.3, 0.5, 0.4)}
    posture, distance = NEUTRAL, math.inf
    for _ in range(6):
        solution = solve_ik(posture, target, prior=shipped_prior)
        assert solution.distance["left_wrist"] < distance + 0.01
        posture, distance = solution.posture, solution.distance["left_wrist"]
    assert distance < 0.03


@pytest.mark.parametrize("target", [(3.0, 0.4, 0.0), (0.2, 3.0, 0.5), (0.0, 0.0, 1e20)])
def test_unreachable_targets_are_approached_and_the_remaining_distance_is_reported(shipped_prior, target):
    posture = NEUTRAL
    for _ in range(8):
        solution = solve_ik(posture, {"left_wrist": target}, prior=shipped_prior)
        posture = solution.posture
    away = np.linalg.norm(place(posture, "left_wrist").double().numpy() - np.array(target))
    assert solution.distance["left_wrist"] == pytest.approx(away, rel=1e-5)
    shoulder, wrist = place(posture, "left_shoulder"), place(posture, "left_wrist")
    wanted = np.array(target) - shoulder.double().numpy()
    assert (wrist - shoulder).double().numpy() @ (wanted / np.linalg.norm(wanted)) > 0.4
    assert_rotations(posture)


def test_the_distance_beyond_reach_does_not_matter(shipped_prior):
    """Only the direction from the limb's origin matters."""
    away = torch.nn.functional.normalize(torch.tensor([1.0, 0.3, 0.6]), dim=0)
    near, far = (
        solve_ik(NEUTRAL, {"left_wrist": (place(NEUTRAL, "left_collar") + metres * away).tolist()}, prior=shipped_prior)
        for metres in (2.0, 200.0)
    )
    torch.testing.assert_close(near.posture.body_pose, far.posture.body_pose, atol=0.02, rtol=0)


def test_only_the_limb_and_the_spine_move(shipped_prior):
    solution = solve_ik(NEUTRAL, {"left_fingers": (0.5, 0.6, 0.3)}, prior=shipped_prior)
    assert moved(NEUTRAL, solution.posture) <= LEFT_ARM | SPINE
    assert torch.equal(NEUTRAL.global_orient, solution.posture.global_orient)
    legs = solve_ik(NEUTRAL, {"right_heel": (-0.15, -0.6, -0.3)}, prior=shipped_prior)
    assert moved(NEUTRAL, legs.posture) <= set(BODY_PARTS["right_leg"])


def test_kept_joints_do_not_move(shipped_prior):
    target = {"left_fingers": (0.5, 0.6, 0.3)}
    assert moved(NEUTRAL, solve_ik(NEUTRAL, target, keep=["torso"], prior=shipped_prior).posture) <= LEFT_ARM
    kept = solve_ik(NEUTRAL, target, keep=["torso", "left_collar", "left_wrist"], prior=shipped_prior)
    assert moved(NEUTRAL, kept.posture) <= {"left_shoulder", "left_elbow"}
    left = float(torch.dist(place(kept.posture, "left_fingers"), torch.tensor(target["left_fingers"])))
    assert kept.distance["left_fingers"] == pytest.approx(left, abs=1e-5)


def test_the_same_targets_lead_to_the_same_posture(shipped_prior):
    target = {"right_palm": (-0.3, 0.2, 0.4)}
    first, again = (solve_ik(NEUTRAL, target, prior=shipped_prior) for _ in range(2))
    assert torch.equal(first.posture.body_pose, again.posture.body_pose)
    assert first.distance == again.distance


def test_targets_are_of_the_world(shipped_prior):
    turn = axis_angle_to_matrix(torch.tensor([0.0, 2.0, 0.0]))
    turned = OrientedPose(NEUTRAL.body_pose, turn @ NEUTRAL.global_orient)
    target = [0.35, 0.3, 0.3]
    solution = solve_ik(turned, {"left_wrist": (turn @ torch.tensor(target)).tolist()}, prior=shipped_prior)
    expected = solve_ik(NEUTRAL, {"left_wrist": target}, prior=shipped_prior)
    torch.testing.assert_close(solution.posture.body_pose, expected.posture.body_pose, atol=0.02, rtol=0)


@settings(max_examples=10)
@given(st.sampled_from([name for name in POINT_NAMES if carrier(name)]), st.integers(0, 2**31))
def test_any_point_can_be_moved_from_any_posture(shipped_prior, random_postures, name, seed):
    postures = random_postures(seed, 1, 0.3)
    posture = OrientedPose(*(part[0] for part in postures))
    target = place(posture, name) + 0.1 * torch.randn(3, generator=generator(seed))
    solution = solve_ik(posture, {name: target.tolist()}, prior=shipped_prior)
    assert_rotations(solution.posture)
    assert math.isfinite(solution.distance[name])
    assert solution.distance[name] < float(torch.dist(place(posture, name), target)) + 0.1


@pytest.mark.parametrize(
    ("targets", "keep", "message"),
    [
        ({}, [], "no target is given"),
        ({"left_wing": (0, 0, 0)}, [], "no point 'left_wing' can be moved: use one of left_knee"),
        ({"pelvis": (0, 0, 0)}, [], "no point 'pelvis' can be moved"),
        ({"left_hip": (0, 0, 0)}, [], "no point 'left_hip' can be moved"),
        ({"left_wrist": (0, math.nan, 0)}, [], "the target of left_wrist must be three finite numbers"),
        ({"left_wrist": (0, math.inf, 0)}, [], "the target of left_wrist must be three finite numbers"),
        ({"left_wrist": (0, 1e39, 0)}, [], "the target of left_wrist must be three finite numbers"),
        ({"left_wrist": (0, 1)}, [], "the target of left_wrist must be three finite numbers"),
        ({"left_wrist": ((0, 1, 2),)}, [], "the target of left_wrist must be three finite numbers"),
        ({"left_wrist": (0, None, 0)}, [], "the target of left_wrist must be three finite numbers"),
        ({"left_wrist": "here"}, [], "the target of left_wrist must be three finite numbers"),
        ({"left_wrist": 1.0}, [], "the target of left_wrist must be three finite numbers"),
        ({"left_wrist": (0, 0, 0)}, ["left_wing"], "there is no part 'left_wing'"),
        ({"left_wrist": (0, 0, 0)}, ["left_arm", "torso"], "no joint may move"),
    ],
)
def test_invalid_targets_are_rejected(shipped_prior, targets, keep, message):
    with pytest.raises(ValueError, match=message):
        solve_ik(NEUTRAL, targets, keep, prior=shipped_prior)


KNEE = about("the left knee bent", JointAngle("left_knee_flexion"), 70.0, "degrees", ("left_knee",), 2.0)
ARM = at_least("the left arm raised", JointAngle("left_shoulder_elevation"), 80.0, "degrees", ("left_shoulder",))


def test_constraints_hold_and_nothing_else_moves(shipped_prior):
    freedom = FreeJoints.of(["left_knee", "left_shoulder"], ["left_collar"])
    (answer,) = solve_constraints(shipped_prior, NEUTRAL, [KNEE, ARM], freedom, generator=generator())
    figure = PosedSkeleton.of(answer.posture)
    assert KNEE.gap(figure) < 3
    assert ARM.gap(figure) < 3
    assert moved(NEUTRAL, answer.posture) <= {"left_knee", "left_shoulder", "left_collar"}
    assert answer.energy == pytest.approx(float(shipped_prior.energy(answer.posture.body_pose)), abs=1e-4)
    assert_rotations(answer.posture)


def test_satisfied_constraints_stay_satisfied(shipped_prior):
    holds = about("arms down", Elevation("left_shoulder", "left_wrist"), -80.0, "degrees", ("left_shoulder",), 60.0)
    freedom = FreeJoints.of(["left_shoulder", "left_elbow"])
    (answer,) = solve_constraints(shipped_prior, NEUTRAL, [holds], freedom, generator=generator())
    assert holds.gap(PosedSkeleton.of(answer.posture)) == 0
    assert moved(NEUTRAL, answer.posture) <= {"left_shoulder", "left_elbow"}


def test_joints_keep_to_anatomical_ranges(shipped_prior):
    behind = at_least("the hand behind", Offset("left_wrist", "upper_back", "backward"), 12.0, "cm", ())
    (answer,) = solve_constraints(shipped_prior, NEUTRAL, [behind], FreeJoints.of(LEFT_ARM), generator=generator())
    figure = PosedSkeleton.of(answer.posture)
    assert behind.gap(figure) < 4
    for name, angle in ANGLES.items():
        if set(angle.joints) <= LEFT_ARM:
            assert angle.low - 8 < angle.measure(figure) < angle.high + 8, name


def test_legs_keep_their_direction_when_the_pelvis_turns(shipped_prior):
    lean = about("leaning", Lean("forward"), 35.0, "degrees", ())
    freedom = FreeJoints.of(["spine1", "spine2", "spine3"], pelvis=True)
    (answer,) = solve_constraints(shipped_prior, NEUTRAL, [lean], freedom, generator=generator())
    figure, before = PosedSkeleton.of(answer.posture), PosedSkeleton.of(NEUTRAL)
    assert lean.gap(figure) < 4
    assert not torch.allclose(answer.posture.global_orient, NEUTRAL.global_orient, atol=0.02)
    for side in ("left", "right"):
        torch.testing.assert_close(
            figure.world_rotation(f"{side}_hip"), before.world_rotation(f"{side}_hip"), atol=0.08, rtol=0
        )
    fixed = solve_constraints(
        shipped_prior, NEUTRAL, [lean], FreeJoints.of(["spine1", "spine2"]), generator=generator()
    )[0]
    assert torch.equal(fixed.posture.global_orient, NEUTRAL.global_orient)


def test_several_answers_differ_and_the_best_comes_first(shipped_prior):
    freedom = FreeJoints.of(LEFT_ARM, SPINE)
    answers = solve_constraints(shipped_prior, NEUTRAL, [ARM], freedom, 4, generator=generator())
    assert len(answers) == 4
    for one, other in pairwise(answers):
        assert not torch.allclose(one.posture.body_pose, other.posture.body_pose, atol=1e-3)
    assert ARM.satisfied(PosedSkeleton.of(answers[0].posture))


def test_the_same_seed_gives_the_same_answers(shipped_prior):
    freedom = FreeJoints.of(LEFT_ARM)
    first, again, other = (
        solve_constraints(shipped_prior, NEUTRAL, [ARM], freedom, 2, generator=generator(seed)) for seed in (1, 1, 2)
    )
    assert all(torch.equal(a.posture.body_pose, b.posture.body_pose) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].posture.body_pose, other[0].posture.body_pose)


def test_posture_and_constraints_are_not_changed(shipped_prior):
    start = OrientedPose(*(part.clone() for part in NEUTRAL))
    solve_constraints(
        shipped_prior, start, [KNEE], FreeJoints.of(["left_knee"]), generator=generator(), options=WHILE_DRAGGING
    )
    assert all(torch.equal(a, b) for a, b in zip(start, NEUTRAL, strict=True))


def test_free_joints_are_found_by_name():
    freedom = FreeJoints.of(["left_knee", "head"], ["left_knee", "spine1"], pelvis=True)
    names = {"left_knee", "head", "spine1", "left_hip", "right_hip"}
    assert [BODY_JOINT_NAMES[joint] for joint in freedom.moving] == [n for n in BODY_JOINT_NAMES if n in names]
    assert [BODY_JOINT_NAMES[joint] for joint in freedom.named] == ["left_knee", "head"]
    assert not set(freedom.named) & set(freedom.helping)
    with pytest.raises(ValueError, match="no joint may move"):
        FreeJoints.of([])


@pytest.mark.parametrize("n", [0, -1, 1000])
def test_a_wrong_number_of_answers_is_reported(shipped_prior, n):
    with pytest.raises(ValueError, match=f"number of solutions must be .*, not {n}"):
        solve_constraints(shipped_prior, NEUTRAL, [KNEE], FreeJoints.of(["left_knee"]), n, generator=generator())


def test_a_face_is_turned_by_the_neck_alone(shipped_prior):
    turned = about("to the left", FacingHeading("face"), 40.0, "degrees", ("neck", "head"))
    (answer,) = solve_constraints(
        shipped_prior, NEUTRAL, [turned], FreeJoints.of(["neck", "head"]), generator=generator()
    )
    assert FacingHeading("face")(PosedSkeleton.of(answer.posture)) == pytest.approx(40, abs=4)
    assert moved(NEUTRAL, answer.posture) <= {"neck", "head"}
