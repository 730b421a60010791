"""What a fit tells of the shape."""

import torch

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.problem import Weights
from fitting.optimise.shape_evidence import shape_evidence
from qposer.body_pose.rotations import axis_angle_to_matrix

PEOPLE = 8


def test_evidence_and_prior_lead_back_to_the_fitted_shape(fitter):
    generator = torch.Generator().manual_seed(0)
    orient = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0]])).expand(PEOPLE, 3, 3)
    pose = fitter.prior.sample(PEOPLE, generator=generator)
    betas = torch.randn(PEOPLE, fitter.body.num_betas, generator=generator)
    camera = Camera.for_image(1000, 1000, 1100.0, batch=PEOPLE)
    landmarks = fitter.body.landmarks(orient, pose, betas, torch.tensor([0.0, 0.1, 4.0]).expand(PEOPLE, 3))
    xy = camera.project(landmarks) + 8 * torch.randn((*landmarks.shape[:2], 2), generator=generator)
    keypoints = Keypoints(xy.numpy(), torch.ones(xy.shape[:2]).numpy(), "mediapipe", noise_floor=0.0)
    problem, found = fitter.solve(keypoints, camera)
    solver = LevenbergMarquardt(fitter.body, fitter.space, Weights())
    information, vector, prior = shape_evidence(solver, problem, found)
    whole = information + prior[:, None, None] * torch.eye(information.shape[-1])
    expected = torch.linalg.solve(whole, vector[..., None]).squeeze(-1)
    assert found.betas.square().mean().sqrt() > 0.05
    assert (expected - found.betas).square().mean().sqrt() < 0.02
