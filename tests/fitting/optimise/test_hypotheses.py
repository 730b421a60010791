"""Hypotheses: how they are chosen, and that they are other bodies which explain the keypoints as well."""

import dataclasses

import numpy as np
import pytest
import torch

from benchmarks.fitting.people import photographed
from benchmarks.prior.poses import Poses
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.optimise.balance import off_balance
from fitting.optimise.hypotheses import (
    ANSWER_WEIGHTS,
    DISTINCT,
    EXACT_SCALE,
    OFF_BALANCE,
    REFINED,
    WEIGHTS,
    choose,
    distances,
)
from fitting.optimise.start import Start
from qposer.evaluation.metrics import mpjpe, pa_mpjpe

PEOPLE, NUMBER = 24, 5


@pytest.fixture(scope="module")
def crowd(fitter):
    return photographed(fitter.body, Poses.quick().test[:PEOPLE], torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def fitted(fitter, crowd):
    keypoints = Keypoints(crowd.xy.numpy(), torch.ones(crowd.xy.shape[:2]).numpy(), "mediapipe", noise_floor=0.0)
    return fitter.solve(keypoints, crowd.camera)


@pytest.fixture(scope="module")
def explored(fitter, fitted):
    return fitter.explore(*fitted)


def errors_of(fitter, crowd, joints):
    true = fitter.body(crowd.orient, crowd.body_pose, crowd.betas).joints[:, :22]
    return 1000 * pa_mpjpe(joints, true)


def random_candidates(seed, number=6):
    generator = torch.Generator().manual_seed(seed)
    joints = 0.05 * torch.randn(number, 1, 22, 3, generator=generator)
    probability = torch.rand(number, generator=generator)
    return distances(joints)[..., 0], probability / probability.sum()


@pytest.mark.parametrize("seed", range(5))
def test_the_answer_has_the_least_expected_distance(seed):
    apart, probability = random_candidates(seed)
    _, share = random_candidates(seed + 100)
    (answer, _), *_ = choose(apart, probability, share, 3)
    expected = [sum(apart[i, j] * share[j] for j in range(6)) for i in range(6)]
    assert answer == min(range(6), key=lambda i: expected[i])


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_sum_to_one_and_decrease_after_the_answer(seed):
    apart, probability = random_candidates(seed)
    for number in (1, 2, 4, 10):
        shares = [share for _, share in choose(apart, probability, probability, number)]
        assert len(shares) == min(number, 6)
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert shares[1:] == sorted(shares[1:], reverse=True)


def test_the_same_body_is_one_hypothesis():
    joints = torch.zeros(4, 1, 22, 3)
    joints[2:, ..., 2] = 0.1
    joints[3, ..., 2] += 0.4 * DISTINCT
    probability = torch.tensor([0.4, 0.2, 0.3, 0.1])
    found = choose(distances(joints)[..., 0], probability, probability, 4)
    assert [row for row, _ in found] == [0, 2]
    assert [share for _, share in found] == pytest.approx([0.6, 0.4])


def test_the_fit_is_the_first_candidate(explored):
    assert explored.joints.shape == (2 + REFINED, PEOPLE, 22, 3)
    assert explored.features.shape == (2 + REFINED, PEOPLE, len(WEIGHTS))
    fit = explored.features[..., list(WEIGHTS).index("fit")]
    assert (fit[0] == 1).all()
    assert (fit[1:] == 0).all()


def test_the_mean_of_shares_is_closer_than_that_of_probabilities(fitter, explored, crowd):
    def error(weight):
        return errors_of(fitter, crowd, torch.einsum("cp,cpjk->pjk", weight, explored.joints)).mean()

    torch.testing.assert_close(explored.share.sum(0), torch.ones(PEOPLE))
    torch.testing.assert_close(explored.share[-1], explored.probability[-1])
    assert error(explored.share) < 0.95 * error(explored.probability)
    assert ANSWER_WEIGHTS.keys() < WEIGHTS.keys()


def test_balance_counts_relative_to_the_expected_up(fitter, fitted, explored):
    balance = explored.features[..., list(WEIGHTS).index("balance")]
    up = explored.problem.up.unflatten(0, balance.shape)
    for candidate in (0, 5):
        off = off_balance(explored.joints[candidate], up[candidate]).clamp(max=OFF_BALANCE)
        torch.testing.assert_close(balance[candidate], -off)
    problem, fit = fitted
    two = torch.arange(2)
    anyhow = fitter.explore(dataclasses.replace(problem[two], up=None), fit[two])
    assert (anyhow.features[..., list(WEIGHTS).index("balance")] == 0).all()


def test_candidates_explain_the_keypoints_and_differ_in_depth(fitter, explored, crowd):
    landmarks = fitter.body.landmarks(
        explored.estimate.orient,
        fitter.body_pose(explored.estimate),
        explored.estimate.betas,
        explored.estimate.transl,
    )
    off = torch.linalg.vector_norm(explored.problem.camera.project(landmarks) - explored.problem.keypoints, dim=-1)
    percent = (100 * off.mean(-1) / explored.problem.height).unflatten(0, (-1, PEOPLE))
    assert percent.median() < 1.0
    x, y, z = explored.joints[: explored.swapped].std(0).mean((0, 1))
    assert z > 2 * max(x, y)


def test_the_closest_of_five_is_much_closer_than_the_fit(fitter, explored, crowd):
    errors = torch.stack([errors_of(fitter, crowd, joints) for joints in explored.joints])
    chosen = explored.best(NUMBER)
    answer = torch.stack([errors[found[0][0], person] for person, found in enumerate(chosen)])
    closest = torch.stack([errors[[row for row, _ in found], person].min() for person, found in enumerate(chosen)])
    assert closest.mean() < 0.8 * errors[0].mean()
    assert answer.mean() < 1.05 * errors[0].mean()


def test_a_body_between_all_candidates_is_closer_than_the_fit_to_exact_keypoints(fitter, fitted, explored, crowd):
    _, fit = fitted
    joints = fitter.body(fit.orient, fitter.body_pose(fit), fit.betas).joints[:, :22]
    before, after = (errors_of(fitter, crowd, each).mean() for each in (joints, explored.joints[0]))
    assert after < 0.95 * before


def test_inexact_keypoints_keep_their_fit(fitter, crowd):
    noise = 0.01 * crowd.height[:, None, None] * torch.randn(crowd.xy.shape, generator=torch.Generator().manual_seed(1))
    xy = (crowd.xy + noise)[:2].numpy()
    keypoints = Keypoints(xy, np.ones(xy.shape[:2]), "mediapipe", noise_floor=0.0)
    problem, fit = fitter.solve(keypoints, crowd.camera[torch.arange(2)])
    assert (problem.prior_scale > EXACT_SCALE).all()
    assert torch.equal(fitter.explore(problem, fit).estimate.transl[:2], fit.transl)


def test_a_fit_from_a_given_body_is_kept(fitter, crowd):
    two = torch.arange(2)
    keypoints = Keypoints(crowd.xy[:2].numpy(), np.ones(crowd.xy[:2].shape[:2]), "mediapipe", noise_floor=0.0)
    problem, fit = fitter.solve(keypoints, crowd.camera[two], start=Start(crowd.body_pose[:2], crowd.orient[:2]))
    assert (problem.prior_scale < EXACT_SCALE).all()
    assert torch.equal(fitter.explore(problem, fit).estimate.transl[:2], fit.transl)


def test_probable_candidates_are_closer_than_improbable_ones(fitter, explored, crowd):
    errors = torch.stack([errors_of(fitter, crowd, joints) for joints in explored.joints])
    expected = (explored.probability * errors).sum(0).mean()
    assert expected < 0.85 * errors[: explored.swapped].mean()


def test_swapped_keypoints_are_recognised_and_others_are_not(fitter, explored, crowd):
    mirror = list(FORMATS["mediapipe"].mirror)
    swapped = Keypoints(
        crowd.xy.numpy()[:, mirror], np.ones(crowd.xy.shape[:2]), "mediapipe", noise_floor=0.0
    )  # fmt: skip
    found = fitter.explore(*fitter.solve(swapped, crowd.camera))
    true = fitter.body(crowd.orient, crowd.body_pose, crowd.betas).joints[:, :22]
    true = true - true[:, :1]
    errors = torch.stack([1000 * mpjpe(joints, true) for joints in found.joints])
    assert errors[found.swapped].mean() < 0.4 * errors[: found.swapped].mean()
    hypotheses = [[row for row, _ in rows] for rows in found.best(NUMBER)]
    assert sum(found.swapped in rows for rows in hypotheses) > 0.6 * PEOPLE
    assert found.probability[found.swapped].mean() > 0.05
    assert explored.probability[explored.swapped].mean() < 0.02
