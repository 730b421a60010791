import math

import pytest
import torch

from qposer.body_pose.kinematics import forward_kinematics, mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle, matrix_to_axis_angle, turn_about
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, JOINT_NAMES, REST_JOINTS
from qposer.training import rig_variation
from qposer.training.rig_variation import POSES_PER_RIG, vary_rig

REST = torch.from_numpy(REST_JOINTS)[:22]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def body(name):
    return BODY_JOINT_NAMES.index(name)


def posed(rotations):
    """World rotations and positions of the pelvis and the body joints."""
    root = torch.eye(3).expand(len(rotations), 1, 3, 3)
    return forward_kinematics(torch.cat([root, rotations], dim=1), REST)


def turned(number, **turns):
    """Copies of a T-pose with joint rotations as axis-angle vectors in degrees."""
    pose = torch.zeros(21, 3)
    for joint, degrees in turns.items():
        pose[body(joint)] = torch.tensor(degrees).deg2rad()
    return axis_angle_to_matrix(pose).expand(number, 21, 3, 3)


@pytest.fixture
def poses():
    return axis_angle_to_matrix(0.5 * torch.randn(500, 21, 3, generator=seeded()))


@pytest.fixture
def only(monkeypatch):
    """Disable all variations except the named ones and the redistribution in spine and neck."""

    def leave(**kept):
        monkeypatch.setattr(rig_variation, "_SPREADS", torch.zeros(22, 3))
        monkeypatch.setattr(rig_variation, "COLLAR_SHARE", kept.get("collar", 0.0))
        for table in ("TWIST", "SIDEWAYS"):
            spreads = kept.get(table.lower(), dict.fromkeys(getattr(rig_variation, table), 0.0))
            monkeypatch.setattr(rig_variation, table, spreads)

    return leave


def test_no_strength_changes_nothing(poses):
    assert torch.equal(vary_rig(poses, seeded(), 0.0), poses)


@pytest.mark.parametrize("number", [0, 1, 13, 500])
def test_any_number_of_poses_stays_rotations(poses, number):
    varied = vary_rig(poses[:number], seeded(), 1.3)
    assert varied.shape == (number, 21, 3, 3)
    assert (varied.mT @ varied - torch.eye(3)).abs().amax(dim=(-1, -2)).lt(1e-5).all()
    assert torch.linalg.det(varied).gt(0).all()


def test_results_are_finite_at_rest_and_upside_down():
    half_turns = axis_angle_to_matrix(math.pi * torch.nn.functional.normalize(torch.ones(21, 3), dim=-1))
    for pose in (torch.eye(3).expand(21, 3, 3), half_turns, torch.diag(torch.tensor([-1.0, -1, 1])).expand(21, 3, 3)):
        assert vary_rig(pose.expand(100, 21, 3, 3), seeded()).isfinite().all()


def test_variations_follow_the_seed(poses):
    assert torch.equal(vary_rig(poses, seeded(1)), vary_rig(poses, seeded(1)))
    assert not torch.allclose(vary_rig(poses, seeded(1)), vary_rig(poses, seeded(2)))


def test_strength_scales_the_turns(poses):
    weak, strong = (geodesic_angle(vary_rig(poses, seeded(), s), poses).mean().rad2deg() for s in (0.4, 0.8))
    assert 3 < weak < 8
    assert strong / weak == pytest.approx(2, rel=0.15)


def test_hands_and_feet_stay_near_where_they_were():
    standing = turned(1000, left_shoulder=(0.0, 0, -70), right_shoulder=(0.0, 0, 70), left_elbow=(0.0, -60, 0))
    before, after = posed(standing)[1], posed(vary_rig(standing, seeded(), 0.8))[1]
    moved = torch.linalg.vector_norm(after - before, dim=-1).mean(0)
    assert moved[[JOINT_NAMES.index(f"{side}_foot") for side in ("left", "right")]].max() < 0.06
    assert moved[[JOINT_NAMES.index(f"{side}_wrist") for side in ("left", "right")]].max() < 0.08
    assert moved[JOINT_NAMES.index("head")] < 0.05


def test_twists_and_sharing_leave_limbs_head_and_hands_as_they_are(poses, only):
    only(twist=dict(rig_variation.TWIST))
    (before, places), (after, moved) = posed(poses), posed(vary_rig(poses, seeded(), 0.8))
    for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
        for side in ("left", "right"):
            a, b = (JOINT_NAMES.index(f"{side}_{joint}") for joint in (start, end))
            torch.testing.assert_close(moved[:, b] - moved[:, a], places[:, b] - places[:, a], atol=1e-5, rtol=0)
            assert geodesic_angle(after[:, a], before[:, a]).mean().rad2deg() > 3
    for joint in ("spine3", "head", "left_collar", "left_wrist", "right_wrist", "left_ankle", "right_foot"):
        index = JOINT_NAMES.index(joint)
        torch.testing.assert_close(after[:, index], before[:, index], atol=1e-5, rtol=0)


def test_spine_and_neck_redistribute_their_rotations(only):
    only()
    bent = turned(2000, spine1=(60.0, 0, 0), neck=(0.0, 40, 0))
    varied = matrix_to_axis_angle(vary_rig(bent, seeded(), 1.0)).rad2deg()
    spine = varied[:, [body(f"spine{i}") for i in (1, 2, 3)], 0]
    neck = varied[:, [body("neck"), body("head")], 1]
    for shares, total in ((spine, 60), (neck, 40)):
        torch.testing.assert_close(shares.sum(1), torch.full((2000,), float(total)), atol=1e-2, rtol=0)
        assert (shares > -1e-3).all()
        torch.testing.assert_close(
            shares.mean(0), torch.full((shares.shape[1],), total / shares.shape[1]), atol=2, rtol=0
        )
        assert shares.std(0).min() > 0.1 * total


@pytest.mark.parametrize(("side", "sign"), [("left", 1.0), ("right", -1.0)])
def test_collars_take_a_share_of_raised_lowered_and_forward_arms(only, side, sign):
    only(collar=rig_variation.COLLAR_SHARE)
    for turn, axis, shares in (((0.0, 0, -60), 2, -60), ((0.0, 0, 60), 2, 60), ((0.0, -60, 0), 1, -60)):
        arms = turned(1000, **{f"{side}_shoulder": tuple(sign * angle for angle in turn)})
        varied = vary_rig(arms, seeded(), 1.0)
        taken = matrix_to_axis_angle(varied[:, body(f"{side}_collar")])[:, axis].rad2deg() * sign / shares
        assert taken.min() > -1e-4
        assert 0.12 < taken.mean() < 0.18
        assert taken.max() < rig_variation.COLLAR_SHARE
        arm = JOINT_NAMES.index(f"{side}_shoulder")
        torch.testing.assert_close(posed(varied)[0][:, arm], posed(arms)[0][:, arm], atol=1e-5, rtol=0)


def test_collars_stay_inside_their_limits(only):
    only(collar=1.0)
    up = turned(500, left_shoulder=(0.0, 0, 100), left_collar=(0.0, 0, 20))
    down = turned(500, left_shoulder=(0.0, 0, -80))
    highest, lowest = (
        matrix_to_axis_angle(vary_rig(p, seeded(), 1.3)[:, body("left_collar")])[:, 2] for p in (up, down)
    )
    assert 25 < highest.max().rad2deg() < 30.1
    assert -25.1 < lowest.min().rad2deg() < -20


@pytest.mark.parametrize(("flexion", "limit"), [(0.0, 10.0), (30.0, 16.7), (60.0, 23.3)])
def test_knees_twist_as_far_as_their_flexion_allows(only, flexion, limit):
    only(twist=dict.fromkeys(rig_variation.TWIST, 30.0))
    legs = turned(1000, left_knee=(flexion, 0, 0), right_knee=(flexion, 0, 0))
    varied = vary_rig(legs, seeded(), 1.0)[:, [body("left_knee"), body("right_knee")]]
    twist = turn_about(varied, varied.new_tensor([0.0, 1.0, 0.0]))
    assert 0.9 * limit < twist.rad2deg().abs().max() < 1.4 * limit


def test_hinges_bend_sideways_within_their_limits(only):
    only(sideways=dict.fromkeys(rig_variation.SIDEWAYS, 30.0))
    varied = matrix_to_axis_angle(vary_rig(turned(1000), seeded(), 1.0)).rad2deg().norm(dim=-1).amax(0)
    for side in ("left", "right"):
        assert 4.9 < varied[body(f"{side}_knee")] < 5.01
        assert 14.7 < varied[body(f"{side}_elbow")] < 15.01


def test_poses_of_a_rig_share_its_constants():
    varied = matrix_to_axis_angle(vary_rig(turned(100 * POSES_PER_RIG), seeded(), 0.5))
    of_rigs = varied.unflatten(0, (-1, POSES_PER_RIG)).mean(1).var(0)
    part = (of_rigs / varied.var(0))[[body("left_shoulder"), body("left_ankle"), body("right_foot")]].mean()
    assert 0.4 < part < 0.7  # a half is the rig's, an eighth of the rest is chance


def test_constants_of_rigs_are_symmetric():
    varied = vary_rig(turned(200 * POSES_PER_RIG), seeded(), 0.5)
    both = [
        matrix_to_axis_angle(r).unflatten(0, (-1, POSES_PER_RIG)).mean(1) for r in (varied, mirror_body_pose(varied))
    ]
    for joint in ("left_elbow", "left_ankle", "left_hip"):
        for axis in range(3):
            pair = torch.stack([each[:, body(joint), axis] for each in both])
            assert torch.corrcoef(pair)[0, 1] > 0.6
