"""Covariances against the empirical spread of fits to noisy keypoints, and their expected changes."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.uncertainty import joint_covariance
from qposer.body_pose.rotations import axis_angle_to_matrix

PEOPLE, SIZE, FOCAL = 24, (1000, 1000), 1100.0


@pytest.fixture(scope="module")
def truth(fitter):
    """Samples of the prior with different headings."""
    pose = fitter.prior.sample(PEOPLE, seed=9)
    turn = torch.arange(PEOPLE)[:, None] * 0.8 * torch.tensor([0.0, 1.0, 0.0])
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn)
    return orient, pose, torch.tensor([[0.0, 0.1, 4.0]]).expand(PEOPLE, 3)


def fitted(fitter, truth, noise, noise_floor=0.01):
    camera = Camera.for_image(*SIZE, FOCAL, batch=PEOPLE)
    xy = camera.project(fitter.body.landmarks(*truth[:2], None, truth[2]))
    xy = xy + 450 * noise * torch.randn(xy.shape, generator=torch.Generator().manual_seed(1))
    keypoints = Keypoints(xy.numpy(), np.ones(xy.shape[:2]), "mediapipe", noise_floor=noise_floor)
    return fitter.solve(keypoints, camera)


def covariance(fitter, problem, estimate):
    return joint_covariance(fitter.body, fitter.space, fitter.settings, problem, estimate, fitter.body_pose(estimate))


def test_regions_of_90_percent_hold_about_90_percent(fitter, truth):
    problem, estimate = fitted(fitter, truth, 0.01)
    found = covariance(fitter, problem, estimate).double()
    joints = [
        fitter.body(*given[:2], given[2]).joints[:, :22]
        for given in ((estimate.orient, fitter.body_pose(estimate), estimate.betas), (*truth[:2], None))
    ]
    off = ((joints[0] - joints[0][:, :1]) - (joints[1] - joints[1][:, :1])).double()[:, 1:]
    squared = (off[..., None, :] @ torch.linalg.inv(found[:, 1:] + 1e-8 * torch.eye(3))) @ off[..., None]
    assert 0.85 < (squared < 6.25).double().mean() < 0.995


def test_covariances_are_valid_and_zero_at_the_pelvis(fitter, truth):
    found = covariance(fitter, *fitted(fitter, truth, 0.01))
    assert found.shape == (PEOPLE, 22, 3, 3)
    torch.testing.assert_close(found, found.mT)
    assert (torch.linalg.eigvalsh(found.double()) > -1e-9).all()
    assert found[:, 0].abs().max() < 1e-9


def test_depth_is_less_sure_than_the_image_plane_and_noise_widens_all(fitter, truth):
    exact, noisy = (covariance(fitter, *fitted(fitter, truth, noise)) for noise in (0.005, 0.03))
    variance = exact[:, 1:].diagonal(dim1=-2, dim2=-1).mean((0, 1))
    assert variance[2] > 2 * variance[:2].max()
    assert noisy.diagonal(dim1=-2, dim2=-1).sum() > 2 * exact.diagonal(dim1=-2, dim2=-1).sum()


def test_a_person_alone_is_as_sure_as_in_a_batch(fitter, truth):
    problem, estimate = fitted(fitter, truth, 0.01)
    one = torch.tensor([3])
    alone = covariance(fitter, problem[one], estimate[one])
    torch.testing.assert_close(alone[0], covariance(fitter, problem, estimate)[3], atol=1e-6, rtol=1e-3)


def test_unseen_keypoints_do_not_break_it(fitter, truth):
    problem, estimate = fitted(fitter, truth, 0.01)
    problem = dataclasses.replace(problem, confidence=torch.zeros_like(problem.confidence))
    assert torch.isfinite(covariance(fitter, problem, estimate)).all()


def test_joints_are_never_more_uncertain_than_a_body_is_large(fitter, truth):
    problem, estimate = fitted(fitter, truth, 0.01)
    problem = dataclasses.replace(problem, keypoints=problem.keypoints.flip(1))
    largest = covariance(fitter, problem, estimate).diagonal(dim1=-2, dim2=-1).sum(-1).amax(-1)
    assert largest == pytest.approx(torch.ones(PEOPLE), rel=1e-4)
