"""Fits at each age start from people of that age."""

import pytest
import torch

from benchmarks.children.people import photographed
from fitting.body.body import Body
from fitting.optimise.age_search import at_each_age
from fitting.optimise.initialize import initialize, stature
from fitting.optimise.pose_space import RelaxedCodes
from fitting.optimise.regressor import Regressor
from qposer.prior.code_prior import CodePrior

CHILDREN = 2


@pytest.fixture(scope="module")
def first():
    """The problem of children, the same at each age with its first bodies, and that of a body of adults."""
    space, regressor = RelaxedCodes(CodePrior.from_pretrained()), Regressor.from_pretrained()
    truth = photographed(6, errors=False, number=CHILDREN, metres=True)
    ages, adults = (
        initialize(body, space, regressor, truth.keypoints, truth.camera) for body in (Body.ages(), Body.open())
    )
    return at_each_age(Body.ages(), *ages), adults[0]


def test_depths_are_those_of_a_person_of_this_height(first):
    (problem, estimate), adults = first
    height = stature(Body.ages(), estimate.betas)
    relative = height / height[-1]
    assert relative.min() < 0.6
    torch.testing.assert_close(problem.depths, relative[:, None] * adults.depths.repeat(9, 1))


def test_people_of_all_ages_are_equally_large_in_the_picture(first):
    (problem, estimate), _ = first
    pose = torch.eye(3).expand(len(estimate.betas), 21, 3, 3)
    landmarks = Body.ages().landmarks(estimate.orient, pose, estimate.betas, estimate.transl)
    size = problem.camera.project(landmarks).diff(dim=1).norm(dim=-1).sum(-1).unflatten(0, (-1, CHILDREN))
    assert (size / size[-1] - 1).abs().max() < 0.15
