import math

import pytest
import torch

from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.training.corruptions import BENT, LARGEST, LEAST_BEND, MOST, MOST_BEND, SMALLEST, perturbed

HINGES = [BODY_JOINT_NAMES.index(f"{side}_{joint}") for joint in ("knee", "elbow") for side in ("left", "right")]
OTHERS = [joint for joint in range(21) if joint not in HINGES]
BENDS = (("left_knee", (1.0, 0, 0)), ("right_knee", (1.0, 0, 0)), ("left_elbow", (0, -1.0, 0)))
"""Hinge joints and their flexion axes."""


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def disturbances():
    poses = torch.eye(3).expand(4000, 21, 3, 3)
    perturbed_poses, chosen = perturbed(poses, seeded())
    return geodesic_angle(perturbed_poses, poses), chosen


def test_only_chosen_joints_turn(disturbances):
    angles, chosen = disturbances
    assert (angles[~chosen] < 1e-3).all()
    turned = angles[:, OTHERS][chosen[:, OTHERS]]
    assert turned.min() == pytest.approx(SMALLEST, rel=0.02)
    assert turned.max() == pytest.approx(LARGEST, rel=0.02)


def test_numbers_of_joints_and_sizes_vary(disturbances):
    angles, chosen = disturbances
    number = chosen.sum(1)
    assert number.min() == 1
    assert MOST < number.max() < 2.5 * MOST
    of_others, of_hinges = (chosen[:, joints].float().mean(0) for joints in (OTHERS, HINGES))
    assert of_others.min() > 0.8 * of_others.max()
    assert of_hinges.min() > 1.3 * of_others.max()
    turned = angles[:, OTHERS][chosen[:, OTHERS]]
    assert turned.median().item() == pytest.approx(math.sqrt(SMALLEST * LARGEST), rel=0.1)


@pytest.mark.parametrize("flexion", [0.0, 70.0])
@pytest.mark.parametrize(("joint", "axis"), BENDS)
def test_some_hinges_are_bent_the_wrong_way_and_nothing_else(flexion, joint, axis):
    index = BODY_JOINT_NAMES.index(joint)
    pose = torch.zeros(4000, 21, 3)
    pose[:, index] = math.radians(flexion) * torch.tensor(axis)
    perturbed_poses, chosen = perturbed(axis_angle_to_matrix(pose), seeded())
    alone = ~chosen[:, OTHERS].any(1)
    assert 0.9 * BENT / 2 < alone.float().mean() < 1.3 * BENT / 2
    bent = perturbed_poses[alone & chosen[:, index], index]
    skew = torch.stack(
        [bent[:, 2, 1] - bent[:, 1, 2], bent[:, 0, 2] - bent[:, 2, 0], bent[:, 1, 0] - bent[:, 0, 1]], -1
    )
    cosine = torch.nn.functional.cosine_similarity(skew, torch.tensor(axis), dim=-1)
    angle = geodesic_angle(bent, torch.eye(3))
    wrong = angle[cosine < -0.999]
    assert len(wrong) > 0.8 * len(bent)
    assert LEAST_BEND - 1e-3 < wrong.min() < 1.5 * LEAST_BEND
    assert 0.9 * MOST_BEND < wrong.max() < MOST_BEND + 1e-3


def test_disturbances_follow_the_seed():
    poses = torch.eye(3).expand(5, 21, 3, 3)
    first, again, other = (perturbed(poses, seeded(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
