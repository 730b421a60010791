"""The second-order optimiser, with the shipped weights, because joints of random ones are coupled."""

import dataclasses

import pytest
import torch

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.pose_space import RelaxedCodes
from fitting.optimise.problem import Estimate, Problem, Stage, Weights
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.prior.code_prior import CodePrior

PEOPLE = 3

POSE = Stage(steps=5, free=("orient", "transl", "pose"), rho=0.2, noise=(0.5, 0.5))
WHOLE = Stage(steps=5, free=("orient", "transl", "betas", "pose"), rho=0.2, noise=(0.5, 0.2))
STANCE = Stage(steps=5, free=("orient", "transl", "betas"), rho=0.2)
RESIDUAL = Stage(steps=5, free=("orient", "transl", "betas", "residual"), rho=0.2)
STAGES = {"pose": POSE, "whole": WHOLE, "stance": STANCE, "residual": RESIDUAL}


@pytest.fixture(scope="module")
def parts():
    """Body and prior."""
    return Body.open(), RelaxedCodes(CodePrior.from_pretrained())


@pytest.fixture(scope="module")
def problem(parts):
    """People in poses decoded from codes, of different image sizes, with exact keypoints except a wrist, and depths."""
    body, space = parts
    generator = torch.Generator().manual_seed(1)
    pose = space.prior.sample(PEOPLE, generator=generator)
    orient = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0]])).expand(PEOPLE, 3, 3)
    transl = torch.tensor([[0.0, 0.0, 4.0], [1.0, 0.2, 7.0], [-0.5, 0.0, 5.0]])
    camera = Camera.for_image(800, 600, 900.0, batch=PEOPLE)
    landmarks = body.landmarks(orient, pose, None, transl, format="coco")
    confidence = torch.ones(PEOPLE, 17)
    confidence[:, 9] = 0.0
    return Problem(
        camera.project(landmarks),
        confidence,
        "coco",
        camera,
        height=900.0 * 1.7 / transl[:, 2],
        guess=pose,
        init_weight=torch.rand(PEOPLE, 21, generator=generator),
        prior_scale=torch.rand(PEOPLE, generator=generator),
        depths=landmarks[..., 2],
    )


@pytest.fixture(scope="module")
def start(parts):
    """Near the truth in orientation and position, with another pose."""
    generator = torch.Generator().manual_seed(2)
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0]))
    turn = axis_angle_to_matrix(0.3 * torch.randn(PEOPLE, 3, generator=generator))
    return Estimate(
        orient=turn @ orient,
        transl=torch.tensor([[0.2, 0.1, 4.5], [0.8, 0.2, 6.0], [-0.5, 0.3, 5.5]]),
        betas=0.5 * torch.randn(PEOPLE, parts[0].num_betas, generator=generator),
        pose=0.3 * torch.randn(PEOPLE, 21, 4, generator=generator),
        residual=torch.zeros(PEOPLE, 21, 3),
    )


def run(parts, stage, problem, start, seed=0, weights=None):
    return LevenbergMarquardt(*parts, weights or Weights(), seed).run(stage, problem, start, lambda: None)


def stage_problem(parts, stage, problem, start, weights=None):
    found = LevenbergMarquardt(*parts, weights or Weights()).stage_problem(stage, problem, start)
    found.begin_step(0, found.posed(start))
    return found


@pytest.mark.parametrize("depths", [True, False])
@pytest.mark.parametrize("name", STAGES)
def test_slopes_are_those_of_the_objective(parts, problem, start, name, depths):
    """Against autograd through the decoder, in which joints are slightly coupled."""
    problem = problem if depths else dataclasses.replace(problem, depths=None)
    stage = stage_problem(parts, STAGES[name], problem, start)
    state = stage.posed(start)
    assembly = stage.assembled(state)
    for unknown, place in assembly.places.items():
        leaf = torch.zeros(PEOPLE, place.stop - place.start, requires_grad=True)
        stage.cost(stage.changed(state, {unknown: leaf})).sum().backward()
        off = (assembly.slope[:, place] - leaf.grad).norm(dim=1) / leaf.grad.norm(dim=1)
        assert off.max() < (0.3 if unknown == "pose" else 0.02), unknown
    assert assembly.places.keys() == set(STAGES[name].free)


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_lowers_its_objective_for_everyone(parts, problem, start, name):
    stage, weights = dataclasses.replace(STAGES[name], noise=(0.01, 0.01)), Weights(prior=0.0)
    end = run(parts, stage, problem, start, weights=weights)
    fixed = stage_problem(parts, stage, problem, start, weights)
    before, after = (fixed.cost(fixed.posed(estimate)) for estimate in (start, end))
    assert (after < 0.7 * before).all()


@pytest.mark.parametrize("name", STAGES)
def test_fixed_variables_of_a_stage_do_not_change(parts, problem, start, name):
    end = run(parts, STAGES[name], problem, start)
    for unknown, value in vars(end).items():
        if unknown in STAGES[name].free:
            assert ((value - getattr(start, unknown)).flatten(1).abs().amax(-1) > 1e-3).all(), unknown
        else:
            assert torch.equal(value, getattr(start, unknown)), unknown


def test_orientations_stay_rotations_and_latents_between_codes(parts, problem, start):
    end = run(parts, WHOLE, problem, start)
    torch.testing.assert_close(end.orient @ end.orient.mT, torch.eye(3).expand(PEOPLE, 3, 3), atol=1e-5, rtol=0)
    space = parts[1]
    latents = space.network.unstandardise(end.pose).unflatten(-1, (4, 1))
    torch.testing.assert_close(latents, space.latents(end.pose), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", STAGES)
def test_results_do_not_depend_on_others_in_the_batch(parts, problem, start, name):
    together = run(parts, STAGES[name], problem, start)
    for person in (torch.tensor([1]), torch.tensor([2, 0])):
        fewer = run(parts, STAGES[name], problem[person], start[person])
        for unknown, value in vars(fewer).items():
            torch.testing.assert_close(value, getattr(together, unknown)[person], atol=5e-3, rtol=0)


def test_the_noise_follows_the_seed_and_leaves_the_global_generator_alone(parts, problem, start):
    state = torch.get_rng_state()
    first, again, other = (run(parts, POSE, problem, start, seed).pose for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_unseen_keypoint_may_lie_anywhere(parts, problem, start):
    elsewhere = problem.keypoints.clone()
    elsewhere[:, 9] = 1e6
    moved = run(parts, WHOLE, dataclasses.replace(problem, keypoints=elsewhere), start)
    for name, value in vars(run(parts, WHOLE, problem, start)).items():
        torch.testing.assert_close(value, getattr(moved, name), msg=name)


def test_tick_is_called_once_a_step_and_the_start_is_left_alone(parts, problem, start):
    before = {name: value.clone() for name, value in vars(start).items()}
    steps_seen = []
    LevenbergMarquardt(*parts, Weights()).run(WHOLE, problem, start, lambda: steps_seen.append(None))
    assert len(steps_seen) == WHOLE.steps
    assert all(torch.equal(value, before[name]) for name, value in vars(start).items())


@pytest.mark.parametrize("name", STAGES)
def test_a_device_never_waits_for_the_host_between_steps(problem, start, name, crossings, on_meta):
    body, prior = Body.open().to("meta"), CodePrior.from_pretrained().to("meta")
    solver = LevenbergMarquardt(body, RelaxedCodes(prior), Weights())
    elsewhere, begun = on_meta(problem), on_meta(start)
    solver.run(STAGES[name], elsewhere, begun)  # copies what all fits share
    with crossings:
        found = solver.run(STAGES[name], elsewhere, begun, lambda: None)
    assert found.pose.is_meta
    assert crossings.count == ("pose" in STAGES[name].free)  # the noise of all steps, once
