"""People of known height."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.initialize import height_of_shape, stature
from fitting.optimise.settings import FitSettings
from qposer.body_pose.rotations import axis_angle_to_matrix

SIZE, FOCAL = (1000, 1000), 1100.0


@pytest.fixture(scope="module")
def tall(fitter):
    """A person of about 1.9 m, 5 m away, with exact keypoints."""
    mean, gradient = height_of_shape(fitter.body)
    betas = (gradient * (1.9 - mean) / gradient.square().sum())[None]
    pose = fitter.prior.sample(1, seed=2)
    orient = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0]]))
    transl = torch.tensor([[0.2, 0.1, 5.0]])
    xy = Camera.for_image(*SIZE, FOCAL).project(fitter.body.landmarks(orient, pose, betas, transl))
    return betas, Keypoints(xy.numpy(), np.ones(xy.shape[:2]), "mediapipe")


def test_heights_are_nearly_linear_in_the_shape(fitter):
    mean, gradient = height_of_shape(fitter.body)
    betas = torch.randn(20, fitter.body.num_betas, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(betas @ gradient + mean, stature(fitter.body, betas), atol=0.01, rtol=0)
    assert gradient.norm() > 0.02


def test_a_known_height_is_that_of_the_body_and_determines_the_distance(fitter, tall):
    knows = Fitter(fitter.body, fitter.prior, FitSettings(height=1.9))
    found, without = (one.fit_keypoints(tall[1], SIZE, focal=FOCAL)[0] for one in (knows, fitter))
    heights = [stature(fitter.body, torch.from_numpy(one.betas)[None]).item() for one in (found, without)]
    assert heights[0] == pytest.approx(1.9, abs=0.015)
    assert abs(heights[1] - 1.9) > 0.05
    assert found.transl[2] == pytest.approx(5.0, abs=0.1)
    assert abs(without.transl[2] - 5.0) > 0.15
    assert found.settings["height"] == 1.9


def test_points_in_space_and_a_wrong_height(fitter):
    body = Fitter(fitter.body, fitter.prior, FitSettings(height=1.6))
    points = fitter.body.landmarks(torch.zeros(1, 3), torch.zeros(1, 21, 3)).numpy()
    (fit,) = body.fit_keypoints_3d(points)
    assert stature(fitter.body, torch.from_numpy(fit.betas)[None]).item() == pytest.approx(1.6, abs=0.05)


@pytest.mark.parametrize("height", [0.0, 178.0, float("nan"), -1.7])
def test_impossible_heights_are_rejected(height):
    with pytest.raises(ValueError, match=r"the height must be from 0\.4 to 2\.8 metres, not"):
        dataclasses.replace(FitSettings(), height=height)
