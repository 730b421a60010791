"""Skeletons of hands: landmarks as by plain forward kinematics, and lever arms as by autograd."""

import torch

from fitting.hands.skeleton import HandSkeleton
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.angles import rotations_of
from qposer.hands.skeleton import HAND, LANDMARKS

HANDS = 3


def hands(seed=0):
    generator = torch.Generator().manual_seed(seed)
    rest = torch.from_numpy(HAND.rest_points).expand(HANDS, -1, -1).double()
    orient = axis_angle_to_matrix(torch.randn(HANDS, 3, generator=generator).double())
    transl = torch.randn(HANDS, 3, generator=generator).double()
    return (
        HandSkeleton(rest),
        orient,
        transl,
        rotations_of(0.5 * torch.randn(HANDS, 15, 3, generator=generator).double()),
    )


def test_landmarks_are_those_of_plain_forward_kinematics():
    skeleton, orient, transl, pose = hands()
    found = skeleton.posed(orient, transl, pose).landmarks
    points = HAND.points(pose)[:, list(LANDMARKS)]
    assert torch.allclose(found, points @ orient.mT + transl[:, None], atol=1e-6)


def test_small_rotations_move_landmarks_about_their_lever_arms():
    skeleton, orient, transl, pose = hands()
    motion = skeleton.posed(orient, transl, pose)

    def landmarks(turn):
        turned = axis_angle_to_matrix(turn)
        world = motion.world.flatten(1, 2)
        parents = world @ pose.mT
        local = parents.mT @ turned[:, 1:] @ parents @ pose
        return skeleton.posed(turned[:, 0] @ orient, transl, local).landmarks

    zero = torch.zeros(HANDS, 16, 3, dtype=torch.float64)
    slopes = torch.autograd.functional.jacobian(landmarks, zero)
    for hand in range(HANDS):
        moved = slopes[hand, :, :, hand]  # landmarks, xyz, joints, turn
        turn = torch.eye(3, dtype=torch.float64)
        expected = torch.linalg.cross(turn[None, None], motion.arms[hand][:, :, None], dim=-1)  # ..., turn, xyz
        assert torch.allclose(moved.permute(0, 2, 3, 1), expected, atol=1e-6)
