"""Conversions between poses of the hand prior and of a body."""

import pytest
import torch

from fitting.hands.skeleton import HandSkeleton
from fitting.hands.template import TemplateHands
from qposer.hands.angles import rotations_of

PEOPLE = 4


@pytest.fixture(scope="module")
def betas(body):
    return torch.randn(PEOPLE, body.num_betas, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def poses():
    return rotations_of(0.4 * torch.randn(PEOPLE, 2, 15, 3, generator=torch.Generator().manual_seed(1)))


def test_joints_of_the_body_are_where_the_skeleton_has_them(body, betas, poses):
    template = TemplateHands.of(body, betas)
    still = torch.zeros(PEOPLE, 3), torch.zeros(PEOPLE, 21, 3)
    landmarks = body.hand_landmarks(*still, betas, hand_pose=template.to_body(poses))
    origin = body.hand_landmarks(*still, betas)[:, :, 0]
    for side, sign in ((0, -1.0), (1, 1.0)):
        mirror = torch.tensor([sign, 1.0, 1.0])
        turn = torch.eye(3).expand(PEOPLE, 3, 3)
        skeleton = HandSkeleton(template.rest[:, side])
        found = skeleton.posed(turn, origin[:, side] * mirror, poses[:, side]).landmarks * mirror
        tips = [4, 8, 12, 16, 20]
        joints = [point for point in range(21) if point not in tips]
        assert torch.allclose(found[:, joints], landmarks[:, side][:, joints], atol=1e-4)
        assert (found[:, tips] - landmarks[:, side][:, tips]).norm(dim=-1).max() < 0.004  # tips are on the skin


def test_conversions_are_inverse(body, betas, poses):
    template = TemplateHands.of(body, betas)
    assert torch.allclose(template.from_body(template.to_body(poses)), poses, atol=1e-5)


def test_mirrored_hands_have_mirrored_poses(body, betas, poses):
    template = TemplateHands.of(body, betas * 0)
    same = torch.stack([poses[:, 0], poses[:, 0]], dim=1)
    left, right = template.to_body(same).unflatten(1, (2, 15)).unbind(1)
    sign = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(left, sign[:, None] * right * sign, atol=0.01)
