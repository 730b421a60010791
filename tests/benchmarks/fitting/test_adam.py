"""The optimiser on a model and a prior of random weights: what holds of it holds with any."""

import dataclasses

import pytest
import torch

from benchmarks.fitting.adam import AdamSolver, PenalisedCodes
from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.optimise.problem import Estimate, Problem, Stage, Weights
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig

PEOPLE = 3

STAND = Stage(steps=15, free=("orient", "transl"), rho=0.3)
POSE = Stage(steps=15, free=("orient", "transl", "pose"), rho=0.2, noise=(1.0, 0.2))
SHAPE = Stage(steps=15, free=("betas",), rho=0.2)
RESIDUAL = Stage(steps=15, free=("transl", "residual"), rho=0.2)
STAGES = {"stand": STAND, "pose": POSE, "shape": SHAPE, "residual": RESIDUAL}


@pytest.fixture(scope="module")
def parts():
    """Body and prior."""
    torch.manual_seed(0)
    model = QPoser(QPoserConfig(heads=2, codes=16, code_dim=3, width=16, depth=1, global_tokens=2, attention_heads=2))
    network = CodePriorNetwork(CodePriorConfig(latent_dim=6, width=32, depth=1, judge_width=32))
    network.scale.uniform_(0.5, 1.5)
    model, network = (part.eval().requires_grad_(False) for part in (model, network))
    return Body.open(), PenalisedCodes(CodePrior(model, network))


FACINGS = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(
    torch.tensor([[0.0, 0.0, 0.0], [0.0, torch.pi / 2, 0.0], [0.0, torch.pi, 0.0]])
)
"""Upright, each person turned another way."""


@pytest.fixture(scope="module")
def problem(parts):
    """People in poses of codes, of different sizes on the picture, seen exactly but for a wrist."""
    body, space = parts
    model = space.model
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(16, (PEOPLE, 21, 2), generator=generator)
    transl = torch.tensor([[0.0, 0.0, 4.0], [1.0, 0.2, 7.0], [-0.5, 0.0, 5.0]])
    camera = Camera.for_image(800, 600, 900.0, batch=PEOPLE)
    landmarks = body.landmarks(FACINGS, model.decode(codes), None, transl, format="coco")
    confidence = torch.ones(PEOPLE, 17)
    confidence[:, 9] = 0.0
    return Problem(
        camera.project(landmarks),
        confidence,
        "coco",
        camera,
        height=900.0 * 1.7 / transl[:, 2],
        guess=model.decode(codes),
        init_weight=torch.rand(PEOPLE, 21, generator=generator),
        prior_scale=torch.rand(PEOPLE, generator=generator),
    )


@pytest.fixture(scope="module")
def start(parts):
    """Near the truth in orientation and position, in a pose of its own."""
    generator = torch.Generator().manual_seed(2)
    transl = torch.tensor([[0.2, 0.1, 4.5], [0.8, 0.2, 6.0], [-0.5, 0.3, 5.5]])
    turn = axis_angle_to_matrix(0.3 * torch.randn(PEOPLE, 3, generator=generator))
    return Estimate(
        orient=turn @ FACINGS,
        transl=transl,
        betas=0.5 * torch.randn(PEOPLE, parts[0].num_betas, generator=generator),
        pose=torch.randn(PEOPLE, 21, 6, generator=generator),
        residual=0.1 * torch.randn(PEOPLE, 21, 3, generator=generator),
    )


def run(parts, stage, problem, start, seed=0):
    return AdamSolver(*parts, Weights(), seed).run(stage, problem, start, lambda: None)


def objective(parts, stage, problem, estimate):
    with torch.no_grad():
        return AdamSolver(*parts, Weights()).objective(stage, problem, estimate, stage.noise[1])


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_lowers_its_objective_for_everyone(parts, problem, start, name):
    stage = STAGES[name]
    before = objective(parts, stage, problem, start)
    after = objective(parts, stage, problem, run(parts, stage, problem, start))
    assert (after < before).all()


@pytest.mark.parametrize("name", STAGES)
def test_fixed_variables_of_a_stage_do_not_change(parts, problem, start, name):
    end = run(parts, STAGES[name], problem, start)
    for unknown, value in vars(end).items():
        if unknown in STAGES[name].free:
            moved = (value - getattr(start, unknown)).flatten(1).abs().amax(-1)
            assert (moved > 1e-3).all(), unknown
        else:
            assert torch.equal(value, getattr(start, unknown)), unknown
        assert not value.requires_grad


def test_orientations_stay_rotations(parts, problem, start):
    orient = run(parts, POSE, problem, start).orient
    torch.testing.assert_close(orient @ orient.mT, torch.eye(3).expand(PEOPLE, 3, 3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", STAGES)
def test_results_do_not_depend_on_others_in_the_batch(parts, problem, start, name):
    together = run(parts, STAGES[name], problem, start)
    for person in (torch.tensor([1]), torch.tensor([2, 0])):
        fewer = run(parts, STAGES[name], problem[person], start[person])
        for unknown, value in vars(fewer).items():
            torch.testing.assert_close(value, getattr(together, unknown)[person], atol=1e-3, rtol=0)


def test_the_noise_follows_the_seed(parts, problem, start):
    first, again, other = (run(parts, POSE, problem, start, seed).pose for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_noise_does_not_touch_the_global_generator(parts, problem, start):
    state = torch.get_rng_state()
    run(parts, POSE, problem, start)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_unseen_keypoint_may_lie_anywhere(parts, problem, start):
    elsewhere = problem.keypoints.clone()
    elsewhere[:, 9] = 1e6
    moved = dataclasses.replace(problem, keypoints=elsewhere)
    for name, value in vars(run(parts, POSE, moved, start)).items():
        torch.testing.assert_close(value, getattr(run(parts, POSE, problem, start), name), msg=name)


def test_tick_is_called_once_a_step(parts, problem, start):
    steps_seen = []
    AdamSolver(*parts, Weights()).run(STAND, problem, start, lambda: steps_seen.append(None))
    assert len(steps_seen) == STAND.steps


def test_the_start_is_left_alone(parts, problem, start):
    before = {name: value.clone() for name, value in vars(start).items()}
    run(parts, POSE, problem, start)
    assert all(torch.equal(value, before[name]) for name, value in vars(start).items())


def test_people_are_chosen_in_order_and_as_often_as_named(problem, start):
    chosen = torch.tensor([2, 0, 0])
    assert torch.equal(problem[chosen].keypoints, problem.keypoints[[2, 0, 0]])
    assert torch.equal(problem[chosen].camera.focal, problem.camera.focal[[2, 0, 0]])
    assert problem[chosen].format == problem.format
    assert torch.equal(start[chosen].transl, start.transl[[2, 0, 0]])


def test_a_larger_prior_scale_keeps_the_pose_closer_to_the_guess(parts, problem, start):
    space = parts[1]
    gaps = []
    for prior_scale in (0.01, 100.0):
        doubted = dataclasses.replace(problem, prior_scale=torch.full((PEOPLE,), prior_scale))
        found = space.decode(run(parts, POSE, doubted, start).pose)
        gaps.append((found - problem.guess).square().sum((1, 2, 3)))
    assert (gaps[1] < gaps[0]).all()


def test_the_penalty_is_that_of_the_code_prior(parts, start):
    space = parts[1]
    found = space.penalty(start.pose, 0.5, torch.Generator().manual_seed(1))
    expected = space.prior.pull(space.latents(start.pose), 0.5, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, expected)
