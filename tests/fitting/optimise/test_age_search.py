"""Fits at each age start from people of that age, and keypoints alone decide between them."""

import dataclasses

import pytest
import torch

from benchmarks.children.people import photographed
from fitting.body.body import Body
from fitting.optimise.age_search import at_each_age, median_age
from fitting.optimise.initialize import initialize, stature
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.pose_space import RelaxedCodes
from fitting.optimise.problem import Weights
from fitting.optimise.regressor import Regressor
from fitting.optimise.schedule import SCHEDULE
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


def test_depths_do_not_decide_between_ages(first):
    (problem, estimate), _ = first
    solver = LevenbergMarquardt(Body.ages(), RelaxedCodes(CodePrior.from_pretrained()), Weights())
    noise = torch.randn(problem.depths.shape, generator=torch.Generator().manual_seed(0))
    for_others = torch.where(torch.arange(len(noise))[:, None] < CHILDREN, 0.0, noise)
    chosen = [
        median_age(solver, SCHEDULE.settle, dataclasses.replace(problem, depths=depths), estimate, CHILDREN)[1].betas
        for depths in (problem.depths, problem.depths + for_others)
    ]
    torch.testing.assert_close(*chosen, atol=0, rtol=0)
