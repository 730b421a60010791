"""Derivatives of landmarks, against finite differences of the body itself."""

import pytest
import torch

from fitting.body.body import Body
from fitting.inputs.keypoints import FORMATS
from fitting.optimise.landmark_jacobian import LandmarkJacobian
from qposer.body_pose.rotations import axis_angle_to_matrix

PEOPLE = 3
SMALL = 1e-3


@pytest.fixture(scope="module")
def body():
    return Body.open()


@pytest.fixture(scope="module")
def posed(body):
    """Orientations, poses, shapes and positions."""
    generator = torch.Generator().manual_seed(0)
    turns = axis_angle_to_matrix(0.6 * torch.randn(PEOPLE, 22, 3, generator=generator))
    betas = torch.randn(PEOPLE, body.num_betas, generator=generator)
    return turns[:, 0], turns[:, 1:], betas, torch.tensor([0.3, -0.2, 4.0]).expand(PEOPLE, 3)


@pytest.mark.parametrize("format", FORMATS)
def test_world_rotations_are_products_along_the_tree(body, posed, format):
    orient, pose = posed[:2]
    world = body.posed_landmarks(orient, pose, format=format).world
    knee = orient @ pose[:, 0] @ pose[:, 3]  # root, left hip, left knee
    torch.testing.assert_close(world[:, 4], knee, atol=1e-5, rtol=0)
    assert torch.equal(world[:, 22], world[:, 20])


@pytest.mark.parametrize("joint", range(22))
@pytest.mark.parametrize("format", FORMATS)
def test_a_joint_that_turns_swings_landmarks_on_its_arms(body, posed, format, joint):
    orient, pose, betas, transl = posed
    motion = LandmarkJacobian(body, body.mixing(format))
    world = body.posed_landmarks(orient, pose).world
    turn = SMALL * torch.nn.functional.normalize(torch.randn(PEOPLE, 3, generator=torch.Generator().manual_seed(1)))
    turned = torch.cat([orient[:, None], pose], dim=1)
    above = motion.parents(world)[:, joint - 1] if joint else torch.eye(3).expand(PEOPLE, 3, 3)
    turned[:, joint] = above.mT @ axis_angle_to_matrix(turn) @ above @ turned[:, joint]
    before, after = (
        body.landmarks(rotations[0], rotations[1], betas, transl, format=format)
        for rotations in ((orient, pose), (turned[:, 0], turned[:, 1:]))
    )
    lever_arms = motion.lever_arms(world, betas)[:, :, joint]
    expected = torch.linalg.cross(turn[:, None].expand_as(lever_arms), lever_arms, dim=-1)
    torch.testing.assert_close(after - before, expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("format", FORMATS)
def test_landmarks_are_linear_in_the_shape(body, posed, format):
    orient, pose, betas, transl = posed
    motion = LandmarkJacobian(body, body.mixing(format))
    step = torch.randn(PEOPLE, body.num_betas, generator=torch.Generator().manual_seed(2))
    moved = (motion.shapes(body.posed_landmarks(orient, pose).world) @ step[:, None, :, None]).squeeze(-1)
    before, after = (body.landmarks(orient, pose, b, transl, format=format) for b in (betas, betas + step))
    torch.testing.assert_close(after - before, moved, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def fingered():
    """A body with fingers, and their rotations."""
    generator = torch.Generator().manual_seed(4)
    return Body.open(hands=True), axis_angle_to_matrix(0.5 * torch.randn(PEOPLE, 30, 3, generator=generator))


@pytest.mark.parametrize("joint", [0, 20, 21, 22, 24, 34, 37, 50])
def test_a_finger_that_turns_swings_the_hands_landmarks(fingered, posed, joint):
    body, fingers = fingered
    orient, pose, betas, transl = posed
    motion = LandmarkJacobian(body, body.hand_mixing())
    world = body.posed_landmarks(orient, pose, hand_pose=fingers).world
    turn = SMALL * torch.nn.functional.normalize(torch.randn(PEOPLE, 3, generator=torch.Generator().manual_seed(1)))
    rotations = torch.cat([orient[:, None], pose, fingers], dim=1)
    turned = rotations.clone()
    above = motion.parents(world)[:, joint - 1] if joint else torch.eye(3).expand(PEOPLE, 3, 3)
    turned[:, joint] = above.mT @ axis_angle_to_matrix(turn) @ above @ turned[:, joint]
    before, after = (
        body.hand_landmarks(given[:, 0], given[:, 1:22], betas, transl, hand_pose=given[:, 22:]).flatten(1, 2)
        for given in (rotations, turned)
    )
    arms = motion.lever_arms(world, betas)
    assert arms.shape == (PEOPLE, 42, 52, 3)
    expected = torch.linalg.cross(turn[:, None].expand_as(arms[:, :, joint]), arms[:, :, joint], dim=-1)
    torch.testing.assert_close(after - before, expected, atol=2e-6, rtol=0)
    assert (after - before).abs().max() > 1e-5


def test_fingers_at_rest_change_no_arm_of_the_body(body, fingered, posed):
    orient, pose, betas, _ = posed
    rigid, other = (LandmarkJacobian(one, one.mixing("mediapipe")) for one in (body, fingered[0]))
    worlds = [one.posed_landmarks(orient, pose).world for one in (body, fingered[0])]
    torch.testing.assert_close(worlds[1][:, :22], worlds[0][:, :22], atol=0, rtol=0)
    arms = other.lever_arms(worlds[1], betas)[:, :, :22]
    torch.testing.assert_close(arms, rigid.lever_arms(worlds[0], betas), atol=1e-5, rtol=0)
