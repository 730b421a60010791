from dataclasses import dataclass

import pytest
import torch

from fitting.body.body import Body
from fitting.hands.arms import WRISTS
from fitting.hands.template import TemplateHands
from fitting.optimise.pose_space import RelaxedCodes
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.prior import load_hand_prior


@pytest.fixture(scope="session")
def body():
    return Body.open(hands=True)


@pytest.fixture(scope="session")
def space():
    return RelaxedCodes(load_hand_prior().code_prior)


@dataclass(frozen=True)
class People:
    """Upright people in a T-pose, 2.5 m ahead of a camera, with bent wrists and posed fingers."""

    orient: torch.Tensor
    pose: torch.Tensor
    betas: torch.Tensor
    transl: torch.Tensor
    landmarks: torch.Tensor
    """Of their hands."""

    @property
    def rigid_pose(self):
        """The pose with straight wrists, as a fit without hands has it."""
        pose = self.pose.clone()
        pose[:, WRISTS] = torch.eye(3)
        return pose

    @property
    def fitted(self):
        """What a fit without hands finds."""
        return self.orient, self.rigid_pose, self.betas, self.transl


@pytest.fixture(scope="session")
def make_people(body):
    def make(number, twist=0.0):
        """People whose forearms are twisted by some radians."""
        generator = torch.Generator().manual_seed(0)
        upright = torch.tensor([torch.pi, 0.0, 0.0])
        orient = axis_angle_to_matrix(upright + 0.2 * torch.randn(number, 3, generator=generator))
        pose = torch.zeros(number, 21, 3)
        pose[:, WRISTS] = 0.3 * torch.randn(number, 2, 3, generator=generator)
        pose[:, WRISTS, 0] += twist
        pose = axis_angle_to_matrix(pose)
        betas = 0.5 * torch.randn(number, body.num_betas, generator=generator)
        transl = torch.tensor([0.0, 0.2, 2.5]).expand(number, 3)
        drawn = load_hand_prior().sample(2 * number, seed=0).unflatten(0, (number, 2))
        fingers = TemplateHands.of(body, betas).to_body(drawn)
        landmarks = body.hand_landmarks(orient, pose, betas, transl, hand_pose=fingers)
        return People(orient, pose, betas, transl, landmarks)

    return make
