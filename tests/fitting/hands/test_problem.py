"""Fits of hands as least-squares problems."""

import dataclasses

import pytest
import torch

from fitting.hands.problem import NOISE_LEVELS, HandProblem, HandView, HandWeights, _LeastSquares
from fitting.hands.skeleton import HandSkeleton
from fitting.inputs.camera import Camera
from fitting.optimise.pose_space import RelaxedCodes
from qposer.body_pose.rotations import axis_angle_to_matrix, nearest_rotation
from qposer.hands.prior import HAND_FILE, load_hand_prior
from qposer.hands.skeleton import HAND
from qposer.io.assets import asset
from qposer.least_squares import minimise

HANDS, NOISE = 24, 0.03


@pytest.fixture(scope="module")
def seen(space):
    """Projected hands with noise, and the truth."""
    generator = torch.Generator().manual_seed(0)
    pose = load_hand_prior().sample(HANDS, seed=1)
    rest = torch.from_numpy(HAND.rest_points).expand(HANDS, -1, -1)
    skeleton = HandSkeleton(rest)
    orient = nearest_rotation(torch.randn(HANDS, 3, 3, generator=generator))
    wrist = torch.tensor([0.1, -0.2, 1.5]).expand(HANDS, 3)
    camera = Camera(torch.full((HANDS,), 1000.0), torch.full((HANDS, 2), 500.0))
    truth = skeleton.posed(orient, wrist, pose).landmarks
    size = torch.full((HANDS,), 120.0)
    xy = camera.project(truth) + NOISE * 120 * torch.randn(HANDS, 21, 2, generator=generator)
    mean = space.decode(torch.zeros_like(space.encode(pose)))
    unseen = torch.zeros(HANDS)
    view = HandView(xy, torch.ones(HANDS, 21), truth[..., 2], unseen, wrist, size, camera)
    problem = HandProblem(skeleton, space, [view], mean, unseen, wrist)
    start = axis_angle_to_matrix(0.3 * torch.randn(HANDS, 3, generator=generator)) @ orient
    return problem, start, truth


def in_depth(problem):
    """The problem with known depths and poses."""
    view = dataclasses.replace(problem.views[0], depth_weight=torch.ones(HANDS))
    return dataclasses.replace(problem, views=[view], guess_weight=torch.ones(HANDS))


def error(problem, start, truth):
    found = problem.solve(start).landmarks
    off = (found - found[:, :1]) - (truth - truth[:, :1])
    return 1000 * off.norm(dim=-1).mean().item()


def with_second_camera(problem):
    """The problem with a view from the side, in which the hands are half as certain."""
    rotation = axis_angle_to_matrix(torch.tensor([[0.1, 1.2, -0.1]]))
    away = torch.tensor([[0.1, 0.1, 1.2]])
    side = dataclasses.replace(
        problem.views[0],
        rotation=rotation,
        translation=away - problem.wrist @ rotation[0].mT,
        wrist=away.expand(HANDS, 3),
        weight=torch.tensor([0.5]),
    )
    return dataclasses.replace(problem, views=[*problem.views, side])


@pytest.mark.parametrize("cameras", [1, 2])
def test_slopes_are_those_of_autograd(seen, cameras):
    problem, start, _ = seen
    problem = in_depth(problem)
    problem = with_second_camera(problem) if cameras == 2 else problem
    numbers = problem.space.encode(problem.guess)
    fit = _LeastSquares(problem, numbers.shape[1:], torch.Generator().manual_seed(0))
    state = fit.posed(start, problem.wrist, numbers)
    fit.begin_step(0, state)
    slope = fit.linearise(state).slope[:, :6]

    def cost(turn, shift):
        return fit.cost(fit.posed(axis_angle_to_matrix(turn) @ start, problem.wrist + shift, state.pose)).sum()

    zero = torch.zeros(HANDS, 3)
    expected = torch.cat(torch.autograd.functional.jacobian(cost, (zero, zero)), dim=-1)
    assert torch.allclose(slope.float(), expected, rtol=0.01, atol=0.01 * expected.abs().max().item())


def test_without_keypoints_hands_are_held_where_the_arms_end(seen):
    problem, start, _ = seen
    problem = with_second_camera(problem)
    hidden = [dataclasses.replace(view, confidence=torch.zeros(HANDS, 21)) for view in problem.views]
    problem = dataclasses.replace(problem, views=hidden)
    shift = torch.tensor([0.03, -0.02, 0.1])
    numbers = problem.space.encode(problem.guess)
    fit = _LeastSquares(problem, numbers.shape[1:], torch.Generator().manual_seed(0))
    found = problem.cost(fit.posed(start, problem.wrist + shift, numbers))
    seen_by = torch.stack([shift, hidden[1].rotation[0] @ shift])
    expected = (torch.tensor([10.0, 10.0, 100.0]) * seen_by.square()).sum(-1) @ torch.tensor([1.0, 0.5])
    torch.testing.assert_close(found, expected.expand(HANDS), rtol=1e-3, atol=1e-5)


def test_fits_find_the_hand_and_the_prior_helps(seen):
    problem, start, truth = seen
    free = dataclasses.replace(problem, weights=HandWeights(prior=0.0, guess=0.0))
    assert error(problem, start, truth) < 12
    assert error(problem, start, truth) < 0.9 * error(free, start, truth)


def test_depths_help(seen):
    problem, start, truth = seen
    assert error(in_depth(problem), start, truth) < 0.8 * error(problem, start, truth)


def test_hands_are_fitted_on_the_device_of_the_keypoints(seen, crossings, on_meta):
    problem, start, _ = seen
    problem = with_second_camera(problem)
    hand_prior = load_hand_prior(path=asset(HAND_FILE))
    elsewhere = dataclasses.replace(
        on_meta(problem),
        skeleton=HandSkeleton(torch.from_numpy(HAND.rest_points).expand(HANDS, -1, -1).to("meta")),
        space=RelaxedCodes(hand_prior.code_prior.to("meta")),
        views=[on_meta(view) for view in problem.views],
    )
    fit = _LeastSquares(elsewhere, problem.space.encode(problem.guess[:1]).shape[1:], torch.Generator().manual_seed(0))
    begun = fit.posed(start.to("meta"), elsewhere.wrist, elsewhere.wrist.new_zeros(HANDS, *fit.noise[0].shape[2:]))
    with crossings:
        found = minimise(fit, begun, len(NOISE_LEVELS))
    assert found.pose.is_meta
    assert crossings.count == 0
